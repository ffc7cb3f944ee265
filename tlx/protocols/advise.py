"""What to do: the target measured, the models scored, the strategies in a short tournament."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlx.assembly import build_network, origin_of, plan_of
from tlx.cache.part import Part
from tlx.command_line import SCRATCH
from tlx.data.class_names import positions
from tlx.errors import ConfigError, DataError, bad_value, unknown_name
from tlx.job import Job
from tlx.protocols.advice.compared_runs import ComparedRuns
from tlx.protocols.advice.fewer_samples import fewer_samples
from tlx.protocols.advice.reasons import reasons_of, warnings_of
from tlx.protocols.advice.run_seconds import RunSeconds, Sizes
from tlx.protocols.advice.target import target_of
from tlx.protocols.advice.target_findings import findings_of
from tlx.protocols.advice.tournament import Entry, Played, Tournament
from tlx.protocols.beforehand import check_data, check_reading
from tlx.protocols.comparison.arms import monitored
from tlx.protocols.distance import Distance
from tlx.protocols.frozen import Read, drawn, shares_of
from tlx.protocols.given import Given
from tlx.protocols.label_guides import Guide, label_guides
from tlx.protocols.probe import Probe
from tlx.protocols.rank import Rank, candidates_of, jobs_of
from tlx.protocols.results.advise import AdviseResult, Noticed, Risk
from tlx.trainer import World

__all__ = ["Advise"]

ALWAYS = ("strategy=feature_extraction", "strategy=lp_ft", "strategy=fine_tune", SCRATCH)
"""Take part beside what the rules of thumb say."""


@dataclass(frozen=True)
class Advise:
    """A recommendation, and what it rests on.

    Counts and two rules of thumb; faults of the data; scores of the models (`tlx rank`) and what the stages
    of the best one tell (`tlx probe`); the distance from `data@source`, if there is one; then a tournament of
    short runs within a budget of seconds, whose frozen parts are computed once for all of them. Everything is
    decided on training and validation data: of the test split only classes are counted and copies looked for.
    What is played follows the clock: an answer that goes on after a kill may have played other runs.

    Args:
        models: Further candidates beside `model`, as in `tlx rank`.
        strategies: Words that choose what takes part, such as `full` or `strategy=full strategy.epochs=10`;
            None: what the rules of thumb say, a few that are always worth a try, and from scratch.
        rates: Factors of the winner's rates, > 0.
        regularizers: Tried with a winner that trains the backbone, if its weights know something: choices of
            `conf/regularizer`.
        budget: Seconds by which the tournament is planned, > 0: no run but the first begins that is expected
            to end beyond it; one that has begun ends.
        samples: Training samples at most, drawn alike from every class, that are scored and trained on, >= 2.
        margin: The gain over scratch that counts, >= 0.

    Raises:
        ConfigError: A value is out of its range.
    """

    models: Sequence[str] = ()
    strategies: Sequence[str] | None = None
    rates: Sequence[float] = (0.3, 1.0, 3.0)
    regularizers: Sequence[str] = ("l2sp",)
    budget: float = 300.0
    samples: int = 5000
    margin: float = 0.01

    def __post_init__(self) -> None:
        if not self.budget > 0:
            raise bad_value("advise.budget", self.budget, "seconds > 0")
        if self.samples < 2:
            raise bad_value("advise.samples", self.samples, "a whole number >= 2")
        if not all(rate > 0 for rate in self.rates):
            raise bad_value("advise.rates", list(self.rates), "numbers > 0", "advise.rates=[0.3,1,3]")
        if not self.margin >= 0:
            raise bad_value("advise.margin", self.margin, "a number >= 0")
        if self.strategies is not None and not self.strategies:
            raise bad_value("advise.strategies", [], "at least one strategy", "advise.strategies=null")

    def check(self, given: Given) -> None:
        """Refuse data without classes, words that choose nothing, and regularizers that lack something."""
        job = given.makers.job(given.config)
        if job.task.targets != "class":
            raise ConfigError("advise counts one class for each sample", fix="task=multiclass")
        check_reading(job)
        check_data(job)
        shares_of(_without_test(given)(given.config).data, self.samples, job.seed)
        for _ in jobs_of(given, self.models):
            pass  # which builds it
        self._check_regularizers(given)
        for entry in self._entries(given, given.config, ()) if self.strategies else ():
            plan_of(given.makers.job(entry.config))

    def answer(self, given: Given) -> AdviseResult:
        """Measure, score, play and recommend."""
        job = given.makers.job(given.config)
        target = target_of(job.data.splits)
        unseen = given._replace(makers=given.makers._replace(job=_without_test(given)))
        models, read = Rank(models=self.models, samples=self.samples).scored(unseen)
        config = candidates_of(given, self.models)[models.best]
        chosen, own = unseen._replace(config=config), given._replace(config=config)
        probe = Probe(samples=self.samples).told(read, given.say)
        distance = Distance().answer(chosen) if job.source is not None else None
        best = own.makers.job(config)
        guides = label_guides([row.train for row in target.counts if row.train], tuple(best.backbone.stages))
        findings = findings_of(best, read.features, self._parts(best, read))
        data = fewer_samples(config["data"], best.data.splits, self.samples, best.seed)
        fewer = own._replace(config={**config, "data": data})
        small = own.makers.job(fewer.config)
        played = self._tournament(fewer, small, models.candidates[0].seconds / 1000, guides)
        winner = played.play()
        compared = ComparedRuns(small, played, given.makers.trust)
        entrants, risk = compared.entrants(winner), compared.risk(self.margin)
        entry = self._recommended(own, guides, played, winner, risk)
        words = _command(own, config, entry)
        return AdviseResult(
            recommended_model=models.best,
            strategy=" ".join(word for word in shlex.split(entry.name) if word.startswith("strategy")),
            regularizer=next(iter(entry.config["regularizer"]), "none"),
            rate_scale=entry.rate,
            words=words,
            reasons=reasons_of(models, guides, entrants, probe, risk, distance),
            figure=monitored(config),
            target=target,
            guides=guides,
            models=models,
            probe=probe,
            distance=distance,
            entrants=entrants,
            skipped=tuple(played.skipped),
            risk=risk,
            findings=tuple(Noticed(found.level, found.what, found.fix) for found in findings),
            budget=self.budget,
            spent=played.spent,
            trained_on=len(small.data.splits.train),
            warnings=warnings_of(
                models, probe, entrants, played.skipped, len(small.data.splits.train), target.train
            ),
        )

    def _parts(self, job: Job, read: Read) -> dict[str, tuple[Part, ...]]:
        """What was read of each split, and of test, which decided nothing so far, as many samples."""
        shares, test = read.shares, job.data.splits.test
        parts: dict[str, tuple[Part, ...]] = {"train": (shares.fits, shares.chooses)}
        parts["val"] = (shares.reported,)
        if test is not None:
            parts["test"] = (Part("test", drawn(test, self.samples, job.seed)),)
        return parts

    def _tournament(self, given: Given, job: Job, forward: float, guides: Sequence[Guide]) -> Tournament:
        train, val, test, _ = job.data.splits
        sizes = Sizes(len(train), len(val), 0 if test is None else len(test), forward)
        config = {**given.config, **({} if _holds_source(job) else {"source": None})}
        return Tournament(
            given,
            self._entries(given, config, guides),
            self.rates,
            {} if job.backbone.weights == "random" else self._regularizers(given),
            self.budget,
            RunSeconds(given.folder / "seconds.json", sizes),
        )

    def _recommended(
        self,
        given: Given,
        guides: Sequence[Guide],
        played: Tournament,
        winner: Played | None,
        risk: Risk | None,
    ) -> Entry:
        """The winner; from scratch where knowing does harm; a rule of thumb where nothing was run."""
        if risk is not None and risk.verdict == "negative transfer":
            return next(each.entry for each in played.played if each.entry.from_scratch)
        if winner is not None:
            return winner.entry
        by_rule = [entry for entry in played.entries if entry.name == guides[-1].strategy]
        return (by_rule or list(played.entries))[0]

    def _entries(self, given: Given, config: Mapping[str, Any], guides: Sequence[Guide]) -> list[Entry]:
        texts = self.strategies or list(dict.fromkeys([*(guide.strategy for guide in guides), *ALWAYS]))
        found: list[Entry] = []
        for text in texts:
            words = _words_of(text)
            composed = given.makers.composed(words)
            names = {**config["names"], "strategy": composed["names"]["strategy"]}
            of = {**config, "strategy": composed["strategy"], "names": names, "regularizer": {}}
            of |= {"source": None} if words[0] == SCRATCH else {}
            if composed["strategy"] not in [entry.config["strategy"] for entry in found]:
                found.append(Entry(" ".join(words), of))
        return found

    def _check_regularizers(self, given: Given) -> None:
        """Refuse a regularizer without what it needs of any candidate, before the tournament comes to it."""
        nodes, plain = self._regularizers(given), given.makers.composed([ALWAYS[0]])["strategy"]
        for config in candidates_of(given, self.models).values() if nodes else ():
            job = given.makers.job({**config, "strategy": plain, "regularizer": nodes})
            if job.backbone.weights == "random":
                continue
            unknown = _unknown_classes(job)
            job.source = job.source if _holds_source(job) else None
            try:
                origin_of(job, build_network(job), plan_of(job), Path(), World())
            except ConfigError as error:
                raise (unknown or error) from error

    def _regularizers(self, given: Given) -> dict[str, Mapping[str, Any]]:
        return {
            name: given.makers.composed([f"regularizer={name}"])["regularizer"][name]
            for name in self.regularizers
        }


def _holds_source(job: Job) -> bool:
    """Whether runs may measure what they forget of `data@source`: classes that the original head knows."""
    has_both = job.source is not None and job.backbone.original_head is not None
    return has_both and _unknown_classes(job) is None


def _unknown_classes(job: Job) -> DataError | None:
    """Why classes of `data@source` are none that the original head knows, where there are both."""
    if job.source is not None and job.backbone.original_head is not None:
        try:
            positions(job.source.classes, job.backbone.original_classes)
        except DataError as error:
            return error
    return None


def _without_test(given: Given) -> Callable[[Mapping[str, Any]], Job]:
    """Makes jobs whose data has no test split, so that nothing is decided on it."""

    def made(config: Mapping[str, Any]) -> Job:
        job = given.makers.job(config)
        job.data.splits = job.data.splits._replace(test=None)
        return job

    return made


def _words_of(text: str) -> list[str]:
    first, *more = shlex.split(text) or [""]
    words = [first if "=" in first else f"strategy={first}", *more]
    strange = next((word for word in words if not word.startswith(("strategy=", "strategy."))), None)
    if strange is not None or not words or not words[0].startswith("strategy="):
        raise unknown_name(
            "advise.strategies", strange or text, ["fine_tune", "strategy=full strategy.epochs=10"]
        )
    return words


def _command(given: Given, config: Mapping[str, Any], entry: Entry) -> tuple[str, ...]:
    """The words of the recommended run: all data, all epochs."""
    recommended = {**entry.config, "data": config["data"], "rate_scale": entry.rate, "page": True}
    try:
        return tuple(given.makers.words(recommended))
    except ConfigError:  # a node of somebody's own, which no choice builds
        return ()
