import pytest

from tlx.data.digits import Digits
from tlx.data.sources import check_source, is_source, splits_of, told_of
from tlx.errors import ConfigError, DataError


class Asked(Digits):
    """The digits, which note what they were asked for."""

    def splits(self, targets="class", classes_from="train"):
        self.asked = (targets, classes_from)
        return super().splits()


def test_a_source_is_asked_what_it_understands():
    source = Asked()
    assert len(splits_of(source, "class", "all").train) == len(splits_of(Digits(), "class", "all").train)
    assert source.asked == ("class", "all")


class Alone(Digits):
    """A source of somebody's own that knows of nothing."""

    def splits(self):
        return super().splits()


def test_a_source_that_knows_of_no_targets_serves_tasks_of_one_class():
    assert splits_of(Alone()).classes == tuple("0123456789")
    with pytest.raises(DataError, match="Alone has one class per sample; the task needs numbers"):
        splits_of(Alone(), "numbers")


class Faulty(Digits):
    def __init__(self, root="x"):
        super().__init__()
        self.root = root

    def splits(self, targets="class"):
        raise DataError("no data.root", where="data.batch_size", fix="data.root=DIR or data.other=1")


def test_a_message_names_the_keys_where_they_stand_in_the_config():
    with pytest.raises(DataError) as caught:
        splits_of(Faulty(), node="data.of.0", beside=("batch_size",))
    assert str(caught.value) == (
        "no data.of.0.root, data.of.0.batch_size. Try: data.of.0.root=DIR or data.other=1"
    )


@pytest.mark.parametrize(
    ("node", "what", "where", "said"),
    [
        ("source", "shots=0 is wrong", "", "source.shots=0 is wrong"),
        ("source", "there are no samples", "", "there are no samples, in source"),
        ("source", "there are no samples", "x.csv", "there are no samples, x.csv"),
        ("data.of", "other data.shots than shots=0", "", "other data.of.shots than shots=0"),
        ("data", "there are no samples", "", "there are no samples"),
    ],
)
def test_an_error_is_told_of_the_node_it_is_about(node, what, where, said):
    with pytest.raises(DataError) as caught, told_of(node, ("shots",)):
        raise DataError(what, where)
    assert str(caught.value) == said


def test_what_is_no_source_is_refused():
    assert is_source(Digits())
    assert not is_source(Digits), "a class is none"
    assert check_source("of", Digits()).kind == "image"
    with pytest.raises(ConfigError, match=r"of='digits' is not usable. Expected a source \(kind, flip"):
        check_source("of", "digits")
    with pytest.raises(ConfigError, match="_target_ with its arguments"):
        check_source("of", {"root": "x"})
