"""The graph as an MLIR module: linalg on tensors, inputs placed by ``mesh``."""

import json

from plait.errors import FrontendError
from plait.lazy.array import Array, MeshLayout
from plait.module import Module

_NAMED = {"matmul": "matmul", "matvec": "matvec", "vecmat": "vecmat"}
_BINARY = {"add": "add", "sub": "sub", "mul": "mul"}


def order(root: Array) -> list[Array]:
    """Every node that ``root`` needs, operands first, each once."""
    result, seen, stack = [], set(), [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            result.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(o, False) for o in reversed(node.operands) if isinstance(o, Array)]
    return result


def _grid(inputs: list[Array]) -> MeshLayout:
    """The rectangle of PEs that all layouts share; whole arrays fit any."""
    chosen = MeshLayout.single_pe()
    for node in inputs:
        layout = node.layout
        if layout.kind in ("single", "replicated"):
            continue
        if chosen.kind != "single" and (chosen.rows, chosen.columns) != (
            layout.rows,
            layout.columns,
        ):
            file, line = node.location
            raise FrontendError(
                f"{file}:{line}: expects layouts of one grid of PEs in a program, "
                f"got {layout} after {chosen}"
            )
        chosen = layout
    return chosen


class _Printer:
    """MLIR text, one line per operation, each with the user's source line."""

    def __init__(self):
        self.lines = []
        self.count = 0

    def op(self, text: str, node: Array) -> str:
        name = f"%{self.count}"
        self.count += 1
        file, line = node.location
        self.lines.append(f"    {name} = {text} loc({json.dumps(file)}:{line}:1)")
        return name

    def fill(self, value: float, type_: str, node: Array) -> str:
        scalar = self.op(f"arith.constant {_number(value)} : f32", node)
        empty = self.op(f"tensor.empty() : {type_}", node)
        return self.op(f"linalg.fill ins({scalar} : f32) outs({empty} : {type_}) -> {type_}", node)

    def named(self, name: str, inputs: list[tuple[str, str]], type_: str, out: str, node) -> str:
        values = ", ".join(v for v, _ in inputs)
        types = ", ".join(t for _, t in inputs)
        return self.op(
            f"linalg.{name} ins({values} : {types}) outs({out} : {type_}) -> {type_}", node
        )


def _number(value: float) -> str:
    import numpy as np

    return f"0x{int(np.float32(value).view(np.uint32)):08X}"


def _type(shape) -> str:
    return f"tensor<{'x'.join(map(str, shape))}xf32>"


def _binary(printer: _Printer, node: Array, names: dict) -> str:
    type_ = _type(node.shape)
    inputs = []
    for operand in node.operands:
        if isinstance(operand, float):
            value = printer.fill(operand, type_, node)
        elif operand.shape != node.shape:
            empty = printer.op(f"tensor.empty() : {type_}", node)
            value = printer.op(
                f"linalg.broadcast ins({names[id(operand)]} : {_type(operand.shape)}) "
                f"outs({empty} : {type_}) dimensions = [0]",
                node,
            )
        else:
            value = names[id(operand)]
        inputs.append((value, type_))
    out = printer.op(f"tensor.empty() : {type_}", node)
    return printer.named(_BINARY[node.op], inputs, type_, out, node)


def _generic(printer: _Printer, node: Array, operand: str) -> str:
    """An operation that has no named form we use: its reader on a grid refuses it by name."""
    type_ = _type(node.shape)
    dims = ", ".join(f"d{i}" for i in range(node.ndim))
    map_ = f"affine_map<({dims}) -> ({dims})>"
    kinds = ", ".join(['"parallel"'] * node.ndim)
    out = printer.op(f"tensor.empty() : {type_}", node)
    if node.op == "sigmoid":
        body = (
            "%n = arith.negf %a : f32 %e = math.exp %n : f32 "
            "%one = arith.constant 1.0 : f32 %d = arith.addf %one, %e : f32 "
            "%r = arith.divf %one, %d : f32"
        )
    else:
        body = f"%r = math.{node.op} %a : f32"
    return printer.op(
        f"linalg.generic {{indexing_maps = [{map_}, {map_}], iterator_types = [{kinds}]}} "
        f'ins({operand} : {type_}) outs({out} : {type_}) attrs = {{front_op = "{node.op}"}} '
        f"{{ ^bb0(%a: f32, %o: f32): {body} linalg.yield %r : f32 }} -> {type_}",
        node,
    )


def build_module(root: Array, target: str = "wse3") -> tuple[Module, list]:
    """The module that computes ``root``, and the arrays of its arguments.

    Every operation has the user's source line as its location. An array that
    was evaluated before is still computed from its inputs.

    Raises:
        FrontendError: layouts of different grids.
    """
    nodes = order(root)
    inputs = [node for node in nodes if node.op == "input"]
    grid = _grid(inputs)
    printer = _Printer()
    names: dict[int, str] = {}
    for index, node in enumerate(inputs):
        names[id(node)] = printer.op(
            f"mesh.place %arg{index}, <{node.layout.kind}> on @grid : {_type(node.shape)}", node
        )
    for node in nodes:
        type_ = _type(node.shape)
        if node.op == "input":
            continue
        operands = [names.get(id(o)) for o in node.operands]
        if node.op in _NAMED:
            zero = printer.fill(0.0, type_, node)
            typed = [(v, _type(o.shape)) for v, o in zip(operands, node.operands, strict=True)]
            value = printer.named(_NAMED[node.op], typed, type_, zero, node)
        elif node.op in _BINARY:
            value = _binary(printer, node, names)
        elif node.op == "relu":
            zero = printer.fill(0.0, type_, node)
            out = printer.op(f"tensor.empty() : {type_}", node)
            value = printer.named("max", [(operands[0], type_), (zero, type_)], type_, out, node)
        else:
            value = _generic(printer, node, operands[0])
        names[id(node)] = value
    arguments = ", ".join(f"%arg{i}: {_type(node.shape)}" for i, node in enumerate(inputs))
    file, line = root.location
    where = f"loc({json.dumps(file)}:{line}:1)"
    result = _type(root.shape)
    text = "\n".join(
        [
            "module {",
            f'  mesh.grid @grid shape = [{grid.rows}, {grid.columns}] target = "{target}" {where}',
            f"  func.func @main({arguments}) -> {result} {{",
            *printer.lines,
            f"    return {names[id(root)]} : {result} {where}",
            f"  }} {where}",
            "}",
            "",
        ]
    )
    return Module(text, source="lazy"), [node._data for node in inputs]
