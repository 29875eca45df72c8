"""Arrays that remember how they were made."""

import sys
from dataclasses import dataclass

import numpy as np

from plait.errors import FrontendError

float32 = np.dtype(np.float32)


@dataclass(frozen=True)
class MeshLayout:
    """How an array is cut over a grid of processing elements (PEs).

    Use the constructors; ``rows`` and ``columns`` count PEs.
    """

    kind: str
    rows: int = 1
    columns: int = 1

    def __post_init__(self):
        if self.rows < 1 or self.columns < 1:
            raise FrontendError(
                f"expects at least one PE row and column, got {self.rows} and {self.columns}"
            )

    @staticmethod
    def single_pe() -> "MeshLayout":
        """The whole array on one PE; other PEs get it when they need it."""
        return MeshLayout("single")

    @staticmethod
    def row_partition(n: int) -> "MeshLayout":
        """The first dimension over ``n`` PEs, one below the other."""
        return MeshLayout("row_partition", n, 1)

    @staticmethod
    def col_partition(n: int) -> "MeshLayout":
        """The last dimension over ``n`` PEs, side by side."""
        return MeshLayout("col_partition", 1, n)

    @staticmethod
    def grid(rows: int, columns: int) -> "MeshLayout":
        """A matrix over ``rows`` x ``columns`` PEs."""
        return MeshLayout("grid", rows, columns)

    @staticmethod
    def replicated() -> "MeshLayout":
        """The whole array on every PE."""
        return MeshLayout("replicated")

    def __str__(self):
        sizes = {
            "row_partition": f"({self.rows})",
            "col_partition": f"({self.columns})",
            "grid": f"({self.rows}, {self.columns})",
        }
        return self.kind + sizes.get(self.kind, "")


def _caller() -> tuple[str, int]:
    """The file and line outside this package that is executing."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("plait.lazy"):
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame else ("<unknown>", 1)


class Array:
    """A node of the graph: data, or an operation on other arrays.

    Attributes:
        op: the operation's name; ``input`` for data.
        operands: the arrays and Python floats it works on.
        shape: a tuple of sizes.
        dtype: always float32, the type that the machines' vector units add
            and multiply.
        layout: the layout that the user gave an input, else None.
    """

    __array_priority__ = 1000  # NumPy leaves mixed operations to us

    def __init__(self, op, operands, shape, data=None, layout=None):
        self.op = op
        self.operands = tuple(operands)
        self.shape = tuple(int(size) for size in shape)
        self.dtype = float32
        self.layout = layout
        self.location = _caller()
        self._data = data

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def is_evaluated(self) -> bool:
        """Whether the values are known: an input, or evaluated already."""
        return self._data is not None

    def numpy(self) -> np.ndarray:
        """The values, float32 of ``shape``; computes them on this machine if need be.

        Runs the same module that :func:`compile_to_csl` compiles, with its
        placement dropped.
        """
        eval(self)
        return self._data.copy()

    def __array__(self, dtype=None, copy=None):
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def __repr__(self):
        return f"Array({self.op}, shape={self.shape}, dtype=float32)"

    def __str__(self):
        return str(self.numpy())

    def __matmul__(self, other):
        return matmul(self, other)

    def __rmatmul__(self, other):
        return matmul(other, self)

    def __add__(self, other):
        return add(self, other)

    __radd__ = __add__

    def __sub__(self, other):
        return subtract(self, other)

    def __rsub__(self, other):
        return subtract(other, self)

    def __mul__(self, other):
        return multiply(self, other)

    __rmul__ = __mul__


def _fail(message: str):
    file, line = _caller()
    raise FrontendError(f"{file}:{line}: {message}")


def array(data, layout: MeshLayout | None = None, dtype=float32) -> Array:
    """An input with the values of ``data``.

    Args:
        data: a float32 array, or Python numbers, of one or two dimensions.
        layout: where it lives; one PE without it.
        dtype: float32.

    Raises:
        FrontendError: other dtypes, ranks or empty arrays.
    """
    values = data if isinstance(data, np.ndarray) else np.asarray(data, dtype=np.float32)
    if values.dtype != np.float32 or np.dtype(dtype) != np.float32:
        got = values.dtype if values.dtype != np.float32 else np.dtype(dtype)
        _fail(f"expects dtype float32, got {got}; convert with .astype(np.float32)")
    if values.ndim not in (1, 2) or values.size == 0:
        _fail(f"expects a vector or a matrix with elements, got shape {values.shape}")
    values = np.array(values, order="C")
    return Array("input", (), values.shape, values, layout or MeshLayout.single_pe())


def from_numpy(data: np.ndarray, layout: MeshLayout | None = None) -> Array:
    """:func:`array` of a NumPy array; the values are copied."""
    return array(data, layout)


def zeros(shape, layout=None, dtype=float32) -> Array:
    """An input of zeros."""
    return full(shape, 0.0, layout, dtype)


def ones(shape, layout=None, dtype=float32) -> Array:
    """An input of ones."""
    return full(shape, 1.0, layout, dtype)


def full(shape, value, layout=None, dtype=float32) -> Array:
    """An input whose elements all are ``value``."""
    return array(np.full(tuple(shape), value, dtype=np.float32), layout, dtype)


def randn(shape, layout=None, dtype=float32) -> Array:
    """An input drawn from the standard normal distribution by ``np.random``."""
    return array(np.random.standard_normal(tuple(shape)).astype(np.float32), layout, dtype)


def is_lazy(value) -> bool:
    """Whether ``value`` is an array whose values are not computed yet."""
    return isinstance(value, Array) and not value.is_evaluated()


def _operand(value) -> "Array | float":
    if isinstance(value, Array):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return array(value)


def matmul(lhs, rhs) -> Array:
    """The product of two matrices, or of a matrix and a vector.

    Raises:
        FrontendError: the inner dimensions differ, or neither is a matrix.
    """
    lhs, rhs = _operand(lhs), _operand(rhs)
    if isinstance(lhs, float) or isinstance(rhs, float) or lhs.ndim + rhs.ndim < 3:
        _fail("expects two matrices, or a matrix and a vector, in a product")
    if lhs.shape[-1] != rhs.shape[0]:
        _fail(
            f"expects equal inner dimensions in a product, got {lhs.shape} @ {rhs.shape}: "
            f"{lhs.shape[-1]} != {rhs.shape[0]}"
        )
    name = "matmul" if lhs.ndim == rhs.ndim else "matvec" if rhs.ndim == 1 else "vecmat"
    return Array(name, (lhs, rhs), lhs.shape[:-1] + rhs.shape[1:])


def _binary(name, lhs, rhs) -> Array:
    lhs, rhs = _operand(lhs), _operand(rhs)
    shapes = [value.shape for value in (lhs, rhs) if isinstance(value, Array)]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        shape = None
    # One shape, a vector over a matrix' last dimension, or a number.
    if shape is None or any(s not in (shape, shape[-1:]) for s in shapes) or not shapes:
        _fail(f"expects shapes that broadcast along rows in '{name}', got {shapes}")
    return Array(name, (lhs, rhs), shape)


def add(lhs, rhs) -> Array:
    """The sum, element by element; a vector is added to each row of a matrix."""
    return _binary("add", lhs, rhs)


def subtract(lhs, rhs) -> Array:
    """The difference, element by element."""
    return _binary("sub", lhs, rhs)


def multiply(lhs, rhs) -> Array:
    """The product, element by element."""
    return _binary("mul", lhs, rhs)


def _unary(name, value) -> Array:
    value = _operand(value)
    if isinstance(value, float):
        _fail(f"expects an array in '{name}', got a number")
    return Array(name, (value,), value.shape)


def relu(value) -> Array:
    """The greater of each element and zero."""
    return _unary("relu", value)


def exp(value) -> Array:
    """e to the power of each element (not on a wafer yet: no vector operation)."""
    return _unary("exp", value)


def log(value) -> Array:
    """The natural logarithm of each element (not on a wafer: no vector operation)."""
    return _unary("log", value)


def tanh(value) -> Array:
    """The hyperbolic tangent of each element (not on a wafer: no vector operation)."""
    return _unary("tanh", value)


def sigmoid(value) -> Array:
    """1 / (1 + exp(-x)) of each element (not on a wafer: no vector operation)."""
    return _unary("sigmoid", value)


def eval(*values: Array) -> None:
    """Computes arrays on this machine, each as one compiled program."""
    import plait
    from plait.lazy.graph import build_module

    for value in values:
        if not value.is_evaluated():
            module, inputs = build_module(value)
            value._data = np.asarray(plait.compile(module)(*inputs))


def print_graph(value: Array) -> None:
    """Prints the graph of ``value``: one line per node, operands first."""
    from plait.lazy.graph import order

    names: dict[int, str] = {}
    for node in order(value):
        names[id(node)] = f"%{len(names)}"
        operands = ", ".join(
            names[id(o)] if isinstance(o, Array) else repr(o) for o in node.operands
        )
        layout = f" layout={node.layout}" if node.layout else ""
        file, line = node.location
        shape = "x".join(map(str, node.shape))
        print(
            f"{names[id(node)]} = {node.op}({operands}) : {shape}xfloat32{layout}  # {file}:{line}"
        )
