import pytest

from tests.sequences.given import given
from tlx.errors import ConfigError, DataError
from tlx.sequences.data_sets import DataSets

WORDS = ["data=folder data.root=one", "data=npz data.file=two.npz"]


def test_each_task_is_a_data_set_that_is_loaded_as_the_sequence_says() -> None:
    first, second = DataSets(WORDS, ["photos", "arrays"]).tasks(given("domain"))
    assert first.name == "photos" and second.name == "arrays"
    assert (first.of, second.of) == ("one", "two.npz")
    assert first.data == {"_target_": "tlx.data.folder.Source", "root": "one", "batch_size": 8, "seed": 3}
    assert second.data == {"_target_": "tlx.data.npz.Source", "file": "two.npz", "batch_size": 8, "seed": 3}


def test_with_a_head_for_each_a_class_bears_the_name_of_its_task() -> None:
    tasks = DataSets(WORDS).tasks(given("task", classes="ab"))
    assert [task.data["names"] for task in tasks] == [
        ["a of task 1", "b of task 1"],
        ["a of task 2", "b of task 2"],
    ]


def test_one_head_for_data_sets_of_different_classes_is_refused() -> None:
    words = [f"{WORDS[0]} data.of_classes=ab", f"{WORDS[1]} data.of_classes=ac"]
    with pytest.raises(ConfigError, match="task 2 has other classes than task 1"):
        DataSets(words).tasks(given("domain"))


@pytest.mark.parametrize("wrong", [[], WORDS[:1], "data=folder", [1, 2]])
def test_what_is_no_list_of_data_sets_is_refused_with_an_example(wrong: object) -> None:
    with pytest.raises(ConfigError, match=r"sequence\.tasks"):
        DataSets(wrong)  # type: ignore[arg-type]


def test_names_that_do_not_fit_are_refused() -> None:
    for names in (["one"], ["one", "one"]):
        with pytest.raises(ConfigError, match=r"sequence\.names"):
            DataSets(WORDS, names)


def test_words_of_a_task_that_say_how_samples_become_batches_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"holds 'data\.per_class=4'.*Try: data\.per_class=4 as a word"):
        DataSets([f"{WORDS[0]} data.per_class=4", WORDS[1]]).tasks(given())


def test_words_are_divided_as_in_a_shell() -> None:
    first, _ = DataSets(["data=folder 'data.root=my photos'", WORDS[1]]).tasks(given("domain"))
    assert first.data["root"] == "my photos"
    with pytest.raises(ConfigError, match="No closing quotation"):
        DataSets(["data=folder data.root='one", WORDS[1]]).tasks(given())


def test_data_sets_made_of_others_are_chosen_as_on_a_command_line() -> None:
    words = ["data=by_classes data@data.of=npz data.of.file=one.npz data.classes=[a,b]", WORDS[1]]
    first, _ = DataSets(words).tasks(given("domain"))
    assert first.data["of.file"] == "one.npz" and first.of == "by_classes"


@pytest.mark.parametrize(
    ("wrong", "way_out"),
    [
        ("model=tiny", "model=tiny as a word of the sequence itself"),
        ("data@source=digits", "the source of each task are the tasks before it"),
        ("photos", "quotes around a word with spaces in it: 'data.root=MY PHOTOS'"),
        ("+data.batch_size=4", "data.batch_size=4 as a word of the sequence itself"),
    ],
)
def test_a_word_that_chooses_no_data_is_refused_with_a_way_out(wrong: str, way_out: str) -> None:
    with pytest.raises(ConfigError) as refused:
        DataSets([f"data=folder data.root=my {wrong}", WORDS[1]]).tasks(given())
    assert way_out in refused.value.line()


def test_what_is_wrong_with_a_data_set_is_said_with_the_name_of_its_task() -> None:
    def broken(_: object) -> list[str]:
        raise DataError("there are no photos")

    with pytest.raises(DataError, match="there are no photos, drawings"):
        DataSets(WORDS, ["drawings", "arrays"]).tasks(given()._replace(classes=broken))
