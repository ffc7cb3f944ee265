from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.protocols.frozen import stage_features
from tlx.protocols.model_cost import model_cost


def test_the_greatest_layer_is_that_of_the_network_and_time_passes() -> None:
    words = ["data.per_class=4", "cache=none", "trainer=cpu", "model=mlp", "data.batch_size=8"]
    job = make_job(compose("fit", words).config)
    seconds, layer = model_cost(stage_features(job, print))
    widths = [each.weight.shape for each in job.backbone.net.modules() if hasattr(each, "in_features")]
    assert layer == 4 * max(sum(shape) for shape in widths)
    assert seconds > 0
