"""What torch.export takes for granted of sizes, as checks at run time.

A trace holds for other sizes if what it asked of them comes out the same: that a view divides,
that two sizes are one, that a branch goes the same way. torch.export keeps that in guards beside
the graph, or in asserts in it for sizes that the data decides.
"""

import ast
import re
from functools import reduce

import sympy
import torch
from torch.fx.experimental.symbolic_shapes import statically_known_true
from torch.utils._sympy.functions import FloorDiv
from torch.utils._sympy.printers import PythonPrinter

from plait.errors import FrontendError
from plait.frontends._torch.kernels import kernel
from plait.frontends._torch.text import Body

_aten, _plait = torch.ops.aten, torch.ops.plait

#: Functions of torch that ask how results lie in memory: no element depends on it.
_LAYOUT = (
    "_reshape_view_helper", "_reshape_view_helper_core_alg", "check_contiguous_sizes_strides",
    "is_contiguous", "is_channels_last_contiguous_2d", "is_channels_last_contiguous_3d",
    "is_non_overlapping_and_dense", "__new__",
)  # fmt: skip

_ARITHMETIC = {ast.Add: "arith.addi", ast.Sub: "arith.subi", ast.Mult: "arith.muli"}
_ORDERS = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "slt", ast.LtE: "sle", ast.Gt: "sgt", ast.GtE: "sge",
}  # fmt: skip
_CONNECTIVES = {ast.And: "arith.andi", ast.Or: "arith.ori"}
_EXTREMES = {"max": "arith.maxsi", "min": "arith.minsi"}


def keep_guards(program):
    """Writes guards and asserts of sizes into the graph of an exported program.

    Raises:
        FrontendError: a condition is of a size that no tensor has.
    """
    graph = program.graph
    arguments = graph.find_nodes(op="placeholder")
    sizes, derived = {}, {}
    for node in arguments:
        for dim, size in enumerate(getattr(node.meta["val"], "shape", ())):
            if isinstance(size, torch.SymInt):
                sized = sizes if size.node.expr.is_symbol else derived
                sized.setdefault(size.node.expr, (node, dim))
    known = _solve(sizes, derived)
    sizes = {str(symbol): source for symbol, source in sizes.items()}
    if sizes:
        tensor, _ = next(iter(sizes.values()))
        environment = tensor.meta["val"].fake_mode.shape_env
        with graph.inserting_before(arguments[-1].next):
            for expression, source in derived.items():
                own = sympy.Eq(_symbol(source), expression.xreplace(known))
                _require(graph, own, sizes)
            for guard in environment.guards:
                if getattr(guard.sloc.framework_loc, "name", None) not in _LAYOUT:
                    _require(graph, environment.replace(guard.expr).xreplace(known), sizes)
            for size in _broadcast(graph):
                _require(graph, sympy.Eq(size, 1).xreplace(known), sizes)
    for node in list(graph.nodes):
        if isinstance(node.meta.get("val"), torch.SymInt):
            sizes.setdefault(str(node.meta["val"]), node)
        if node.target is _aten._assert_scalar.default and isinstance(node.args[0], torch.fx.Node):
            with graph.inserting_before(node):
                _require(graph, node.args[0].meta["val"].node.expr, sizes)
            graph.erase_node(node)


def _broadcast(graph):
    """Makes ones of sizes that are one for all that was traced, and returns their expressions.

    ``1 - max(0, 1 - n)``, say, for ``n`` from 2: torch broadcasts it without a guard.
    """
    found = {}
    for node in graph.nodes:
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            continue
        ones = [size for size in value.shape if _is_one(size)]
        if ones:
            found.update(dict.fromkeys(size.node.expr for size in ones))
            shape = [1 if _is_one(size) else size for size in value.shape]
            with value.fake_mode:
                node.meta["val"] = torch.empty_strided(shape, value.stride(), dtype=value.dtype)
    return found


def _is_one(size):
    return isinstance(size, torch.SymInt) and statically_known_true(size == 1)


def _symbol(source):
    """A symbol for the size of a dimension of a tensor."""
    node, dim = source
    return sympy.Symbol(f"{node.name}_size{dim}", integer=True)


def _solve(sizes, derived) -> dict:
    """What symbols are that only stand in sizes computed of them, as ``2*s`` or ``s - 1``.

    The sizes of ``derived`` get symbols of their own, in ``sizes``.
    """
    known = {}
    for expression, (node, dim) in derived.items():
        own = _symbol((node, dim))
        unknown = [s for s in expression.free_symbols if s not in sizes and s not in known]
        sizes[own] = node, dim
        if not unknown:
            continue
        (s, *more), rest = unknown, expression.subs(unknown[0], 0)
        factor = expression.coeff(s)
        if more or not factor.is_Integer or expression != factor * s + rest or factor < 1:
            raise FrontendError(f"'{node.name}': expects a Dim of its own, got {expression}")
        known[s] = FloorDiv(own - rest, factor)
    return known


def is_check(node) -> bool:
    """Whether a node has no result because it checks."""
    return node.target is _plait.require.default


def _require(graph, condition, sizes):
    """A check of ``condition``; ``sizes`` has a node, or a tensor and a dimension, per symbol."""
    symbols = sorted(map(str, condition.free_symbols))
    if not symbols:  # True, as a size became known.
        return
    text = PythonPrinter().doprint(condition)
    shown, nodes = text, []
    for number, symbol in enumerate(symbols):
        if symbol not in sizes:
            raise FrontendError(f"cannot check at run time that {text}")
        name, source = symbol, sizes[symbol]
        if isinstance(source, tuple):
            tensor, dim = source
            name, value = f"{tensor.name}.shape[{dim}]", tensor.meta["val"].shape[dim]
            source = graph.call_function(_aten.sym_size.int, source)
            source.meta["val"] = value
        nodes.append(source)
        text = re.sub(rf"\b{symbol}\b", f"_{number}", text)
        shown = re.sub(rf"\b{symbol}\b", name, shown)
    node = graph.call_function(_plait.require.default, (nodes, text, shown))
    node.meta["val"] = None


@kernel(
    "require(SymInt[] sizes, str condition, str message) -> ()",
    lambda sizes, condition, message: None,
)
def _write_require(b: Body, sizes, condition, message):
    """An error at run time unless ``condition``, where ``_k`` is the k-th size."""

    def several(op, values):
        return reduce(lambda x, y: b.binary(op, x, y), map(written, values))

    def written(tree):
        match tree:
            case ast.Name(id=name):
                return sizes[int(name[1:])]
            case ast.Constant(value=int(number)):
                return b.constant(number, "i64")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return b.binary("arith.xori", written(operand), b.constant(1, "i1"))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return b.binary("arith.subi", b.constant(0, "i64"), written(operand))
            case ast.Call(func=ast.Name(id=name), args=values) if name in _EXTREMES:
                return several(_EXTREMES[name], values)
            case ast.BoolOp(op=op, values=values):
                return several(_CONNECTIVES[type(op)], values)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return b.compare("cmpi", _ORDERS[type(op)], written(left), written(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return several(_ARITHMETIC[type(op)], (left, right))
            case ast.BinOp(left=left, op=ast.FloorDiv() | ast.Mod() as op, right=right):
                left, right = written(left), written(right)
                positive = b.compare("cmpi", "sgt", right, b.constant(0, "i64"))
                b.check(positive, f"cannot divide by zero in {message}")
                quotient = b.binary("arith.floordivsi", left, right)
                if isinstance(op, ast.FloorDiv):
                    return quotient
                return b.binary("arith.subi", left, b.binary("arith.muli", quotient, right))
        raise FrontendError(f"cannot check at run time that {message}")

    b.check(written(ast.parse(condition, mode="eval").body), f"expects {message}")
    return []
