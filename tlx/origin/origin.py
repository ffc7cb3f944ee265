"""What regularizers are given to hold on to."""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tlx.cache.shared import SharedFiles
from tlx.checkpoint.randomness import seed_of
from tlx.data.class_names import positions
from tlx.data.datamodule import TransferData
from tlx.errors import CheckpointError, ConfigError
from tlx.evaluation import to_device
from tlx.functional.buffer import reservoir
from tlx.modules.network import Network
from tlx.origin.evaluated import evaluated
from tlx.origin.original import Original
from tlx.origin.recall import Recall
from tlx.plan import HEAD, Plan, split_part
from tlx.trainer import World
from tlx.types import Batch, FrontierValues, Inputs, Split, Step

__all__ = ["SOURCE", "Origin", "measured"]

SOURCE = "source"
"""Stands for a regularizer where the source alone is asked about."""


class Origin:
    """The network a run starts from, and the data that this network knew.

    Args:
        network: The run's, with the weights that it starts from.
        plan: What trains in the run.
        data: What the run learns.
        source: What the network knew, its samples labelled with original classes; None: not at hand.
        folder: Where what is made of it lies.
        seed: Of the run, >= 0.
        world: This process among those that train together; None: it is alone.
        device: Where to compute before the run does; None: where the network is.
        shared: What runs have in common; None: nothing.
        earlier: Where the run that the weights came from lies what it held on to; None: nowhere.

    Attributes:
        network: The original network.
        pairs: Weights of the run that ever train and were pre-trained: name, now, before. Those of a head
            that goes on from a known one are among them.
        added: Those that were not.
        position: The training batches so far, in the whole run.
    """

    recalls: type[Recall] = Recall

    def __init__(
        self,
        network: Network,
        plan: Plan,
        data: TransferData,
        source: TransferData | None,
        folder: Path,
        seed: int,
        world: World | None = None,
        device: torch.device | None = None,
        shared: SharedFiles | None = None,
        earlier: Path | None = None,
    ) -> None:
        trained = {split_part(part)[0] for phase in plan.phases for part in phase.trains} - {HEAD}
        anew = {stage for phase in plan.phases for stage in phase.reinitialise}
        self.data, self.source, self.folder, self.earlier = data, source, folder, earlier
        self.seed, self.world, self.shared = seed, world or World(), shared
        self._first_device = device or next(network.parameters()).device
        self.position: Callable[[], int] = int
        self._known = network.backbone.known
        self.network = Original(network.backbone, trained)
        before = dict(self.network.named_parameters())
        self.pairs: list[tuple[str, nn.Parameter, Tensor]] = []
        self.added: list[nn.Parameter] = []
        for stage, name, weight in network.named_parts():
            known = network.continues if stage == HEAD else stage in trained and stage not in anew
            if known:
                self.pairs.append((name, weight, before[self.original_name(name)]))
            elif stage in trained or stage == HEAD:
                self.added.append(weight)
        self._run_network = network
        self._recalls: list[Recall] = []
        self._digest = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """What the original network told apart; none where its weights came without a head."""
        backbone = self.network.backbone
        return backbone.original_classes if backbone.original_head is not None else ()

    @property
    def groups(self) -> tuple[range, ...]:
        """The classes of each of the original heads, by their positions; a softmax runs over one group."""
        ends = list(itertools.accumulate(self.network.backbone.original_groups))
        return tuple(range(start, end) for start, end in itertools.pairwise([0, *ends]))

    def original_name(self, name: str) -> str:
        """What the original network calls a weight of `pairs`."""
        newest = f"backbone.original_head.heads.{len(self._known) - 1}."
        return newest + name.removeprefix("head.") if name.startswith("head.") else name

    @property
    def moves(self) -> bool:
        """Whether weights that were pre-trained train now, so that anything could be forgotten."""
        return any(now.requires_grad for _, now, _ in self.pairs)

    @property
    def device(self) -> torch.device:
        """Where the run's network computes."""
        return next(self._run_network.parameters()).device

    @property
    def digest(self) -> str:
        """A hash of the original network, its head and its statistics too."""
        if not self._digest:
            found = hashlib.sha256()
            for name, tensor in self.network.state_dict().items():
                found.update(name.encode())
                found.update(tensor.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
            self._digest = found.hexdigest()
        return self._digest

    def check(self, digest: str) -> None:
        """Hold the weights that a run goes on from against those that it began with.

        Raises:
            CheckpointError: They are other ones.
        """
        if digest != self.digest:
            raise CheckpointError(
                "the weights that this run started from are other ones now, and it holds on to them",
                fix="model.weights as they were, or a new run",
            )

    def need_head(self, name: str) -> None:
        """Refuse a regularizer that asks the original network for its classes where it has none.

        Raises:
            ConfigError: The weights came without a head, or are random.
        """
        self.need_weights(name)
        if not self.classes:
            way = "no data@source" if name == SOURCE else "regularizer=l2sp, which needs the weights alone"
            raise ConfigError(
                f"{_named(name)} asks what the weights made of a sample, and "
                f"{self.network.backbone.weights!r} came without their original head",
                fix=f"{way}, or weights with a head; init_head=kept keeps that of init_from",
            )

    def need_weights(self, name: str) -> None:
        """Refuse a regularizer where nothing was known before.

        Raises:
            ConfigError: The weights are random.
        """
        if self.network.backbone.weights == "random":
            raise ConfigError(
                f"{_named(name)} is about what the weights know, and they are random",
                fix="model.weights=DEFAULT or FILE, init_from=RUN, or "
                + ("no data@source" if name == SOURCE else "regularizer=none"),
            )

    def labels(self, split: Split) -> NDArray[np.int64]:
        """The original class of each sample of the source.

        Raises:
            DataError: The source has classes that the weights do not know.
        """
        found: NDArray[np.int64] = positions(self.source_at_hand.classes, self.classes)[split.labels]
        return found

    @property
    def source_at_hand(self) -> TransferData:
        """The source.

        Raises:
            ConfigError: There is none.
        """
        if self.source is None:
            raise ConfigError("there is no source", fix="data@source=folder source.root=FOLDER")
        return self.source

    def recall(self, ids: NDArray[np.int64]) -> Recall:
        """Training samples of the source, read now and kept; `ids` are their positions in its split."""
        split = self.source_at_hand.splits.train.subset(ids)
        inputs, targets = self.source_at_hand.first(split, len(split)), torch.from_numpy(self.labels(split))
        made = self.recalls(inputs, targets, seed_of(self.seed, 6, len(self._recalls)))
        self._recalls.append(made)
        return made

    def draw(self, recall: Recall, ratio: float, step: Step) -> Tensor:
        """Positions in `recall` for a step, `ratio` for each of its samples, the same when it comes again."""
        return recall.draw(max(1, round(ratio * len(step.targets))), self.position(), self.world.rank)

    def asked(
        self, count: int | None, group: range | None = None, newest: bool = False
    ) -> tuple[TransferData, NDArray[np.int64]]:
        """The data that `batches` takes its samples of, and their positions in its training split."""
        data = self.data if self.source is None else self.source
        train = data.splits.train
        chosen = np.arange(len(train)) if self.source is None else self._samples_of(train, group, newest)
        return data, chosen if count is None else chosen[reservoir(len(chosen), count, self.seed)]

    def batches(self, count: int | None, group: range | None = None, newest: bool = False) -> Iterator[Batch]:
        """Samples for the original network to be measured on, this process's share of them.

        Those of the source, with original classes, or those that the run learns, whose targets say
        nothing of original classes. The ids are positions in the training split.

        Args:
            count: How many at most, drawn by the seed; None: all.
            group: Of the source, those of these classes alone; None: of all.
            newest: Of a source that is joined of several, the last one's alone.
        """
        data, ids = self.asked(count, group, newest)
        train = data.splits.train
        known = torch.from_numpy(self.labels(train)) if self.source is not None else None
        self.network.to(self._first_device)
        for batch in self.read(data, train, ids):
            counted = batch.ids >= 0
            targets = batch.targets[counted] if known is None else known[batch.ids[counted]]
            inputs = to_device(_rows(batch.inputs, counted), self._first_device)
            if len(targets):
                yield Batch(inputs, targets.to(self._first_device), batch.ids[counted])

    def to_measure(self) -> Iterator[Batch]:
        """The samples that `measured` gives of the source; the ids are positions there, or PADDING."""
        split = measured(self.source_at_hand)
        yield from self.read(self.source_at_hand, split, np.arange(len(split)))

    def read(self, data: TransferData, split: Split, ids: NDArray[np.int64]) -> Iterator[Batch]:
        """Batches of the samples `ids` of a split, this process's share; their ids are positions there."""
        places = torch.from_numpy(ids)
        for batch in data.loader(split.subset(ids)):
            yield batch._replace(ids=torch.where(batch.ids < 0, batch.ids, places[batch.ids]))

    def _samples_of(self, train: Split, group: range | None, newest: bool) -> NDArray[np.int64]:
        first = int(getattr(train, "starts", (0,))[-1]) if newest else 0
        ids = np.arange(first, len(train))
        if group is None:
            return ids
        labels = self.labels(train)[ids]
        found: NDArray[np.int64] = ids[(labels >= group.start) & (labels < group.stop)]
        return found

    @property
    def bytes(self) -> int:
        """What is held in memory beside the run's own network."""
        return self.network.bytes + sum(recall.bytes for recall in self._recalls)

    def answer(self, inputs: Inputs | FrontierValues) -> Tensor:
        """What the run's network says of original classes now, in evaluation mode, with a gradient.

        Its running statistics stay those of what the run learns, and no dropout acts.
        """
        with evaluated(self._run_network):
            logits: Tensor = self._run_network(inputs, original=True).original
        return logits

    def settle(self) -> bool:
        """Have all that is held read what the frozen stages of this phase give.

        Returns:
            Whether the original network reads the same values as the run's; else it reads inputs.
        """
        self.network.to(self.device)
        cut = self._run_network.cut
        example = to_device(self.data.first(self.data.splits.train, 2), self.device)
        agrees = self.network.cut_as(cut, example)
        with evaluated(self._run_network):
            for recall in self._recalls:
                recall.settle(cut if agrees and self.moves else None, self.device)
        return agrees


def measured(source: TransferData) -> Split:
    """The samples that measure what is left, which nothing is made of: test, or val where there is none."""
    return source.splits.val if source.splits.test is None else source.splits.test


def _rows(inputs: Inputs | FrontierValues, chosen: Tensor) -> Inputs:
    if isinstance(inputs, FrontierValues):
        raise TypeError("the original network is measured on inputs")
    if isinstance(inputs, dict):
        return {name: value[chosen] for name, value in inputs.items()}
    return inputs[chosen]


def _named(name: str) -> str:
    return "data@source" if name == SOURCE else f"regularizer={name}"
