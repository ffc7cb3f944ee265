"""Where task information sits: a linear probe and nearest neighbours on every stage of a frozen backbone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.probing.linear_probe import Labelled, LinearProbe, linear_probe
from tlx.probing.strengths import SEARCHES
from tlx.protocols.beforehand import check_data, check_reading, check_views
from tlx.protocols.comparison.zero_effort import commonest
from tlx.protocols.frozen import Read, Sampled, neighbour_accuracy, sampled, shares_of, stage_features
from tlx.protocols.given import Given

__all__ = ["Probe", "ProbeResult", "StageProbe"]


@dataclass(frozen=True)
class StageProbe:
    """What one stage tells.

    Args:
        name: Of the stage.
        accuracy: Of the linear probe, on the reported samples.
        low: Of Wilson's 95 % interval.
        high: The same.
        neighbours: Accuracy of nearest neighbours on the same samples.
        dimensions: Features.
        strength: Of the penalty beside the mean loss, chosen on samples that are not reported.
        converged: Whether the fit ended for being flat.
        choosing: Accuracy on the samples that chose the strength, by which the best stage is chosen as well.
    """

    name: str
    accuracy: float
    low: float
    high: float
    neighbours: float
    dimensions: int
    strength: float
    converged: bool
    choosing: float


@dataclass(frozen=True)
class ProbeResult:
    """The answer of `tlx probe`.

    Args:
        stages: From the input up.
        best: The stage whose probe is most accurate on the samples that chose the strengths, of equal ones
            the lowest; none of what is reported chose it.
        reported_on: "test" or "val".
        reported: Samples.
        chosen_on: What chose the strengths, for people.
        chosen: Samples.
        fitted: Samples.
        refitted: Whether the choosing samples were fitted as well in the end.
        k: Of the nearest neighbours.
        majority: Accuracy of always naming the commonest class; where a draw made a tie, all labels decide.
        warnings: What makes the answer less than it looks.
    """

    stages: tuple[StageProbe, ...]
    best: str
    reported_on: str
    reported: int
    chosen_on: str
    chosen: int
    fitted: int
    refitted: bool
    k: int
    majority: float
    warnings: tuple[str, ...]

    def figures(self) -> dict[str, float | None]:
        """Of the best stage, on the samples that are reported."""
        best = next(stage for stage in self.stages if stage.name == self.best)
        found = {"probe_accuracy": best.accuracy, "neighbour_accuracy": best.neighbours}
        return {f"{self.reported_on}/{name}": value for name, value in found.items()}

    def texts(self) -> dict[str, str]:
        """The best stage."""
        return {"best/stage": self.best}


@dataclass(frozen=True)
class Probe:
    """Linear probes (Alain and Bengio 2016, arXiv 1610.01644) and nearest neighbours, stage by stage.

    All features come from one pass over the data. Strengths are chosen on validation data, of data without
    a test split on a fifth of the training samples, and never on what is reported.

    Args:
        stages: Names of those to probe; None: all.
        samples: Training samples at most, drawn alike from every class; of the others as well, >= 2.
        neighbours: k, >= 1.
        search: Of the strength: `binary` or `full`.
        per_decade: Strengths to a factor of 10, from 1e-6 to 1e6, >= 1.
        refit: Whether the chosen strength is fitted once more to training and choosing samples together.

    Raises:
        ConfigError: A value is out of its range.
    """

    stages: Sequence[str] | None = None
    samples: int = 20000
    neighbours: int = 20
    search: str = "binary"
    per_decade: int = 8
    refit: bool = False

    def __post_init__(self) -> None:
        for name, value, least in (("samples", self.samples, 2), ("neighbours", self.neighbours, 1)):
            if value < least:
                raise bad_value(f"probe.{name}", value, f"a whole number >= {least}")
        if self.per_decade < 1:
            raise bad_value("probe.per_decade", self.per_decade, "a whole number >= 1")
        if self.search not in SEARCHES:
            raise unknown_name("probe.search", self.search, SEARCHES)

    def check(self, given: Given) -> None:
        """Refuse stages that there are not, and data that has no classes, or too few samples of one."""
        job = given.makers.job(given.config)
        if job.task.targets != "class":
            raise ConfigError("a probe tells classes apart, one for each sample", fix="task=multiclass")
        check_views(job)
        check_reading(job)
        self._chosen(tuple(job.backbone.stages))
        check_data(job)
        shares_of(job.data, self.samples, job.seed)

    def answer(self, given: Given) -> ProbeResult:
        """Read the features of every stage once, and probe each."""
        job = given.makers.job(given.config)
        shares = shares_of(job.data, self.samples, job.seed)
        return self.told(Read(stage_features(job, given.say), shares, {}), given.say)

    def told(self, read: Read, say: Callable[[str], None]) -> ProbeResult:
        """Probe each stage of what was read.

        Args:
            read: Its probes are taken as they are, so they have to be of these settings.
            say: Takes a line for people.
        """
        features, shares = read.features, read.shares
        fits, chooses, reported = (
            sampled(features, part) for part in (shares.fits, shares.chooses, shares.reported)
        )
        found = []
        for stage in self._chosen(features.stages):
            found.append(self._probed(stage, fits, chooses, reported, read.probes.get(stage)))
            say(f"{stage}: linear probe {found[-1].accuracy:.4f}, k-NN {found[-1].neighbours:.4f}")
        most = commonest(fits.labels.numpy(), shares.labelled)
        ragged = [stage.name for stage in found if not stage.converged]
        return ProbeResult(
            stages=tuple(found),
            best=max(found, key=lambda stage: stage.choosing).name,
            reported_on=shares.reported_on,
            reported=len(reported.labels),
            chosen_on=shares.chosen_on,
            chosen=len(chooses.labels),
            fitted=len(fits.labels),
            refitted=self.refit,
            k=min(self.neighbours, len(fits.labels)),
            majority=float((reported.labels == most).double().mean()),
            warnings=(f"The probe of {', '.join(ragged)} did not converge.",) if ragged else (),
        )

    def _chosen(self, known: Sequence[str]) -> list[str]:
        if self.stages is None:
            return list(known)
        strange = next((stage for stage in self.stages if stage not in known), None)
        if strange is not None or not self.stages:
            raise unknown_name("stage", strange or "", known)
        return [stage for stage in known if stage in self.stages]

    def _probed(
        self, stage: str, fits: Sampled, chooses: Sampled, reported: Sampled, known: LinearProbe | None
    ) -> StageProbe:
        train, validation, asked = (
            Labelled(share.features[stage], share.labels) for share in (fits, chooses, reported)
        )
        probe = known or linear_probe(
            train, validation, asked, refit=self.refit, search=self.search, per_decade=self.per_decade
        )
        return StageProbe(
            name=stage,
            accuracy=probe.accuracy,
            low=probe.low,
            high=probe.high,
            neighbours=neighbour_accuracy(fits, reported, stage, self.neighbours),
            dimensions=fits.features[stage].shape[1],
            strength=probe.strength,
            converged=probe.converged,
            choosing=max(point.accuracy for point in probe.curve if point.strength == probe.strength),
        )
