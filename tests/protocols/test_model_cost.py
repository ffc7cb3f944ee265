from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.protocols.frozen import stage_features
from tlx.protocols.model_cost import model_cost


def test_the_greatest_layer_is_that_of_the_network_and_time_passes() -> None:
    words = ["data.per_class=4", "cache=none", "trainer=cpu", "model=mlp", "data.batch_size=8"]
    job = make_job(compose("fit", words).config)
    seconds, layer = model_cost(stage_features(job, print))
    assert layer == 4 * 2 * 28 * 28  # the picture and its pixels in a row: no later layer is as wide
    assert seconds > 0
