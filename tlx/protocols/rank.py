"""Which source model: candidates scored on the target's features, before any is trained."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from torch import Tensor

from tlx.backbones.pooled_stages import ORIGINAL
from tlx.errors import ConfigError, TlxError, bad_value
from tlx.figures import higher_is_better
from tlx.functional.h_score import regularized_h_score
from tlx.functional.leep import leep
from tlx.functional.logme import logme
from tlx.functional.nce import nce
from tlx.job import Job
from tlx.probing.linear_probe import Labelled, linear_probe
from tlx.protocols.beforehand import check_fit, check_reading
from tlx.protocols.comparison.arms import Arm, monitored, train_arm
from tlx.protocols.frozen import Read, Shares, neighbour_accuracy, sampled, shares_of, stage_features
from tlx.protocols.given import Given
from tlx.protocols.model_cost import model_cost
from tlx.protocols.results.rank import FEWEST, Candidate, RankResult, agreement_of, too_few
from tlx.protocols.unread import TRAINING, refuse_unread, refuse_unread_settings

__all__ = ["Rank", "candidates_of", "jobs_of"]


@dataclass(frozen=True)
class Rank:
    """Scores of candidates for a target, from one pass over its samples each; only linear probes train.

    A probe's penalty is chosen as `tlx.protocols.probe` does it, on samples that are not reported.
    The candidates are `model` and those named here. Scores of different numbers of features are comparable
    as LogME, LEEP, NCE and accuracies are; H-scores of more features tend to be greater, also where these
    know nothing of the classes: `h_score` most, the regularised one of this answer less.

    Args:
        models: Each a choice of `conf/model`, or the words of a command line that choose one, such as
            `model=squeezenet1_1 model.weights=FILE`.
        samples: Training samples at most, drawn alike from every class; of the others as well, >= 2.
        finetune: Whether each candidate is trained by the config's strategy too, to hold the scores against.
        seeds: Of that, >= 1.

    Raises:
        ConfigError: A value is out of its range.
    """

    models: Sequence[str] = ()
    samples: int = 5000
    finetune: bool = False
    seeds: int = 1

    def __post_init__(self) -> None:
        for name, value, least in (("samples", self.samples, 2), ("seeds", self.seeds, 1)):
            if value < least:
                raise bad_value(f"rank.{name}", value, f"a whole number >= {least}")
        if not all(isinstance(words, str) for words in self.models):
            raise bad_value(
                "rank.models", list(self.models), "texts", 'rank.models=[resnet18,"model=resnet50"]'
            )

    def check(self, given: Given) -> None:
        """Refuse a single candidate, one that cannot be built, and data without classes."""
        if len(candidates_of(given, self.models)) < 2:
            raise ConfigError("one candidate cannot be ranked", fix="rank.models=[resnet18,resnet50]")
        job = given.makers.job(given.config)
        if job.task.targets != "class":
            raise ConfigError("rank scores classes, one for each sample", fix="task=multiclass")
        if not self.finetune:
            why, fix = "rank.finetune=false trains no candidate", "rank.finetune=true"
            refuse_unread(given, TRAINING, why, fix)
            refuse_unread_settings(self, ["seeds"], why, fix)
        check_reading(job)
        shares_of(job.data, self.samples, job.seed)
        for candidate in jobs_of(given, self.models):
            if self.finetune:
                check_fit(candidate)

    def answer(self, given: Given) -> RankResult:
        """Score every candidate, and fine-tune them where that is asked for."""
        return self.scored(given)[0]

    def scored(self, given: Given) -> tuple[RankResult, Read]:
        """The answer, and what was read of the best candidate."""
        best: list[tuple[float, Read]] = []
        scored, warnings, figure = list[Candidate](), list[str](), None
        job = given.makers.job(given.config)
        shares = shares_of(job.data, self.samples, job.seed)
        for name, config in candidates_of(given, self.models).items():
            job = given.makers.job(config)
            if job.backbone.weights == "random":
                warnings.append(f"{name} has random values: its scores are those of no knowledge.")
            found, read = self._scored(name, job, shares, given)
            if not best or found.logme > best[0][0]:
                best = [(found.logme, read)]
            if not all(probe.converged for probe in read.probes.values()):
                warnings.append(f"The linear probe of {name} did not converge.")
            given.say(
                f"{name}: LogME {found.logme:.4f}, k-NN {found.neighbours:.4f}, probe {found.probe:.4f}"
            )
            if self.finetune:
                figure = monitored(config)
                arm = Arm(name.replace("/", "_").replace(" ", "_"), config)
                scale = float(config["rate_scale"])
                runs = [train_arm(given, arm, scale, config["seed"] + seed) for seed in range(self.seeds)]
                found = replace(found, finetuned=fmean(float(run.summary[figure]) for run in runs))
            scored.append(found)
        ordered = sorted(scored, key=lambda candidate: -candidate.logme)
        agreement = agreement_of(ordered, higher_is_better(figure)) if figure else ()
        if figure and len(ordered) < FEWEST:
            warnings.append(too_few(len(ordered)))
        result = RankResult(
            tuple(ordered),
            ordered[0].name,
            len(shares.fits.split),
            shares.reported_on,
            len(shares.reported.split),
            shares.chosen_on,
            figure,
            agreement,
            tuple(warnings),
        )
        return result, best[0][1]

    def _scored(self, name: str, job: Job, shares: Shares, given: Given) -> tuple[Candidate, Read]:
        features = stage_features(job, given.say)
        fits, chosen, reported = (
            sampled(features, part) for part in (shares.fits, shares.chooses, shares.reported)
        )
        last, labels = features.stages[-1], fits.labels
        rows = fits.features[last]
        train, validation, asked = (
            Labelled(share.features[last], share.labels) for share in (fits, chosen, reported)
        )
        probe = linear_probe(train, validation, asked, refit=False)
        original: Tensor | None = fits.features.get(ORIGINAL)
        weights = list(job.backbone.net.state_dict().values())
        seconds, layer = model_cost(features)
        candidate = Candidate(
            name=name,
            logme=logme(rows, labels).score,
            leep=None if original is None else leep(original.double().softmax(1), labels),
            nce=None if original is None else nce(original.argmax(1), labels),
            h_score=regularized_h_score(rows, labels).score,
            neighbours=neighbour_accuracy(fits, chosen, last),
            probe=probe.accuracy,
            dimensions=rows.shape[1],
            parameters=sum(each.numel() for each in job.backbone.net.parameters()),
            bytes=sum(each.numel() * each.element_size() for each in weights),
            layer_bytes=layer,
            seconds=seconds,
            finetuned=None,
        )
        return candidate, Read(features, shares, {last: probe})


def candidates_of(given: Given, models: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The config of each candidate by its words, that of the question first.

    Args:
        given: Its config holds a model.
        models: Choices of `conf/model`, or words that choose one.

    Raises:
        ConfigError: Words choose something else.
    """
    own = str(given.config["names"]["model"])
    found: dict[str, Mapping[str, Any]] = {own: given.config}
    for text in models:
        words = [text] if "=" not in text else shlex.split(text)
        words = [word if "=" in word else f"model={word}" for word in words]
        strange = next((word for word in words if not word.startswith(("model=", "model."))), None)
        if strange is not None:
            raise bad_value("rank.models", strange, "words such as model=resnet18 model.weights=FILE")
        composed = given.makers.composed(words)
        if composed["model"] in [config["model"] for config in found.values()]:
            continue
        name = str(composed["names"]["model"])
        name = text if name in found else name
        names = {**given.config["names"], "model": name}
        found[name] = {**given.config, "model": composed["model"], "names": names}
    return found


def jobs_of(given: Given, models: Sequence[str]) -> Iterator[Job]:
    """The job of each candidate, one after another, for no more than one has to be in memory.

    Args:
        given: Its config holds a model.
        models: As of `candidates_of`.

    Raises:
        TlxError: A candidate cannot be built, or does not read such data.
    """
    for name, config in candidates_of(given, models).items():
        try:
            job = given.makers.job(config)
        except TlxError as error:
            raise type(error)(f"the candidate {name}: {error.what}", error.where, error.fix) from error
        yield job
