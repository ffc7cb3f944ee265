from tlx.data.offers import offers


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
