"""The data of one run: splits, loaders, and the position a resumed run goes on from."""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from lightning import LightningDataModule
from numpy.typing import NDArray
from torch.utils.data import Sampler

from tlx.data.checks import check_splits
from tlx.data.loader import Loader
from tlx.data.order import EpochBatches, EvaluationBatches, FillBatches, Pairs, batches_in_epoch
from tlx.data.samples import Samples
from tlx.data.sources import splits_of, told_of
from tlx.data.stored import Stored, StoredSamples
from tlx.data.stratified import few_shot
from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.plan import Phase
from tlx.types import ClassesFrom, Inputs, Preprocessing, Source, Split, Splits, Targets

__all__ = ["Augment", "TransferData"]

Augment = Literal["auto", "none", "always"]


class TransferData(LightningDataModule):
    """A source of samples, ready to train on.

    Order is pure in (seed, epoch, offset) and augmentation in (seed, epoch, index); so the
    batches do not depend on workers, ranks or restarts. The trainer must leave the samplers
    alone (`use_distributed_sampler=False`).

    Attributes set by the job, before it asks for the splits:
        targets: What the task needs a sample to be labelled with: "class", "classes", "numbers".
        node: The node of the config that it was built from, `data` or `source`, for messages.
        classes_from: "all" where a network knows the classes, and none needs a training sample.

    Attributes set by the fit, before it asks for a loader:
        preprocessing: What the backbone's weights were trained with.
        augmenting: Whether training samples vary, see `phase_augments`.
        position: Global batches processed so far in the whole run.
        rank, world_size: This process, and how many train together.
        stored: What stands for the samples of "train" and "val", where the frozen part of the network
            was computed before.
        views: Variations of each training sample that the phase reads in turn; None: no two epochs have
            the same.

    Args:
        source: Where samples come from.
        batch_size: Samples per training batch over all ranks, >= 1.
        eval_batch_size: The same for validation, test and prediction; None: `batch_size`.
        num_workers: Processes that load, per rank; 0 loads in the main process.
        worker_timeout: Seconds after which a loading process that gives no batch is an error, > 0.
        per_class: Train on so many samples of each class; None: on all. The draw of a
            smaller number is part of the draw of a larger one. Where a sample has several
            classes, at least so many of each; refused where targets are numbers.
        augment: "auto" varies images while a stage of the backbone trains; "none"; "always",
            which texts and permuted images do not take. How an image varies belongs to the
            preprocessing (a random part of it, mirrored where the source says that this suits).
        seed: Of order, augmentation and the few-shot draw; a whole number >= 0.

    Raises:
        ConfigError: A value is out of its range.
    """

    def __init__(
        self,
        source: Source,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        num_workers: int = 0,
        worker_timeout: float = 1800.0,
        per_class: int | None = None,
        augment: str = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("eval_batch_size", eval_batch_size or batch_size, 1),
            ("num_workers", num_workers, 0),
            ("per_class", 1 if per_class is None else per_class, 1),
            ("seed", seed, 0),
        ):
            if value < least:
                raise bad_value(name, value, f"a whole number >= {least}")
        if not worker_timeout > 0:
            raise bad_value("worker_timeout", worker_timeout, "a number of seconds > 0")
        if eval_batch_size == 0:
            raise bad_value("eval_batch_size", 0, "a whole number >= 1, or null for batch_size")
        if augment not in get_args(Augment):
            raise unknown_name("data.augment", augment, get_args(Augment))
        if augment == "always" and source.kind == "text":
            raise bad_value("augment", augment, "auto or none: texts do not vary", "data.augment=auto")
        if augment == "always" and not _part_counts(source):
            said = "auto or none: no part of such a picture shows what the whole does"
            raise bad_value("augment", augment, said, "data.augment=auto")
        self.source = source
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size or batch_size
        self.num_workers, self.worker_timeout = num_workers, worker_timeout
        self.per_class = per_class
        self.augment, self.seed = augment, seed
        self.targets: Targets = "class"
        self.classes_from: ClassesFrom = "train"
        self.node = "data"
        self.preprocessing: Preprocessing | None = None
        self.augmenting = False
        self.position: Callable[[], int] = int
        self.rank, self.world_size = 0, 1
        self.stored: Mapping[str, Stored] = {}
        self.views: int | None = None

    @functools.cached_property
    def splits(self) -> Splits:
        """Found and checked at first use; the few-shot draw is made on train alone."""
        found = self._found
        if self.per_class is None:
            return found
        with told_of(self.node, vars(self)):
            chosen = few_shot(found.train.labels, self.per_class, self.seed, found.classes)
        return found._replace(train=found.train.subset(chosen))

    @functools.cached_property
    def _found(self) -> Splits:
        found = splits_of(self.source, self.targets, self.classes_from, self.node, vars(self))
        with told_of(self.node, vars(self)):
            check_splits(found, self.targets, self.classes_from)
        return found

    @property
    def labelled(self) -> NDArray[Any]:
        """Labels of all training samples, of those too that `per_class` leaves out, (N,) or (N, K)."""
        return self._found.train.labels

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, or of the numbers; a class is a position in them."""
        return self.splits.classes

    def fingerprint(self) -> str:
        """A hash that changes when a sample, a label, a class name or a split does."""
        train, val, test, classes = self.splits
        parts = [split.fingerprint() if split is not None else None for split in (train, val, test)]
        return hashlib.sha256(json.dumps([parts, classes]).encode()).hexdigest()

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """The files that the source left out as unusable, each with the reason."""
        _ = self.splits  # which finds them
        return list(getattr(self.source, "skipped", ()))

    @property
    def batches_per_epoch(self) -> int:
        """Global training batches in an epoch."""
        return batches_in_epoch(len(self.splits.train), self.batch_size)

    @property
    def can_vary(self) -> bool:
        """Whether training samples vary in some phase of some strategy."""
        return self.augment != "none" and self.source.kind == "image" and _part_counts(self.source)

    def phase_augments(self, phase: Phase) -> bool:
        """Whether training samples vary during a phase: by default where a stage trains."""
        if self.augment == "auto":
            return phase.trains_backbone and self.can_vary
        return self.augment == "always"

    def train_dataloader(self) -> Loader:
        """The batches from `position` to the end of its epoch; later epochs are whole."""
        train = self.splits.train
        batches = EpochBatches(
            len(train), self.batch_size, self.seed, self.rank, self.world_size, lambda: self.position()
        )
        if "train" not in self.stored:
            return self._loader(self._samples(train, self.augmenting), batches)
        views = self.views if self.augmenting and self.views else 1
        return self._loader(StoredSamples(self.stored["train"], train.labels, views), batches, workers=0)

    def val_dataloader(self) -> Loader:
        """The validation split in index order."""
        return self.loader(self.splits.val, self.stored.get("val"))

    def test_dataloader(self) -> Loader:
        """The test split in index order.

        Raises:
            ConfigError: The data has none.
        """
        if self.splits.test is None:
            raise ConfigError(
                "the data has no test split", fix="data.test_fraction, or a test folder or file"
            )
        return self.loader(self.splits.test)

    def loader(self, split: Split, stored: Stored | None = None) -> Loader:
        """Any split in index order, never augmented; ids tell fillers from samples.

        Args:
            split: What to read.
            stored: What stands for its samples.
        """
        batches = EvaluationBatches(len(split), self.eval_batch_size, self.rank, self.world_size)
        if stored is not None:
            return self._loader(StoredSamples(stored, split.labels), batches, workers=0)
        return self._loader(self._samples(split), batches)

    def blocks(self, split: Split, blocks: Sequence[int], augment: bool = False) -> Loader:
        """Blocks of a split as `FillBatches` makes them, of as many samples as an evaluation's batch."""
        return self._loader(
            self._samples(split, augment), FillBatches(len(split), self.eval_batch_size, blocks)
        )

    def first(self, split: Split, count: int, augment: bool = False) -> Inputs:
        """The first samples of a split, ready for a network; where they vary, as in the first epoch.

        Raises:
            TlxError: One of them cannot be read.
        """
        return self.chosen(split, [(0, index) for index in range(min(count, len(split)))], augment)

    def chosen(self, split: Split, pairs: Pairs, augment: bool = False) -> Inputs:
        """Any samples of a split, ready for a network; where they vary, as in the epoch of each pair.

        Args:
            split: What to read.
            pairs: Epochs and positions.
            augment: Whether they vary.

        Raises:
            TlxError: One of them cannot be read.
        """
        return self._samples(split, augment).inputs(pairs)

    def _samples(self, split: Split, augment: bool = False) -> Samples:
        if self.preprocessing is None:
            raise ConfigError(
                "the data has no preprocessing yet", fix="data.preprocessing = backbone.preprocessing"
            )
        if self.preprocessing.kind != self.source.kind:
            raise ConfigError(
                f"the model reads {self.preprocessing.kind} and the data is {self.source.kind}",
                fix=f"a model for {self.source.kind}, or other data",
            )
        return Samples(
            split,
            self.preprocessing,
            augment=augment,
            flip=self.source.flip,
            seed=self.seed,
            views=self.views,
        )

    def _loader(
        self, samples: Samples | StoredSamples, batches: Sampler[Pairs], workers: int | None = None
    ) -> Loader:
        workers = self.num_workers if workers is None else workers
        return Loader(samples, batches, workers, self.worker_timeout, self._on_cuda())

    def _on_cuda(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"


def _part_counts(source: Source) -> bool:
    """Whether a part of a sample still belongs to its class, as that of most pictures does."""
    return bool(getattr(source, "crop", True))
