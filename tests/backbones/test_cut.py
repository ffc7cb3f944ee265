import pytest
import torch
from torch import nn

from tests.backbones.families import batch_of, bert
from tlx.backbones.cut import Cut
from tlx.backbones.staged import StagedBackbone
from tlx.errors import ConfigError
from tlx.preprocessing.image import ImagePreprocessing


class Chain(nn.Module):
    """Four layers, and around them what a test needs."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Linear(4, 4) for _ in range(4))
        self.norm, self.relu = nn.BatchNorm1d(4), nn.ReLU(inplace=True)

    def forward(self, x):
        return self.d(self.relu(self.c(self.norm(self.b(self.a(x))))))


def staged(net, stages=None):
    stages = stages or {"a": ["a"], "b": ["b", "norm"], "c": ["c", "relu"], "d": ["d"]}
    reads = ImagePreprocessing(1, 1, (0.0,), (1.0,), channels=1)
    recipe = {"_target_": "a.chain"}
    return StagedBackbone(net, stages, out_features=4, preprocessing=reads, recipe=recipe, fresh=type(net))


def frozen_below(backbone, frontier):
    backbone.train()
    for stage in list(backbone.stages)[:frontier]:
        for top in backbone.stage_modules(stage):
            top.eval().requires_grad_(False)
    return backbone


def cut_of(net, frontier, stages=None, example=None):
    backbone = frozen_below(staged(net, stages), frontier)
    return Cut(backbone, frontier, torch.rand(3, 4) if example is None else example)


def counted(modules):
    calls = []
    for name, module in modules.items():
        module.register_forward_hook(lambda *_, name=name: calls.append(name))
    return calls


@pytest.fixture
def chain():
    torch.manual_seed(0)
    return Chain()


def test_values_run_the_stages_below_alone_and_features_the_rest_alone(chain):
    cut, inputs = cut_of(chain, 2), torch.rand(5, 4)
    inner = {}
    for name in ("a", "b", "c", "d"):
        inner[name] = nn.Identity()
        layer = chain.get_submodule(name)
        layer.forward = lambda x, layer=layer, name=name: inner[name](nn.Linear.forward(layer, x))
    calls = counted(inner)
    with torch.no_grad():
        by_hand = chain.norm(chain.b(chain.a(inputs)))
    calls.clear()
    values = cut.values(inputs)
    assert calls == ["a", "b"]
    assert list(values) == ["stage/0"]
    assert torch.equal(values["stage/0"], by_hand)
    calls.clear()
    features = cut.features(values)
    assert calls == ["c", "d"]
    assert torch.equal(features, cut.backbone(inputs))


@pytest.mark.parametrize("frontier", range(5))
def test_every_frontier_is_exact_and_leads_gradients_to_the_rest_alone(chain, frontier):
    cut, inputs = cut_of(chain, frontier), torch.rand(5, 4)
    features = cut.features(cut.values(inputs))
    assert torch.equal(features, frozen_below(cut.backbone, frontier)(inputs))
    assert features.requires_grad == (frontier < 4)
    if frontier < 4:
        features.sum().backward()
    stages = list(cut.backbone.stages)
    for depth, stage in enumerate(stages):
        given = [p.grad is not None for p in cut.backbone.stage_tensors(stage).values() if p.requires_grad]
        assert all(given)
        assert bool(given) == (depth >= frontier)


def test_what_starts_in_place_does_not_change_the_values(chain):
    stages = {"a": ["a"], "b": ["b", "norm", "c"], "d": ["relu", "d"]}
    cut = cut_of(chain, 2, stages)
    values = cut.values(torch.rand(5, 4))
    before = values["stage/0"].clone()
    assert (before < 0).any()
    assert torch.equal(cut.features(values), cut.features(values))
    assert torch.equal(values["stage/0"], before)


def test_looking_at_the_example_leaves_no_trace(chain):
    backbone = frozen_below(staged(chain), 2)
    state = {name: value.clone() for name, value in backbone.state_dict().items()}
    modes = [module.training for module in backbone.modules()]
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    example = torch.full((1, 4), 0.5)
    Cut(backbone, 2, example)
    assert torch.equal(torch.rand(3), expected)
    assert [module.training for module in backbone.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in backbone.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in backbone.modules())
    assert not any("forward" in vars(module) for module in backbone.modules())


def test_modules_are_as_they_were_also_after_an_error(chain):
    cut = cut_of(chain, 2)
    own = chain.a.forward = lambda x: nn.Linear.forward(chain.a, x)
    with pytest.raises(RuntimeError):
        cut.values(torch.rand(5, 9))
    with pytest.raises(RuntimeError), cut.inserted(cut.values(torch.rand(2, 4))):
        chain.d(chain(torch.rand(2, 9))[:, :1])
    assert vars(chain.a)["forward"] is own
    assert not any("forward" in vars(module) for name, module in chain.named_modules() if name != "a")


def test_inserted_serves_whatever_calls_the_backbone(chain):
    cut, inputs = cut_of(chain, 1), torch.rand(5, 4)
    wrapped = nn.Sequential(cut.backbone, nn.Linear(4, 2)).eval()
    with cut.inserted(cut.values(inputs)) as stand_ins:
        assert stand_ins.shape == inputs.shape
        assert stand_ins.isnan().all()
        once, twice = wrapped(stand_ins), wrapped(stand_ins)
    assert torch.equal(once, wrapped(inputs))
    assert torch.equal(once, twice)


def test_values_made_in_inference_mode_can_be_trained_on(chain):
    cut = cut_of(chain, 2)
    with torch.inference_mode():
        values = cut.values(torch.rand(5, 4))
    cut.features(values).sum().backward()
    assert chain.c.weight.grad is not None


class Several(Chain):
    """A stage that gives a tuple: a tensor per sample, one for all of them, and none."""

    def __init__(self):
        super().__init__()
        self.pair = Pair()

    def forward(self, x):
        kept, bias, nothing, count = self.pair(self.a(x))
        assert nothing is None
        return self.d(kept * count + bias)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.bias = nn.Linear(4, 4), nn.Parameter(torch.rand(1, 4))

    def forward(self, x):
        return self.layer(x), self.bias * 2, None, 3


def test_a_stage_may_give_several_things():
    stages = {"a": ["a"], "pair": ["pair"], "rest": ["b", "c", "d", "norm", "relu"]}
    cut, inputs = cut_of(Several(), 2, stages), torch.rand(5, 4)
    values = cut.values(inputs)
    assert {name: tuple(value.shape) for name, value in values.items()} == {
        "stage/0": (5, 4),
        "stage/1": (5, 4),
    }
    assert torch.equal(cut.features(values), cut.backbone(inputs))


class Again(Chain):
    """A layer from below the frontier that is used once more above it."""

    def forward(self, x):
        return self.d(self.a(self.c(self.a(x))))


def test_a_module_that_is_used_again_above_the_frontier_runs_there():
    cut, inputs = cut_of(Again(), 1), torch.rand(5, 4)
    assert torch.equal(cut.features(cut.values(inputs)), cut.backbone(inputs))


class Skip(Chain):
    """What an earlier stage gave is used above the frontier."""

    def forward(self, x):
        early = self.a(x)
        return self.d(self.b(early) + early)


class Whole(Chain):
    """The input is used above the frontier."""

    def forward(self, x):
        return self.d(self.b(self.a(x)) + x)


@pytest.mark.parametrize("net", [Skip, Whole])
def test_a_way_around_the_frontier_is_found_out(net):
    with pytest.raises(ConfigError, match=r"a\.chain cannot be cut above stage 'b': .*differs by nan"):
        cut_of(net(), 2)


class Turned(Chain):
    """A stage whose first dimension is not that of the samples."""

    def forward(self, x):
        return self.d(self.relu(self.a(x.T.repeat(3, 1)[:, :1].expand(-1, 4)))).mean(0, keepdim=True) + 0 * x


def test_values_that_are_not_one_for_each_sample_are_refused():
    with pytest.raises(ConfigError, match="not one for each sample"):
        cut_of(Turned(), 1)


class Wayward(Chain):
    """Runs its layers in another order when told to."""

    swapped = False

    def forward(self, x):
        first, second = (self.b, self.a) if self.swapped else (self.a, self.b)
        return self.d(self.c(second(first(x))))


def test_another_way_than_with_the_example_is_refused():
    cut = cut_of(Wayward(), 2, {"a": ["a"], "b": ["b"], "c": ["c", "norm", "relu"], "d": ["d"]})
    values = cut.values(torch.rand(5, 4))
    cut.backbone.net.swapped = True
    with pytest.raises(ConfigError, match="another way"):
        cut.values(torch.rand(5, 4))
    with pytest.raises(ConfigError, match="another way"):
        cut.features(values)


def test_a_stage_without_a_call_is_refused(chain):
    chain.offset = nn.Parameter(torch.rand(4))
    stages = {"offset": ["offset"], "rest": ["a", "b", "c", "d", "norm", "relu"]}
    backbone = staged(chain, stages)
    chain.offset.requires_grad_(False)
    with pytest.raises(ConfigError, match="no module below it gives a tensor"):
        Cut(backbone, 1, torch.rand(2, 4))


def test_frontiers_out_of_range_and_stages_that_are_not_frozen_are_refused(chain):
    for frontier in (-1, 5):
        with pytest.raises(ConfigError, match=rf"frontier={frontier}"):
            Cut(staged(chain), frontier, torch.rand(2, 4))
    with pytest.raises(ConfigError, match="'b' below it, which is not frozen"):
        Cut(frozen_below(staged(chain), 1), 2, torch.rand(2, 4))
    evaluated = staged(Chain()).eval()
    with pytest.raises(ConfigError, match="'a' below it, which is not frozen"):
        Cut(evaluated, 1, torch.rand(2, 4))
    top = cut_of(chain, 4)
    with pytest.raises(ConfigError, match="frontier=4"), top.inserted(top.values(torch.rand(2, 4))):
        pass


def test_token_numbers_and_masks_stay_real_for_batches_of_any_size_and_length(tmp_path):
    backbone = frozen_below(bert(tmp_path), 2)
    cut = Cut(backbone, 2, batch_of(backbone, 3))
    for size, seed in ((1, 2), (7, 1), (4, 5)):
        inputs = batch_of(backbone, size, seed)
        assert size == 1 or not inputs["attention_mask"].all()
        values = cut.values(inputs)
        assert {name: len(value) for name, value in values.items()} == dict.fromkeys(values, size)
        assert torch.equal(values["inputs/input_ids"], inputs["input_ids"])
        state = torch.get_rng_state()
        features = cut.features(values)
        torch.set_rng_state(state)
        assert torch.equal(features, backbone(inputs))
        assert features.shape == (size, 16)
