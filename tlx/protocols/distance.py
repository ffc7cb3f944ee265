"""How far apart two domains are, on what a frozen backbone makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from tlx.cache.part import Part
from tlx.checkpoint.moments import read_moments
from tlx.data.node import data_beside
from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.functional.a_distance import a_distance
from tlx.functional.coral_distance import coral_distance
from tlx.functional.frechet import frechet_distance, frechet_warning
from tlx.functional.gaussian import Gaussian, gaussian_of_moments, gaussian_rows
from tlx.functional.kid import kid, polynomial_mmd
from tlx.functional.mmd import mmd, mmd_test
from tlx.functional.same_domain import Compared, beside_same_domain
from tlx.job import Job
from tlx.protocols.beforehand import check_count, check_data, check_reading, check_views
from tlx.protocols.frozen import drawn, stage_features
from tlx.protocols.given import Given
from tlx.protocols.shared_samples import shared_samples
from tlx.protocols.unread import refuse_unread_settings

__all__ = ["Distance", "DistanceResult", "Measure", "StageDistance"]

FEWEST = 10
"""Samples of a domain, for halves of it are classified in five folds."""
NEVER_NEGATIVE = ("frechet", "coral")
"""Distances whose intervals, which are symmetric, end at 0."""
SPLITS_OF_CLASSIFIERS = 4
"""In which classifiers are trained for the baseline of the proxy A-distance."""


@dataclass(frozen=True)
class Measure:
    """One distance.

    Args:
        name: `frechet`, `kid`, `mmd`, `a_distance` or `coral`.
        value: Of all samples.
        low: Of its 95 % interval, >= 0 of Frechet and CORAL distances, which are never negative, and >= -2
            of the proxy A-distance; KID and MMD are unbiased, and they and their bounds may be negative.
            None where only moments of the source are left.
        high: The same.
        size: Samples of each domain behind `across` and `within`.
        across: Mean distance of so many samples of the source from so many of the target.
        within: The same of the target from itself: what nothing looks like at this size.
        within_high: 97.5 % of the splits of the target lie below.
        p_value: Of a permutation test that both are one distribution; None where there is none.
        warning: What makes the number doubtful; None where nothing does.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    size: int
    across: float
    within: float
    within_high: float
    p_value: float | None
    warning: str | None


@dataclass(frozen=True)
class StageDistance:
    """Every distance on one stage.

    Args:
        name: Of the stage.
        dimensions: D.
        measures: In the order of their names above.
    """

    name: str
    dimensions: int
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class DistanceResult:
    """The answer of `tlx distance`.

    Args:
        source: What the source is called.
        source_samples: N; None where only moments are left of them, and not how many they were.
        target_samples: M.
        stages: From the input up.
        warnings: What makes the answer less than it looks.
    """

    source: str
    source_samples: int | None
    target_samples: int
    stages: tuple[StageDistance, ...]
    warnings: tuple[str, ...]

    def figures(self) -> dict[str, float | None]:
        """Of the last stage, between training samples."""
        return {measure.name: measure.value for measure in self.stages[-1].measures}

    def texts(self) -> dict[str, str]:
        """Nothing: distances are numbers."""
        return {}


class Domains(NamedTuple):
    """Features of one stage: of the source, or what stands for them, and of the target."""

    source: Tensor
    target: Tensor
    moments: Gaussian | None  # of the source, where nothing else is left of it


@dataclass(frozen=True)
class Distance:
    """Distances between source and target features, each beside the same distance within the target.

    Frechet distance (Heusel et al. 2017, arXiv 1706.08500), KID (Binkowski et al. 2018, arXiv 1801.01401),
    MMD with Gaussian kernels (Gretton et al. 2012) and a permutation test, proxy A-distance (Ben-David et
    al. 2010) by one fixed classifier on held-out samples, and the CORAL distance (Sun and Saenko 2016, arXiv
    1607.01719). The source is `data@source`; without one, the mean and covariance that the bundle of
    `init_from` keeps of its training features, for those distances that need no more, on the last stage.

    Args:
        stages: `last`, `all`, or names of stages.
        samples: Of each domain at most, drawn alike from every class, >= 10.
        splits: Of the target into halves, for intervals and baselines, >= 2.
        permutations: Of the test, >= 1.

    Raises:
        ConfigError: A value is out of its range.
    """

    stages: str | Sequence[str] = "last"
    samples: int = 2000
    splits: int = 20
    permutations: int = 1000

    def __post_init__(self) -> None:
        ranges = (("samples", self.samples, FEWEST), ("splits", self.splits, 2))
        for name, value, least in (*ranges, ("permutations", self.permutations, 1)):
            if value < least:
                raise bad_value(
                    f"distance.{name}", value, f"a whole number >= {least}", f"distance.{name}={least}"
                )

    def check(self, given: Given) -> None:
        """Refuse stages that there are not, a source that is nowhere, and domains of too few samples."""
        job = given.makers.job(given.config)
        check_views(job)
        check_reading(job)
        self._chosen(tuple(job.backbone.stages))
        if job.source is None and not given.config["init_from"]:
            raise ConfigError(
                "there is no source to be far from",
                fix="data@source=folder source.root=FOLDER, or init_from=RUN for the moments in its bundle",
            )
        if job.source is None and self.stages != "last":
            raise bad_value("distance.stages", self.stages, "last, for a bundle keeps moments of it alone")
        if job.source is None:
            why, fix = "moments allow no test of permutations", "data@source=CHOICE"
            refuse_unread_settings(self, ["permutations"], why, fix)
            read_moments(Path(str(given.config["init_from"])))
        check_data(job)
        for data in filter(None, (job.data, job.source)):
            check_count(data, FEWEST, "a distance")

    def answer(self, given: Given) -> DistanceResult:
        """Read the features of both domains, and measure."""
        job = given.makers.job(given.config)
        target = stage_features(job, given.say)
        chosen = self._chosen(target.stages)
        part = Part("target", drawn(job.data.splits.train, self.samples, job.seed))
        rows = target.of(part)
        others: Part | None = None
        if job.source is None:
            run = str(given.config["init_from"])
            kept = read_moments(Path(run))
            moments = gaussian_of_moments(*kept)
            stand_in = gaussian_rows(moments, len(part.split), job.seed).float()
            domains = {target.stages[-1]: Domains(stand_in, rows[target.stages[-1]], moments)}
            name, measured = f"training samples of {run}", kept.samples
        else:
            theirs, others = self._of_source(job, given)
            domains = {stage: Domains(theirs[stage], rows[stage], None) for stage in chosen}
            name = data_beside(given.config["source"])
            measured = len(others.split)
        stages = []
        for stage, pair in domains.items():
            given.say(f"{stage}: {pair.target.shape[1]} dimensions")
            stages.append(StageDistance(stage, pair.target.shape[1], self._measures(pair, job.seed)))
        moments_alone = ("Of the source only moments are left: samples of a Gaussian stand for it.",)
        said = moments_alone if others is None else shared_samples(others.split, part.split)
        return DistanceResult(name, measured, len(part.split), tuple(stages), said)

    def _chosen(self, known: Sequence[str]) -> list[str]:
        if isinstance(self.stages, str) and self.stages in ("last", "all"):
            return list(known) if self.stages == "all" else [known[-1]]
        wished = [self.stages] if isinstance(self.stages, str) else list(self.stages)
        strange = next((stage for stage in wished if stage not in known), None)
        if strange is not None or not wished:
            raise unknown_name("stage", strange or "", ["last", "all", *known])
        return [stage for stage in known if stage in wished]

    def _of_source(self, job: Job, given: Given) -> tuple[dict[str, Tensor], Part]:
        source = job.source
        if source is None:
            raise ConfigError("there is no source", fix="data@source=folder source.root=FOLDER")
        features = stage_features(job, given.say, source)
        part = Part("source", drawn(source.splits.train, self.samples, job.seed))
        return features.of(part), part

    def _measures(self, pair: Domains, seed: int) -> tuple[Measure, ...]:
        if pair.moments is not None:
            return tuple(self._of_moments(name, pair, pair.moments, seed) for name in ("frechet", "coral"))
        return (
            self._frechet(pair, seed),
            self._kid(pair, seed),
            self._mmd(pair, seed),
            self._a_distance(pair, seed),
            _measure(
                "coral", beside_same_domain(pair.source, pair.target, coral_distance, self.splits, seed)
            ),
        )

    def _frechet(self, pair: Domains, seed: int) -> Measure:
        found = beside_same_domain(pair.source, pair.target, frechet_distance, self.splits, seed)
        few = frechet_warning(pair.target.shape[1], min(len(pair.source), len(pair.target)))
        return _measure("frechet", found, warning=few or found.warning)

    def _of_moments(self, name: str, pair: Domains, moments: Gaussian, seed: int) -> Measure:
        distance = frechet_distance if name == "frechet" else coral_distance
        value = distance(moments, pair.target)
        found = beside_same_domain(pair.source, pair.target, distance, self.splits, seed, value=value)
        few = _few_behind(moments, pair.target) if name == "frechet" else None
        return _measure(name, found._replace(value=value), bounds=(None, None), warning=few)

    def _kid(self, pair: Domains, seed: int) -> Measure:
        own = kid(pair.source, pair.target, seed=seed)
        found = beside_same_domain(pair.source, pair.target, polynomial_mmd, self.splits, seed, own.value)
        return _measure("kid", found, bounds=(own.low, own.high))

    def _mmd(self, pair: Domains, seed: int) -> Measure:
        test = mmd_test(pair.source, pair.target, self.permutations, seed=seed)
        distance = partial(mmd, bandwidths=test.bandwidths)
        found = beside_same_domain(pair.source, pair.target, distance, self.splits, seed, test.value)
        return _measure("mmd", found, p_value=test.p_value)

    def _a_distance(self, pair: Domains, seed: int) -> Measure:
        own = a_distance(pair.source, pair.target, seed=seed)

        def once(first: Tensor, second: Tensor) -> float:
            return a_distance(first, second, repeats=1, seed=seed).value

        splits = min(self.splits, SPLITS_OF_CLASSIFIERS)
        found = beside_same_domain(pair.source, pair.target, once, splits, seed, own.value)
        return _measure("a_distance", found, bounds=(own.low, own.high))


def _few_behind(moments: Gaussian, target: Tensor) -> str | None:
    """What there is to say of a Frechet distance from moments, whose samples are gone."""
    count, dimensions = target.shape
    if moments.count is not None:
        return frechet_warning(dimensions, min(moments.count, count))
    unknown = "of how many samples the moments are is not known, for the bundle is an older one"
    few = frechet_warning(dimensions, count)
    return f"{unknown}: of few, much of the Frechet distance is bias" if few is None else f"{few}; {unknown}"


def _measure(
    name: str,
    found: Compared,
    bounds: tuple[float | None, float | None] | None = None,
    p_value: float | None = None,
    warning: str | None = None,
) -> Measure:
    low, high = (found.low, found.high) if bounds is None else bounds
    if low is not None and name in NEVER_NEGATIVE:
        low = max(low, 0.0)
    return Measure(
        name,
        found.value,
        low,
        high,
        found.size,
        found.across,
        found.within,
        found.within_high,
        p_value,
        warning or found.warning,
    )
