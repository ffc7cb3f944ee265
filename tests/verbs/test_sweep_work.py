from tlx.cli import HYDRA_VERBS
from tlx.verbs.sweep_work import WORK


def test_every_verb_that_can_be_swept_has_its_work() -> None:
    assert set(WORK) == set(HYDRA_VERBS) - {"plan", "doctor"}
