"""How rows of values lie in flat arrays: fixed rows, or rows as long as their text."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlx.errors import ConfigError

__all__ = ["Column", "Layout"]


@dataclass(frozen=True)
class Column:
    """One named tensor of the values.

    Args:
        name: As `Cut.values` names it.
        dtype: As torch names it: "float32".
        shape: Of one row; of one token of a row where `per_token`.
        per_token: Whether rows are as long as their text.
        padding: What stands behind a shorter row of whole numbers.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    per_token: bool = False
    padding: int = 0

    @property
    def width(self) -> int:
        """Bytes of a row, or of one token of it."""
        return math.prod(self.shape) * torch.empty(0, dtype=self.kind).element_size()

    @property
    def kind(self) -> torch.dtype:
        """The dtype itself."""
        found: torch.dtype = getattr(torch, self.dtype)
        return found


@dataclass(frozen=True)
class Layout:
    """The columns of an entry and where each row lies.

    Args:
        columns: In the order of their files.
        rows: N.
        offsets: Where the tokens of each row begin, and the total last, shape (N + 1,); None where no
            column is per token.
    """

    columns: tuple[Column, ...]
    rows: int
    offsets: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        values: Mapping[str, Tensor],
        per_token: frozenset[str],
        rows: int,
        lengths: NDArray[np.int64] | None = None,
        padding: Mapping[str, int] | None = None,
    ) -> "Layout":
        """The layout of rows like those in `values`.

        Args:
            values: What a cut gave for a batch.
            per_token: Which of them have the tokens in their second dimension.
            rows: N.
            lengths: Tokens of each row, shape (N,); None where nothing is per token.
            padding: What fills a shorter text up, by name; 0 where it is not named.
        """
        columns = []
        for name, value in values.items():
            ragged = name in per_token
            shape = tuple(value.shape[2 if ragged else 1 :])
            behind = (padding or {}).get(name, 0)
            columns.append(Column(name, str(value.dtype).removeprefix("torch."), shape, ragged, behind))
        if lengths is None:
            return cls(tuple(columns), rows)
        return cls(tuple(columns), rows, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def size(self, column: Column) -> tuple[int, int]:
        """The shape of a column's array of bytes."""
        count = self.rows if not column.per_token or self.offsets is None else int(self.offsets[-1])
        return count, column.width

    @property
    def bytes(self) -> int:
        """Bytes of all columns."""
        return sum(math.prod(self.size(column)) for column in self.columns)

    def describe(self) -> dict[str, Any]:
        """Plain values; the offsets have a file of their own."""
        return {"rows": self.rows, "columns": [asdict(column) for column in self.columns]}

    @classmethod
    def from_description(cls, plain: Mapping[str, Any], offsets: NDArray[np.int64] | None) -> "Layout":
        """The inverse of `describe`."""
        columns = (Column(**{**column, "shape": tuple(column["shape"])}) for column in plain["columns"])
        return cls(tuple(columns), int(plain["rows"]), offsets)

    def put(self, arrays: list[NDArray[np.uint8]], first: int, values: Mapping[str, Tensor]) -> None:
        """Write consecutive rows.

        Args:
            arrays: One for each column, of the shape `size` gives.
            first: The row of the first of them.
            values: Of as many rows as shall be written.

        Raises:
            ConfigError: They are of other shapes than the layout's.
        """
        for column, array in zip(self.columns, arrays, strict=True):
            value = values[column.name].detach().to("cpu", column.kind).contiguous()
            if tuple(value.shape[2 if column.per_token else 1 :]) != column.shape:
                raise ConfigError(f"{column.name} has rows of other shapes than {column.shape}")
            raw = value.view(torch.uint8).numpy()
            if not column.per_token or self.offsets is None:
                array[first : first + len(value)] = raw.reshape(len(value), -1)
                continue
            tokens = raw.reshape(*value.shape[:2], column.width)
            for row in range(len(value)):
                start, end = self.offsets[first + row], self.offsets[first + row + 1]
                array[start:end] = tokens[row, : end - start]

    def take(self, tensors: list[Tensor], rows: Tensor) -> dict[str, Tensor]:
        """Rows as the cut gave them, texts padded to the longest of these.

        Args:
            tensors: One for each column: the bytes as `Column.kind`, shape (rows or tokens, *shape).
            rows: Which ones, shape (B,), int64.
        """
        taken = {}
        for column, tensor in zip(self.columns, tensors, strict=True):
            if not column.per_token or self.offsets is None:
                taken[column.name] = tensor.index_select(0, rows)
                continue
            starts = torch.from_numpy(self.offsets[rows.numpy()])
            lengths = torch.from_numpy(self.offsets[rows.numpy() + 1]) - starts
            padding = 0 if column.kind.is_floating_point else column.padding
            padded = tensor.new_full((len(rows), int(lengths.max()), *column.shape), padding)
            for row, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
                padded[row, :length] = tensor[start : start + length]
            taken[column.name] = padded
        return taken
