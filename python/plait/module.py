"""A model as MLIR text, with what the text does not say."""

import sys
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
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


#: The namedtuple classes that this process has met, by :attr:`Structure.name`.
_NAMED: dict[str, type] = {}


@dataclass(frozen=True)
class Structure:
    """How flat tensors nest: tuples, lists, dicts, None, constants and leaves.

    Attributes:
        kind: ``leaf``, ``none``, ``constant`` (its value is the only key),
            ``tuple``, ``list``, ``dict``, ``namedtuple``, ``call`` (a pair of a
            tuple of positional and a dict of keyword arguments), or ``key``: a
            leaf that is a typed key of JAX.
        keys: of a dict; the fields of a namedtuple.
        name: of a namedtuple's class, ``module:Class``; a key's implementation.
            In a process without the class, an equal one is made.
    """

    kind: str
    children: tuple["Structure", ...] = ()
    keys: tuple = ()
    name: str = ""

    @staticmethod
    def of(value: Any, *, constants: bool = False) -> "Structure":
        """The structure of nested containers; anything else is a leaf.

        ``constants`` tells numbers and strings from leaves.
        """
        if value is None:
            return Structure("none")
        if constants and isinstance(value, bool | int | float | str):
            return Structure("constant", (), (value,))
        if isinstance(value, dict):
            items = tuple(Structure.of(v, constants=constants) for v in value.values())
            return Structure("dict", items, tuple(value))
        if isinstance(value, tuple | list):
            items = tuple(Structure.of(v, constants=constants) for v in value)
            if is_namedtuple(value):
                return Structure.of_namedtuple(value, items)
            return Structure("list" if isinstance(value, list) else "tuple", items)
        return Structure("leaf")

    @staticmethod
    def of_namedtuple(value: tuple, children: tuple["Structure", ...]) -> "Structure":
        """The structure of a namedtuple whose fields have the given structures."""
        cls = type(value)
        name = f"{cls.__module__}:{cls.__qualname__}"
        _NAMED[name] = cls
        return Structure("namedtuple", children, cls._fields, name)

    @cached_property
    def is_flat(self) -> bool:
        """Whether it is a tuple of leaves."""
        return self.kind == "tuple" and all(child.kind == "leaf" for child in self.children)

    def flatten(self, value: Any, where: str = "argument") -> list:
        """The leaves of ``value``, which must nest like this."""
        from plait.errors import ArgumentError

        if self.kind in ("leaf", "key"):
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
        if self.kind == "key":
            import jax

            return jax.random.wrap_key_data(next(leaves), impl=self.name)
        if self.kind == "none":
            return None
        if self.kind == "constant":
            return self.keys[0]
        items = [child.unflatten(leaves) for child in self.children]
        if self.kind == "dict":
            return dict(zip(self.keys, items, strict=True))
        if self.kind == "namedtuple":
            return self._class()(*items)
        return items if self.kind == "list" else tuple(items)

    def _class(self) -> type:
        if self.name not in _NAMED:
            module, _, path = self.name.partition(":")
            found = sys.modules.get(module)
            for part in path.split("."):
                found = getattr(found, part, None)
            if getattr(found, "_fields", None) != self.keys:
                found = namedtuple(path.rpartition(".")[2], self.keys)
            _NAMED[self.name] = found
        return _NAMED[self.name]

    def to_json(self) -> list:
        """As nested lists, for a package's manifest."""
        children = [child.to_json() for child in self.children]
        return [self.kind, children, list(self.keys), self.name]

    @staticmethod
    def from_json(value: list) -> "Structure":
        """The inverse of :meth:`to_json`."""
        kind, children, keys, *name = value
        return Structure(kind, tuple(map(Structure.from_json, children)), tuple(keys), *name)


def is_namedtuple(value: Any) -> bool:
    """Whether ``value`` is a tuple with named fields."""
    return isinstance(value, tuple) and hasattr(value, "_fields")


@dataclass(frozen=True)
class Module:
    """A model at the ``import`` stage: text with one public ``@main`` on tensors.

    Attributes:
        text: MLIR, custom or generic form; it holds no weights.
        weights: arrays bound to the leading arguments of ``@main``.
        state: arrays bound to the arguments after the weights, which calls
            change in place; the rest are the caller's.
        updates: the leading results are new content: of which array, counted
            through the state and the caller's arguments. Compiled code leaves
            them there, and returns the other results.
        inputs: the caller's arguments, or None to read them from the text.
        outputs: the results that callers get, or None to read them from the text.
        input_structure: how a call's positional arguments nest, or None for a
            flat call.
        output_structure: how the results nest, or None: one result is
            returned bare, several as a tuple.
        ranges: the least and greatest size of each named dynamic dimension.
        source: the front that made it, for messages.
        reference: the original callable, for ``check="first"``.
        graph: the network that a spiking front read, for export and mapping.
        exported: of a torch model with neuron modules, its graph, for export.
        stages: pipelines of its own instead of a target's, by stage.
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
    graph: Any = field(default=None, compare=False)
    exported: Any = field(default=None, compare=False)
    stages: dict[str, str] = field(default_factory=dict)
