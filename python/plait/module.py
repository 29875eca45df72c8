"""A model as MLIR text, with what the text does not say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TensorSpec:
    """The dtype and shape of one argument or result.

    Attributes:
        dtype: a NumPy dtype; ``ml_dtypes`` gives bfloat16.
        shape: sizes; a string names a dynamic dimension (equal names, equal
            sizes), None is a dynamic dimension that nothing is known of.
        name: what error messages call it.
    """

    dtype: np.dtype
    shape: tuple[int | str | None, ...]
    name: str = ""

    def __str__(self):
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.dtype}[{sizes}]"


@dataclass(frozen=True)
class Structure:
    """How flat tensors nest: tuples, lists, dicts, None, constants and leaves.

    ``kind`` is one of ``leaf``, ``none``, ``constant`` (its value is the only
    key), ``tuple``, ``list``, ``dict``, and ``call``: a pair of a tuple of
    positional and a dict of keyword arguments.
    """

    kind: str
    children: tuple["Structure", ...] = ()
    keys: tuple = ()

    @staticmethod
    def of(value: Any, *, constants: bool = False) -> "Structure":
        """The structure of nested containers; anything else is a leaf.

        ``constants`` tells numbers and strings from leaves. A named tuple is a
        tuple.
        """
        if value is None:
            return Structure("none")
        if constants and isinstance(value, bool | int | float | str):
            return Structure("constant", (), (value,))
        if isinstance(value, dict):
            items = tuple(Structure.of(v, constants=constants) for v in value.values())
            return Structure("dict", items, tuple(value))
        if isinstance(value, tuple | list):
            kind = "list" if isinstance(value, list) else "tuple"
            return Structure(kind, tuple(Structure.of(v, constants=constants) for v in value))
        return Structure("leaf")

    def flatten(self, value: Any, where: str = "argument") -> list:
        """The leaves of ``value``, which must nest like this."""
        from plait.errors import ArgumentError

        if self.kind == "leaf":
            return [value]
        if self.kind == "none":
            if value is not None:
                raise ArgumentError(f"{where}: expects None, got {type(value).__name__}")
            return []
        if self.kind == "constant":
            if type(value) is not type(self.keys[0]) or repr(value) != repr(self.keys[0]):
                raise ArgumentError(
                    f"{where}: compiled for the constant {self.keys[0]!r}, got {value!r}"
                )
            return []
        if self.kind == "dict":
            if not isinstance(value, dict) or set(value) != set(self.keys):
                raise ArgumentError(f"{where}: expects a dict with keys {list(self.keys)}")
            items = [(f"{where}[{key!r}]", value[key]) for key in self.keys]
        else:
            if not isinstance(value, tuple | list) or len(value) != len(self.children):
                got = len(value) if isinstance(value, tuple | list) else type(value).__name__
                raise ArgumentError(
                    f"{where}: expects a {self.kind} of {len(self.children)}, got {got}"
                )
            items = [(f"{where}[{i}]", item) for i, item in enumerate(value)]
            if self.kind == "call":
                items = [("arguments", value[0]), ("keyword arguments", value[1])]
        leaves = []
        for child, (path, item) in zip(self.children, items, strict=True):
            leaves += child.flatten(item, path)
        return leaves

    def unflatten(self, leaves) -> Any:
        """Nests an iterator of leaves again."""
        leaves = iter(leaves)
        if self.kind == "leaf":
            return next(leaves)
        if self.kind == "none":
            return None
        if self.kind == "constant":
            return self.keys[0]
        items = [child.unflatten(leaves) for child in self.children]
        if self.kind == "dict":
            return dict(zip(self.keys, items, strict=True))
        return items if self.kind == "list" else tuple(items)

    def to_json(self) -> list:
        """As nested lists, for a package's manifest."""
        return [self.kind, [child.to_json() for child in self.children], list(self.keys)]

    @staticmethod
    def from_json(value: list) -> "Structure":
        """The inverse of :meth:`to_json`."""
        kind, children, keys = value
        return Structure(kind, tuple(map(Structure.from_json, children)), tuple(keys))


@dataclass(frozen=True)
class Module:
    """A model at the ``import`` stage: text with one public ``@main`` on tensors.

    Attributes:
        text: MLIR, custom or generic form; it holds no weights.
        weights: arrays bound to the leading arguments of ``@main``.
        state: arrays bound to the arguments after the weights, which calls
            change in place; the rest are the caller's.
        updates: the leading results are new content: of which array, counted
            through the state and the caller's arguments.
        inputs: the caller's arguments, or None to read them from the text.
        outputs: the results that callers get, or None to read them from the text.
        input_structure: how a call's positional arguments nest, or None for a
            flat call.
        output_structure: how the results nest, or None: one result is
            returned bare, several as a tuple.
        ranges: the least and greatest size of each named dynamic dimension.
        source: the front that made it, for messages.
        reference: the original callable, for ``check="first"``.
    """

    text: str
    weights: tuple = ()
    state: tuple = ()
    updates: tuple[int, ...] = ()
    inputs: tuple[TensorSpec, ...] | None = None
    outputs: tuple[TensorSpec, ...] | None = None
    input_structure: Structure | None = None
    output_structure: Structure | None = None
    ranges: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    source: str = "mlir"
    reference: Callable | None = field(default=None, compare=False)
