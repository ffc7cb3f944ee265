from tlx.data.offers import of_one_class, offers


class Of:
    """A split that stands for others."""

    sizes = ()

    def __init__(self, *parts):
        self.parts = parts


class Sized:
    sizes = ()


def test_a_split_offers_what_it_has():
    assert offers(Sized(), "sizes")
    assert not offers(Sized(), "sizes", "digest")


def test_a_split_made_of_others_offers_what_each_of_them_has():
    assert offers(Of(Sized(), Of(Sized())), "sizes")
    assert not offers(Of(Sized(), Of(object())), "sizes")
    assert not offers(Of(Sized(), Sized()), "sizes", "digest")


class Both:
    def read(self): ...

    def read_together(self): ...


class Own(Both):
    def read(self): ...


class Standing(Of):
    def read(self): ...

    def read_together(self): ...


def test_methods_of_one_class_stand_for_each_other():
    assert of_one_class(Both(), "read", "read_together")
    assert not of_one_class(Own(), "read", "read_together")
    assert not of_one_class(Both(), "read", "read_backwards")


def test_methods_of_a_split_made_of_others_do_where_those_of_each_do():
    assert of_one_class(Standing(Both(), Standing(Both())), "read", "read_together")
    assert not of_one_class(Standing(Both(), Standing(Own())), "read", "read_together")
