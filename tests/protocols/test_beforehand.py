from pathlib import Path

import pytest
from PIL import Image

from tests.faults.jobs import small_job
from tlx.cache.settings import CacheSettings
from tlx.composition.compose import compose
from tlx.errors import ConfigError, DataError, TlxError
from tlx.protocols.beforehand import (
    check_data,
    check_fit,
    check_one_machine,
    check_one_process,
    check_reading,
    check_transfers,
    check_views,
)
from tlx.verbs.question import prepared

NOWHERE = ("data@source=folder", "source.root=/nowhere")
BAD = 'rank.models=["model=tiny model.weights=/nowhere.safetensors"]'


@pytest.fixture(scope="module")
def one_each(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes with one training sample each."""
    root = tmp_path_factory.mktemp("one_each")
    for number, place in enumerate(("train/a/0", "train/b/0", "val/a/0", "val/a/1", "val/b/0")):
        path = root / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (32, 32), 40 * number).save(path)
    return root


@pytest.mark.parametrize(
    ("verb", "words", "said"),
    [
        ("gain", NOWHERE, "/nowhere does not exist.*source.root="),
        ("gain", ("data@also=folder", "also.root=/nowhere"), "/nowhere does not exist.*also.root="),
        (
            "gain",
            ("gain.scratch={epochs: 0}",),
            "gain.scratch={'epochs': 0}: epochs=0.*Try: gain.scratch=null",
        ),
        ("gain", ("gain.scratch={rate: fast}",), "gain.scratch=.*'fast' is not usable"),
        ("gain", ("trainer.num_nodes=2",), "trainer.num_nodes=2.*one machine"),
        ("fewshot", NOWHERE, "/nowhere does not exist"),
        ("fewshot", ("fewshot.arms=['strategy=full strategy.epochs=0']",), "epochs=0"),
        ("fewshot", ("fewshot.arms=[probe]", "trainer.devices=2"), "2 processes"),
        ("lr", NOWHERE, "/nowhere does not exist"),
        ("lr", ("cache=disk", "cache.folder=/dev/null/kept", "trainer=cpu"), "cannot be used: /dev/null"),
        (
            "gain",
            ("data=by_classes", "data@data.of=digits", "data.classes=['0','1']", "data@also=digits"),
            "does not know 8 classes of this data, first 2, 3, 4; it knows 0, 1",
        ),
        *(
            (verb, (*words, "cache=disk", "cache.folder=/dev/null/kept"), "cannot be used: /dev/null")
            for verb, words in (
                ("probe", ()),
                ("distance", ("data@source=digits",)),
                ("rank", ("rank.models=[mlp]",)),
                ("fewshot", ("fewshot.arms=[probe]",)),
                ("advise", ()),
            )
        ),
        ("probe", ("trainer.devices=2",), "2 processes.*trainer.devices=1"),
        ("probe", ("data=folder", "data.root=/nowhere"), "/nowhere does not exist"),
        ("rank", ("rank.models=[mlp]", "trainer.devices=2"), "2 processes"),
        ("rank", (BAD,), "the candidate .*no weights file '/nowhere.safetensors'"),
        (
            "rank",
            ("rank.models=[tiny]", "rank.finetune=true", "model=mlp", "+stage_rates={layer3: 2}"),
            "stage 'layer3'",
        ),
        ("distance", NOWHERE, "/nowhere does not exist"),
        ("advise", NOWHERE, "/nowhere does not exist"),
        ("advise", ("data.per_class=1",), "needs 2 training samples"),
        ("advise", (BAD.replace("rank", "advise"),), "the candidate .*no weights file"),
        ("advise", ("advise.strategies=['full strategy.epochs=0']",), "epochs=0"),
    ],
)
def test_what_no_part_of_an_answer_could_do_is_refused_before_there_is_a_folder(
    verb: str, words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    chosen = " ".join(words)
    plain = [word for word in ("cache=none", "trainer=cpu") if word.partition("=")[0] not in chosen]
    composed = compose(verb, [*words, *plain])
    with pytest.raises(TlxError, match=said):
        prepared(tmp_path / "one", verb, composed)
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    ("verb", "words"),
    [("probe", ()), ("rank", ("rank.models=[tiny]", "model=mlp")), ("fewshot", ("fewshot.shots=[1]",))],
)
def test_classes_of_one_sample_are_refused_where_none_is_left_to_choose(
    verb: str, words: tuple[str, ...], one_each: Path, tmp_path: Path
) -> None:
    data = ("data=folder", f"data.root={one_each}", "cache=none", "trainer=cpu")
    with pytest.raises(DataError, match="needs 2 training samples"):
        prepared(tmp_path / "one", verb, compose(verb, [*data, *words]))


def test_a_distance_of_few_samples_is_refused_with_their_number_and_the_domain(
    one_each: Path, tmp_path: Path
) -> None:
    words = ["data@source=folder", f"source.root={one_each}", "cache=none", "trainer=cpu"]
    with pytest.raises(
        DataError, match="needs 10 samples or more of each side.*source has 2 training samples"
    ):
        prepared(tmp_path / "one", "distance", compose("distance", words))


def test_a_job_that_trains_passes_and_one_of_several_processes_reads_no_features() -> None:
    job = small_job(knows=8)
    check_data(job)
    check_fit(job)
    check_reading(job)
    check_views(job)
    check_transfers(job)
    with pytest.raises(ConfigError, match="nothing to transfer"):
        check_transfers(small_job())
    with pytest.raises(ConfigError, match=r"2 processes.*trainer.devices=1"):
        check_one_process(small_job(knows=8, devices=2).trainer)
    with pytest.raises(ConfigError, match="1, for one machine learns a sequence"):
        check_one_machine(small_job(devices=1, num_nodes=2).trainer, "learns a sequence")
    job.cache = CacheSettings(views=2)
    with pytest.raises(ConfigError, match="cache.views=2"):
        check_views(job)
