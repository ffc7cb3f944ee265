import pytest
import torch
from torch import nn

from tests.faults.jobs import known_backbone
from tlx.backbones.pooled_stages import ORIGINAL, PooledStages, pooled
from tlx.backbones.staged import StagedBackbone
from tlx.backbones.tiny import tiny
from tlx.backbones.torchvision import torchvision
from tlx.errors import ConfigError


def test_a_stage_gives_the_mean_over_its_map_and_the_last_one_what_the_head_reads() -> None:
    backbone = known_backbone().eval()
    pictures = torch.randn(3, 1, 8, 8)
    found = PooledStages(backbone, pictures).values(pictures)
    assert list(found) == ["stem", "block0", "block1", ORIGINAL]
    assert torch.equal(found[ORIGINAL], backbone.original_logits(pictures))
    with torch.no_grad():
        stem = backbone.net.stem(pictures)
        block = backbone.net.block0(stem)
        features = backbone(pictures)
    torch.testing.assert_close(found["stem"], stem.mean((2, 3)))
    torch.testing.assert_close(found["block0"], block.mean((2, 3)))
    assert torch.equal(found["block1"], features)


def test_nothing_of_the_backbone_stays_changed() -> None:
    backbone = tiny(weights=None).eval()
    pictures = torch.randn(2, *torch.Size([1, 32, 32]))
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    features = backbone(pictures)
    PooledStages(backbone, pictures).values(pictures)
    assert all(not module._forward_hooks for module in backbone.net.modules())
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert torch.equal(backbone(pictures), features)


def test_maps_with_channels_last_are_averaged_over_their_positions() -> None:
    backbone = torchvision("swin_t", weights=None, image_size=64).eval()
    pictures = torch.randn(2, 3, 64, 64)
    found = PooledStages(backbone, pictures).values(pictures)
    assert [len(value[0]) for value in found.values()] == [96, 96, 192, 384, 768]


def test_padding_does_not_count() -> None:
    tokens = torch.tensor([[[2.0], [4.0], [99.0]], [[1.0], [1.0], [1.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    assert pooled(tokens, mask).tolist() == [[3.0], [1.0]]
    assert pooled(tokens[:, :2], mask).tolist() == [[3.0], [1.0]]  # of other positions than the mask's


def test_a_text_gives_the_same_rows_beside_a_longer_one() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(10, 4)
            self.layer = nn.Linear(4, 4)

        def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
            return pooled(self.layer(self.embed(inputs["input_ids"])), inputs["attention_mask"])

    net = Encoder()
    backbone = StagedBackbone(
        net, {"embed": ["embed"], "layer": ["layer"]}, out_features=4, recipe={}, fresh=Encoder,
        preprocessing=None,  # type: ignore[arg-type]
    ).eval()  # fmt: skip
    short = {"input_ids": torch.tensor([[1, 2]]), "attention_mask": torch.tensor([[1, 1]])}
    both = {
        "input_ids": torch.tensor([[1, 2, 0, 0], [3, 4, 5, 6]]),
        "attention_mask": torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]]),
    }
    stages = PooledStages(backbone, both)
    assert torch.equal(stages.values(both)["embed"][:1], stages.values(short)["embed"])


def test_a_backbone_whose_stages_give_no_rows_is_refused() -> None:
    backbone = known_backbone().eval()
    backbone.original_head = None
    backbone.pool = nn.Flatten(0)
    backbone.net = nn.Sequential(nn.Flatten(0))  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="no stage"):
        PooledStages(backbone, torch.randn(2, 1, 8, 8))
