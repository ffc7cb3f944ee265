"""Text encoders of the package transformers, cut into stages."""

import functools
import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from tlx.backbones import hub
from tlx.backbones.staged import StagedBackbone
from tlx.backbones.weights_file import refuse_code, sha256_of
from tlx.backbones.weights_layout import check_finite
from tlx.errors import CheckpointError, ConfigError, bad_value, unknown_name
from tlx.preprocessing.text import TextPreprocessing

__all__ = ["Encoder", "Pooling", "transformers"]

Pooling = Literal["mean", "cls"]

_LAYERS = {
    "bert": "encoder.layer",
    "camembert": "encoder.layer",
    "distilbert": "transformer.layer",
    "electra": "encoder.layer",
    "mpnet": "encoder.layer",
    "roberta": "encoder.layer",
    "xlm-roberta": "encoder.layer",
}
"""Model type to where its layers are."""

_OFFSET_POSITIONS = ("camembert", "mpnet", "roberta", "xlm-roberta")
"""Types whose first position is the padding's number plus one."""

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


class Encoder(nn.Module):
    """A text encoder with one feature vector per text.

    Args:
        model: Maps `input_ids` and `attention_mask` to `last_hidden_state`, (B, T, D).
        pooling: "mean": the mean of the tokens that are not padding; "cls": the first token.
    """

    def __init__(self, model: nn.Module, pooling: Pooling) -> None:
        super().__init__()
        self.model = model
        self.pooling = pooling

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Features, shape (B, D), of token numbers and their mask, each of shape (B, T)."""
        mask = inputs["attention_mask"]
        states: Tensor = self.model(input_ids=inputs["input_ids"], attention_mask=mask).last_hidden_state
        if self.pooling == "cls":
            return states[:, 0]
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1).clamp(min=1)


def transformers(
    name: str, pretrained: bool = True, pooling: Pooling = "mean", max_length: int = 128
) -> StagedBackbone:
    """Build a BERT-like encoder without its pooler, with its tokenizer.

    Stages: `embeddings, layer0, layer1 ...`. A local folder, then the hub's local cache are
    looked at before any network. No code that comes with a model is ever run.

    Args:
        name: A local folder with config.json, or a name on the hub.
        pretrained: Whether to load the weights; otherwise random values.
        pooling: How the tokens' vectors become the text's: "mean" over the tokens that are
            not padding, or "cls", the first token's.
        max_length: Most tokens of a text; the rest is cut off. In [3, the model's positions].

    Raises:
        ConfigError: The package transformers is missing, or a setting cannot be used.
        CheckpointError: The model cannot be had, or its weights do not fill it.
        SecurityError: The weights' file asks to run code.
    """
    library = _library()
    if pooling not in get_args(Pooling):
        raise unknown_name("pooling", pooling, get_args(Pooling))
    folder = Path(name).expanduser()
    name = str(folder.resolve()) if folder.is_dir() else name
    with _quiet():
        config = _had(name, "config.json", library.AutoConfig)
        _check(config, name, max_length)
        tokenizer = _had(name, "tokenizer", library.AutoTokenizer)
        if len(tokenizer) > config.vocab_size:
            raise CheckpointError(
                f"the tokenizer of {name!r} has {len(tokenizer)} tokens, its model {config.vocab_size}"
            )
        fresh = functools.partial(_random, config, pooling)
        net, said = _pretrained(name, config, pooling) if pretrained else (fresh(), "random")
    return StagedBackbone(
        net,
        _stages(net, _LAYERS[config.model_type]),
        out_features=getattr(config, "hidden_size", None) or config.dim,
        preprocessing=TextPreprocessing(tokenizer, max_length),
        recipe={
            "_target_": f"{transformers.__module__}.{transformers.__qualname__}",
            "name": "bundle:architecture",
            "pretrained": False,
            "pooling": pooling,
            "max_length": max_length,
        },
        fresh=fresh,
        weights=said,
        save=functools.partial(_save, config, tokenizer),
    )


def _library() -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise ConfigError("text models need the package transformers", fix="pip install tlx[text]") from error


def _check(config: Any, name: str, max_length: int) -> None:
    if config.model_type not in _LAYERS:
        raise ConfigError(
            f"name={name!r} is of type {config.model_type!r}, which tlx does not divide into stages yet. "
            f"Supported now: {', '.join(_LAYERS)}",
            fix="an encoder of one of these types",
        )
    offset = config.pad_token_id + 1 if config.model_type in _OFFSET_POSITIONS else 0
    positions = config.max_position_embeddings - offset
    if not 3 <= max_length <= positions:
        raise bad_value("max_length", max_length, f"a whole number in [3, {positions}]")


def _had(name: str, what: str, reader: Any, **more: Any) -> Any:
    """Read a part of a model: locally, else from the hub."""
    local = Path(name).is_dir()
    for local_files_only in (True,) if local or not hub.reachable() else (True, False):
        try:
            return reader.from_pretrained(
                name, local_files_only=local_files_only, trust_remote_code=False, **more
            )
        except Exception as error:  # transformers raises whatever its parsers raise
            refuse_code(error, name)
            last = error
    reason = " ".join(str(last).split())[:300] or type(last).__name__
    places = "" if local else ": no such folder, not in the hub's local cache, and not to be had from the hub"
    raise CheckpointError(
        f"the {what} of {name!r} cannot be read{places} ({reason.rstrip('.')})",
        fix="model.name=FOLDER with config.json, model.safetensors and the tokenizer's files",
    ) from last


def _arguments(config: Any) -> dict[str, Any]:
    """How to build the class of `config`: no pooler, and attention that is never fetched from a hub."""
    kind = _library().MODEL_MAPPING[type(config)]
    more: dict[str, Any] = {"attn_implementation": "sdpa" if kind._supports_sdpa else "eager"}
    if "add_pooling_layer" in inspect.signature(kind).parameters:
        more["add_pooling_layer"] = False
    return more


def _random(config: Any, pooling: Pooling) -> Encoder:
    model = _library().AutoModel.from_config(config, dtype=torch.float32, **_arguments(config))
    return Encoder(model, pooling).train()


def _pretrained(name: str, config: Any, pooling: Pooling) -> tuple[Encoder, str]:
    more = _arguments(config) | {
        "config": config,
        "dtype": torch.float32,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,
    }
    model, loading = _had(name, "weights", _library().AutoModel, **more)
    lost = [*loading["missing_keys"], *(str(key[0]) for key in loading["mismatched_keys"])]
    if lost:
        raise CheckpointError(
            f"the weights of {name!r} do not fill the model: {len(lost)} tensors are missing or of "
            f"another shape ({', '.join(lost[:3])})",
            fix="another model, or model.pretrained=false for random values",
        )
    check_finite(model.state_dict(), model, Path(name))
    found = (
        _library().utils.cached_file(
            name, file, local_files_only=True, _raise_exceptions_for_missing_entries=False
        )
        for file in _WEIGHTS
    )
    path = next((Path(file) for file in found if file is not None), None)
    digest = f", sha256 {sha256_of(path)[:12]}" if path else ""
    called = Path(name).name if Path(name).is_dir() else name
    return Encoder(model, pooling).train(), called + digest


def _stages(net: Encoder, layers: str) -> dict[str, list[str]]:
    """Layers by number; what lies beside them in the model comes before them."""
    parent, _, child = layers.rpartition(".")
    before = [name for name, _ in net.model.named_children() if name != parent]
    before += [
        f"{parent}.{name}" for name, _ in net.model.get_submodule(parent).named_children() if name != child
    ]
    count = len(list(net.model.get_submodule(layers).children()))
    stages = {"embeddings": [f"model.{name}" for name in before]}
    return stages | {f"layer{i}": [f"model.{layers}.{i}"] for i in range(count)}


def _save(config: Any, tokenizer: Any, folder: Path) -> None:
    config.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars and no table of unused weights: what matters is raised."""
    logging = _library().utils.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
