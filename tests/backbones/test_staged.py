import pytest
import torch
from torch import nn

from tlx.backbones.staged import StagedBackbone
from tlx.errors import ConfigError
from tlx.preprocessing.image import ImagePreprocessing

STAGES = {"stem": ["0", "1"], "top": ["2"]}


def small_net():
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))


def small(stages=STAGES, **more):
    preprocessing = ImagePreprocessing(4, 4, (0.5,), (0.5,), channels=1)
    return StagedBackbone(
        small_net(),
        stages,
        out_features=3,
        preprocessing=preprocessing,
        recipe={"_target_": "tests.small"},
        fresh=small_net,
        **more,
    )


def snapshot(backbone):
    return {name: tensor.clone() for name, tensor in backbone.state_dict().items()}


def test_stages_hold_every_tensor_exactly_once():
    backbone = small()
    held = [id(tensor) for stage in backbone.stages for tensor in backbone.stage_tensors(stage).values()]
    everything = [*backbone.net.parameters(), *backbone.net.buffers()]
    assert sorted(held) == sorted(map(id, everything))


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ({"stem": ["0", "1"]}, "2.weight"),
        ({"stem": ["0", "1"], "top": ["1", "2"]}, "1.weight"),
        ({"stem": ["0", "1"], "none": [], "top": ["2"]}, "none"),
    ],
)
def test_stages_that_do_not_divide_the_network_are_refused(stages, said):
    with pytest.raises(ConfigError, match=said):
        small(stages)


def test_a_prefix_is_a_whole_name():
    with pytest.raises(ConfigError, match=r"10\.weight"):
        StagedBackbone(
            nn.Sequential(*(nn.Linear(1, 1) for _ in range(11))),
            {"all": [str(i) for i in range(10)]},
            out_features=1,
            preprocessing=ImagePreprocessing(1, 1, (0.0,), (1.0,), channels=1),
            recipe={},
            fresh=nn.Identity,
        )


def test_reinitialise_touches_the_named_stage_alone_and_comes_from_its_seed():
    backbone, state = small(), torch.get_rng_state()
    before = snapshot(backbone)
    backbone.reinitialise(["top"], 7)
    after = snapshot(backbone)
    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        "net.2.weight",
        "net.2.bias",
    }
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(7)
    assert torch.equal(small_net()[2].weight, after["net.2.weight"])


def test_reinitialise_resets_running_statistics():
    backbone = small()
    backbone.train()(torch.randn(8, 4))
    assert backbone.net[1].num_batches_tracked == 1
    backbone.reinitialise(["stem"], 0)
    assert backbone.net[1].num_batches_tracked == 0
    assert backbone.net[1].running_mean.abs().max() == 0


def test_the_original_head_reads_what_the_net_returns_and_never_trains():
    head = nn.Sequential(nn.Dropout(0.9), nn.Linear(3, 5))
    backbone = small(original_head=head, original_classes="abcde").train()
    assert backbone.net.training
    assert not any(module.training for module in head.modules())
    assert not any(parameter.requires_grad for parameter in head.parameters())
    backbone.net.eval()
    inputs = torch.randn(2, 4)
    assert torch.equal(backbone.original_logits(inputs), head(backbone.net(inputs)))
    assert backbone.original_classes == ("a", "b", "c", "d", "e")


def test_logits_without_an_original_head_are_refused():
    with pytest.raises(ConfigError, match="without an original head"):
        small().original_logits(torch.zeros(1, 4))


def test_the_pool_comes_after_the_net():
    backbone = small(pool=nn.Flatten(0)).eval()
    inputs = torch.randn(2, 4)
    assert torch.equal(backbone(inputs), backbone.net(inputs).flatten())


def test_save_architecture_says_whether_there_was_something_to_save(tmp_path):
    assert small().save_architecture(tmp_path / "none") is False
    assert not (tmp_path / "none").exists()
    backbone = small(save=lambda folder: (folder / "config.json").write_text("{}"))
    assert backbone.save_architecture(tmp_path / "some") is True
    assert (tmp_path / "some" / "config.json").read_text() == "{}"
