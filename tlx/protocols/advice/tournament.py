"""Short runs against each other, within a budget of seconds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tlx.assembly import plan_of
from tlx.command_line import SCRATCH
from tlx.figures import higher_is_better
from tlx.plan import HEAD, Plan
from tlx.protocols.advice.run_seconds import RunSeconds
from tlx.protocols.comparison.arms import Arm, Finished, monitored
from tlx.protocols.given import Given

__all__ = ["Entry", "Played", "Tournament"]

FIRST_ROUND = 0.4
"""Of the budget: the rest is for the better half, rates and regularizers."""
LONGER = 3
"""Times that the better half trains longer (Jamieson and Talwalkar 2016, arXiv 1502.07943)."""
MOST_EPOCHS = 10
"""Of a phase in the first round."""


@dataclass(frozen=True)
class Entry:
    """What takes part.

    Args:
        name: The words of a command line that choose it.
        config: Of a fit.
        rate: Multiplies every rate of its plan.
    """

    name: str
    config: Mapping[str, Any]
    rate: float = 1.0

    @property
    def from_scratch(self) -> bool:
        """Whether it knows nothing."""
        return self.name.split()[0] == SCRATCH


@dataclass(frozen=True)
class Played:
    """A run of an entry.

    Args:
        entry: Which.
        limit: Epochs of a phase at most.
        run: That was trained.
        value: The validation figure that selects the epoch.
        seconds: That it took.
    """

    entry: Entry
    limit: int
    run: Finished
    value: float
    seconds: float


class Tournament:
    """Successive halving over strategies, then rates and regularizers of the winner.

    In the first round all train for a few epochs, the head alone in full, in the second the better half for
    three times as many (Jamieson and Talwalkar 2016, arXiv 1502.07943); each trains anew, so that its
    schedule is that of its length. Then the winner is tried at other rates, and with regularizers where it
    trains the backbone. From scratch comes along to the second round, to compare with, and both run in full
    where there is room left. No run begins that is expected to end beyond the budget, but for the first.
    All is decided on validation data.

    Args:
        given: Trains.
        entries: What takes part; the cheapest runs first.
        rates: Factors of the winner's rates.
        regularizers: Each the node of a config by its name.
        budget: Seconds.
        seconds: What runs cost.
    """

    def __init__(
        self,
        given: Given,
        entries: Sequence[Entry],
        rates: Sequence[float],
        regularizers: Mapping[str, Mapping[str, Any]],
        budget: float,
        seconds: RunSeconds,
    ) -> None:
        self.given, self.entries, self.rates, self.regularizers = given, entries, rates, regularizers
        self.budget, self.seconds = budget, seconds
        self.played: list[Played] = []
        self.skipped: list[str] = []
        self._plans: dict[str, Plan] = {}

    def play(self) -> Played | None:
        """Play all rounds that the budget has room for; the winner, or None where nothing could be run."""
        epochs = self.seconds.epochs or self.seconds.settle(self._first_epochs())
        cheapest_first = sorted(self.entries, key=lambda e: self.seconds.reckoned(self.plan(e, epochs)))
        first = [found for entry in cheapest_first if (found := self._run(entry, epochs))]
        if not first:
            return None
        for played in self._better_half(first):
            self._run(played.entry, epochs * LONGER)
        able = [played for played in self.played if not played.entry.from_scratch] or first
        winner = self._with_regularizers(self._with_rates(self._ordered(able)[0]))
        self._in_full(winner)
        return winner

    def plan(self, entry: Entry, limit: int | None = None) -> Plan:
        """What an entry's strategy compiles to, in full or with so many epochs of a phase at most.

        The head alone is always trained in full: it reads what the frozen part gave once.
        """
        if entry.name not in self._plans:
            self._plans[entry.name] = plan_of(self.given.makers.job(entry.config))
        plan = self._plans[entry.name]
        most = math.inf if limit is None or _only_head(plan) else limit
        return replace(plan, phases=tuple(replace(p, epochs=int(min(p.epochs, most))) for p in plan.phases))

    @property
    def spent(self) -> float:
        """Seconds of all runs so far."""
        return sum(played.seconds for played in self.played)

    def _in_full(self, winner: Played) -> None:
        """The winner and scratch at their whole length, where there is room for both: short runs flatter."""
        scratch = next((entry for entry in self.entries if entry.from_scratch), None)
        if scratch is None or winner.entry.from_scratch:
            return
        plans = [self.plan(entry) for entry in (scratch, winner.entry)]
        longest = max(phase.epochs for plan in plans for phase in plan.phases)
        if self.spent + sum(map(self._expected, plans)) <= self.budget:
            for entry in (scratch, winner.entry):
                self._run(entry, longest)

    def _first_epochs(self) -> int:
        """The most epochs of a phase for which the first round keeps within its share."""
        share = FIRST_ROUND * self.budget
        return next((n for n in range(MOST_EPOCHS, 1, -1) if self._reckoned(n) <= share), 1)

    def _reckoned(self, limit: int) -> float:
        return sum(self.seconds.reckoned(self.plan(entry, limit)) for entry in self.entries)

    def _run(self, entry: Entry, limit: int) -> Played | None:
        """A run, or None where the budget has no room for it."""
        plan = self.plan(entry, limit)
        for before in self.played:
            if before.entry == entry and self.is_of(limit, before):
                return before
        if self.played and self.spent + self._expected(plan) > self.budget:
            epochs = f"{plan.max_epochs} epoch{'' if plan.max_epochs == 1 else 's'}"
            self.skipped.append(f"{_told(entry)}, {epochs}")
            return None
        longest, seed = max(phase.epochs for phase in plan.phases), int(entry.config["seed"])
        arm = Arm(_folder(entry), _limited(entry.config, longest))
        run = self.seconds.train(self.given, arm, entry.rate, seed, f"epochs{longest}-")
        value = float(run.summary[monitored(entry.config)])
        self.played.append(Played(entry, limit, run, value, self.seconds.of(run)))
        return self.played[-1]

    def _expected(self, plan: Plan) -> float:
        """Seconds that a plan will take, in the light of those before."""
        reckoned = sum(self.seconds.reckoned(self.plan(each.entry, each.limit)) for each in self.played)
        return self.seconds.reckoned(plan) * self.spent / reckoned

    def _better_half(self, first: Sequence[Played]) -> list[Played]:
        """The best, then scratch to compare it with, then the others."""
        best, *others = [played for played in self._ordered(first) if not played.entry.from_scratch] or first
        scratch = [played for played in first if played.entry.from_scratch and played is not best]
        return [best, *scratch, *others[: max(1, math.ceil((len(others) + 1) / 2) - 1)]]

    def is_of(self, limit: int, played: Played) -> bool:
        """Whether a run is what so many epochs of a phase at most give: of that round, or done before it."""
        return self.plan(played.entry, limit) == self.plan(played.entry, played.limit)

    def in_full(self, played: Played) -> bool:
        """Whether a run was as long as its strategy says."""
        return self.plan(played.entry) == self.plan(played.entry, played.limit)

    def against_scratch(self) -> tuple[Played, Played] | None:
        """The best run that knows something and one from scratch, of the longest round that has both."""
        for limit in sorted({played.limit for played in self.played}, reverse=True):
            long = [played for played in self.played if self.is_of(limit, played)]
            able = [played for played in long if not played.entry.from_scratch]
            scratch = [played for played in long if played.entry.from_scratch]
            if able and scratch:
                return self._ordered(able)[0], scratch[0]
        return None

    def _ordered(self, played: Sequence[Played]) -> list[Played]:
        """The best first; of equal ones that of the fewest weights that train, then the plainest.

        The clock decides nothing: it would say something else when the machine is busy.
        """
        sign = -1 if higher_is_better(monitored(self.given.config)) else 1

        def place(each: Played) -> tuple[float, int, float, bool]:
            weights = int(each.run.summary["parameters/trainable"])
            far = abs(math.log(each.entry.rate))
            return sign * each.value, weights, far, bool(each.entry.config["regularizer"])

        return sorted(played, key=place)

    def _with_rates(self, winner: Played) -> Played:
        others = [replace(winner.entry, rate=rate) for rate in self.rates if rate != winner.entry.rate]
        found = [played for entry in others if (played := self._run(entry, winner.limit))]
        return self._ordered([winner, *found])[0]

    def _with_regularizers(self, winner: Played) -> Played:
        if _only_head(self.plan(winner.entry)) or winner.entry.from_scratch:
            return winner
        found = [winner]
        for name, node in self.regularizers.items():
            config = {**winner.entry.config, "regularizer": {name: dict(node)}}
            entry = replace(winner.entry, name=f"{winner.entry.name} regularizer={name}", config=config)
            if played := self._run(entry, winner.limit):
                found.append(played)
        return self._ordered(found)[0]


def _only_head(plan: Plan) -> bool:
    return {part for phase in plan.phases for part in phase.trains} == {HEAD}


def _limited(config: Mapping[str, Any], limit: int) -> dict[str, Any]:
    return {**config, "trainer": {**config["trainer"], "limit_epochs": limit}}


def _folder(entry: Entry) -> str:
    name = entry.name.replace("strategy=", "").replace("strategy.", "").replace("regularizer=", "")
    return "".join(letter if letter.isalnum() or letter in "_.-" else "-" for letter in name)


def _told(entry: Entry) -> str:
    return entry.name if entry.rate == 1 else f"{entry.name} at rates times {entry.rate:g}"
