"""From a text to the token numbers that an encoder reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from tlx.errors import CheckpointError, ConfigError, bad_value

__all__ = ["TextPreprocessing", "from_folder"]

_FOLDER = "tokenizer"


class TextPreprocessing:
    """A tokenizer, cut at a greatest length and padded batch by batch.

    Args:
        tokenizer: A tokenizer of the package transformers.
        max_length: Most tokens of a text, special ones included; the rest is cut off, >= 3.

    Raises:
        ConfigError: `max_length` leaves no room for a word, or the tokenizer cannot pad.
    """

    kind = "text"

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        if max_length < 3:
            raise bad_value("max_length", max_length, "a whole number >= 3")
        if tokenizer.pad_token_id is None:
            raise ConfigError(
                "the tokenizer has no padding token", fix="an encoder, such as BERT, RoBERTa or DistilBERT"
            )
        self.tokenizer = tokenizer
        self.max_length = max_length

    def prepare(self, sample: str) -> list[int]:
        """The token numbers of one text, at most `max_length` of them."""
        numbers: list[int] = self.tokenizer(sample, truncation=True, max_length=self.max_length)["input_ids"]
        return numbers

    def augment(self, sample: str, generator: Generator, flip: bool) -> list[int]:
        """The same as `prepare`: a text is never varied."""
        return self.prepare(sample)

    def collate(self, prepared: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        """Pad to the longest of these texts.

        Returns:
            `input_ids` and `attention_mask` (1 where a token is, 0 where padding is), each
            of shape (B, T), int64.
        """
        longest = max(1, *(len(numbers) for numbers in prepared))
        ids = torch.full((len(prepared), longest), int(self.tokenizer.pad_token_id), dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, numbers in enumerate(prepared):
            ids[row, : len(numbers)] = torch.tensor(list(numbers), dtype=torch.int64)
            mask[row, : len(numbers)] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def describe(self) -> dict[str, Any]:
        """The `_target_` and arguments that build this again from what `save` wrote into a bundle."""
        target = f"{from_folder.__module__}.{from_folder.__qualname__}"
        return {"_target_": target, "folder": f"bundle:{_FOLDER}", "max_length": self.max_length}

    def save(self, folder: Path) -> None:
        """Write the tokenizer to `folder`/tokenizer."""
        self.tokenizer.save_pretrained(str(Path(folder) / _FOLDER))


def from_folder(folder: str | Path, max_length: int) -> TextPreprocessing:
    """Read a tokenizer from a folder, without a network.

    Args:
        folder: Holds the tokenizer's files.
        max_length: Most tokens of a text, special ones included.

    Raises:
        ConfigError: The package transformers is not installed.
        CheckpointError: The folder holds no tokenizer that can be read.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise ConfigError("text needs the package transformers", fix="pip install tlx[text]") from error
    if not Path(folder).is_dir():
        raise CheckpointError(f"there is no tokenizer folder {str(folder)!r}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # transformers raises whatever its parsers raise
        raise CheckpointError(f"the tokenizer in {str(folder)!r} cannot be read: {error}") from error
    return TextPreprocessing(tokenizer, max_length)
