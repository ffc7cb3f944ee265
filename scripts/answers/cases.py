"""What is asked of real data: a question, what it is asked about, and the words that ask it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CASES", "PLACES", "Case", "Known", "case_of", "places_of", "words"]

PLACES = {
    "PHOTOS": "ants and bees, folders train and val with a folder a class",
    "PACS": "its domains photo, art_painting, cartoon and sketch, each with a folder a class",
    "TEXTS": "folders sst2 and scicite, each with train.csv, dev.csv and test.csv",
    "SQUEEZENET": "weights of SqueezeNet 1.1 as torchvision lays them out, with its head",
    "MINILM": "folder of the text encoder all-MiniLM-L6-v2",
}
"""What a command line names by a word in capitals, and what lies there."""

SETTLED = ("trainer=cpu",)
"""Words of every command."""


@dataclass(frozen=True)
class Known:
    """What a probe of the last stage is known to reach, from whoever gave the data.

    Args:
        low: The lowest accuracy in percent.
        high: The highest, over strengths of the penalty; the same where there is one.
    """

    low: float
    high: float


@dataclass(frozen=True)
class Case:
    """One question.

    Args:
        name: Tells it from all others.
        verb: Of the command.
        about: What is asked about, as the table says it.
        words: Of the command, with places in capitals.
        known: For a probe, what it should reach.
    """

    name: str
    verb: str
    about: str
    words: tuple[str, ...]
    known: Known | None = None


SQUEEZENET = ("model=squeezenet1_1", "model.weights=SQUEEZENET")
SMALLER = (*SQUEEZENET, "model.image_size=160")
ANTS_BEES = ("data=folder", "data.root=PHOTOS", "data.val=null", "data.test=val")
HEAD = ("strategy=feature_extraction", "strategy.epochs=10")
QUICK = ("gain.rates=[0.3,1]", "gain.halvings=0")
AS_FAST = ("gain.rates=[1,10]", "gain.halvings=0")
"""`full` moves the backbone a tenth as fast as `scratch` does, so that alike means a factor of 10."""
SCRATCH = '"strategy=scratch strategy.epochs=10"'


def _pacs(domain: str) -> tuple[str, ...]:
    """A domain of PACS, which is divided in three."""
    return ("data=folder", f"data.root=PACS/{domain}")


def _from_photo(domain: str) -> tuple[str, ...]:
    """80 photos of each class of PACS to learn from, and all of another domain to be asked about."""
    own = ("data=folder", "data.root=PACS", "data.train=photo", "data.val=null", f"data.test={domain}")
    return (*own, "data.per_class=80")


def _texts(name: str) -> tuple[str, ...]:
    """Rows of train.csv, a few of which choose; what is reported is all of dev.csv."""
    rows = ("data=text_csv", f"data.train=TEXTS/{name}/train.csv", f"data.test=TEXTS/{name}/dev.csv")
    own = ("model=transformers", "model.name=MINILM", "model.max_length=32")
    return (*own, *rows, "data.val_fraction=0.03")


def _far(name: str, about: str, *target: str) -> Case:
    source = ("data@source=folder", "source.root=PACS/photo")
    words = (*SMALLER, *source, *target)
    return Case(f"distance-{name}", "distance", f"PACS photo to {about}", words)


def _rank(name: str, about: str, *data: str) -> Case:
    """The networks whose weights are there, and one that knows nothing."""
    unknowing = '"model=squeezenet1_1 model.weights=null model.image_size=160"'
    told = (*SMALLER, f"rank.models=[tiny,{unknowing}]", *data, *HEAD, "rank.finetune=true")
    return Case(f"rank-{name}", "rank", about, told)


def _probe(name: str, about: str, *told: str, known: tuple[float, float] | None = None) -> Case:
    return Case(f"probe-{name}", "probe", about, told, None if known is None else Known(*known))


PROBES: tuple[Case, ...] = (
    _probe("ants_bees", "SqueezeNet, ants and bees", *SQUEEZENET, *ANTS_BEES, known=(87.6, 90.8)),
    _probe(
        "photo", "SqueezeNet, PACS photo", *SMALLER, *_pacs("photo"), "data.per_class=80", known=(91.7, 91.7)
    ),
    *(
        _probe(
            f"photo_{domain}",
            f"SqueezeNet, PACS photo to {domain.partition('_')[0]}",
            *SMALLER,
            *_from_photo(domain),
            known=(accuracy, accuracy),
        )
        for domain, accuracy in (("art_painting", 50.0), ("cartoon", 33.4), ("sketch", 28.2))
    ),
    _probe("sketch", "SqueezeNet, PACS sketch", *SMALLER, *_pacs("sketch")),
    _probe("sst2", "MiniLM, sst2", *_texts("sst2"), "probe.samples=2000"),
    _probe("scicite", "MiniLM, scicite", *_texts("scicite"), "probe.samples=2000"),
)

DISTANCES: tuple[Case, ...] = (
    _far("art_painting", "art", *_pacs("art_painting")),
    _far("cartoon", "cartoon", *_pacs("cartoon")),
    _far("sketch", "sketch", *_pacs("sketch")),
    _far("ants_bees", "ants and bees", *ANTS_BEES),
)

RANKS: tuple[Case, ...] = (
    _rank("ants_bees", "ants and bees", *ANTS_BEES),
    _rank("sketch", "PACS sketch", *_pacs("sketch")),
)

GAINS: tuple[Case, ...] = (
    Case(
        "gain-letters_frozen",
        "gain",
        "built-in network that knows letters, frozen, 40 photos of PACS a class",
        ("model=tiny", *_pacs("photo"), "data.per_class=40", *HEAD, "gain.rates=[1,3]", "gain.halvings=0"),
    ),
    Case(
        "gain-letters_all",
        "gain",
        "the same with all of the photos, 96 a class",
        ("model=tiny", *_pacs("photo"), *HEAD, "gain.rates=[1,3]", "gain.halvings=0"),
    ),
    Case(
        "gain-letters_thawed",
        "gain",
        "the same network, all of it trained, 40 photos a class",
        ("model=tiny", *_pacs("photo"), "data.per_class=40", "strategy=full", "strategy.epochs=10", *AS_FAST),
    ),
    Case(
        "gain-ants_bees",
        "gain",
        "SqueezeNet that knows ImageNet, ants and bees",
        (*SQUEEZENET, "model.image_size=96", *ANTS_BEES, *HEAD, *QUICK),
    ),
    *(
        Case(
            f"gain-{name}",
            "gain",
            f"MiniLM, {name}, 50 rows a class",
            (*_texts(name), "data.per_class=50", "strategy=feature_extraction", "strategy.epochs=5", *QUICK),
        )
        for name in ("sst2", "scicite")
    ),
)

FEWSHOTS: tuple[Case, ...] = (
    Case(
        "fewshot-ants_bees",
        "fewshot",
        "SqueezeNet, ants and bees",
        (*SQUEEZENET, "model.image_size=96", *ANTS_BEES, *HEAD, f"fewshot.arms=[probe,strategy,{SCRATCH}]"),
    ),
    Case(
        "fewshot-scicite",
        "fewshot",
        "MiniLM, scicite",
        (*_texts("scicite"), *HEAD, "fewshot.arms=[probe,strategy]"),
    ),
)

ADVICE: tuple[Case, ...] = (
    Case(
        "advise-ants_bees",
        "advise",
        "SqueezeNet, ants and bees",
        (*SQUEEZENET, "model.image_size=128", *ANTS_BEES, "advise.budget=200"),
    ),
    Case(
        "advise-sketch",
        "advise",
        "SqueezeNet, PACS sketch",
        (*SMALLER, *_pacs("sketch"), "advise.budget=200"),
    ),
    Case(
        "advise-scicite",
        "advise",
        "MiniLM, scicite",
        (*_texts("scicite"), "advise.budget=200", "advise.samples=500"),
    ),
)

CASES = PROBES + DISTANCES + RANKS + GAINS + FEWSHOTS + ADVICE
"""Every case, in the order in which they are asked."""


def case_of(name: str) -> Case:
    """The case of that name.

    >>> case_of("probe-sst2").verb
    'probe'
    """
    return next(case for case in CASES if case.name == name)


def places_of(case: Case) -> list[str]:
    """The places that a case needs.

    >>> places_of(case_of("gain-ants_bees"))
    ['PHOTOS', 'SQUEEZENET']
    """
    return [place for place in PLACES if any(place in word for word in case.words)]


def words(case: Case, places: Mapping[str, Path]) -> list[str]:
    """The overrides of a case.

    Args:
        case: Which.
        places: Where the things lie that it needs.

    >>> words(case_of("gain-ants_bees"), {"PHOTOS": Path("/p"), "SQUEEZENET": Path("/w.pth")})[1:5]
    ['model.weights=/w.pth', 'model.image_size=96', 'data=folder', 'data.root=/p']
    """
    named = re.compile("|".join(PLACES))
    return [named.sub(lambda found: str(places[found[0]]), word) for word in (*case.words, *SETTLED)]
