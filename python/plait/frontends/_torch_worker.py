"""The process that holds torch-mlir: a graph of core ops in, MLIR text out.

torch-mlir is built on another LLVM than Plait; only text leaves this process.
"""

import os
import re
import tempfile
import warnings
from contextlib import contextmanager

from torch._subclasses import FakeTensorMode
from torch.fx._graph_pickler import GraphPickler
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from plait.errors import FrontendError
from plait.frontends._torch import calls, control
from plait.frontends._torch.guards import is_check
from plait.frontends._torch.images import keep_places
from plait.frontends._torch.ops import alone, described, distinct, listed
from plait.frontends._torch.views import keep_views, source_line

#: Dialects that the waist knows; see docs/contracts/import.md.
_WAIST = {"affine", "arith", "builtin", "cf", "complex", "func", "linalg", "math", "scf", "tensor"}

#: torch-mlir's own check of its result refuses calls; :func:`check_waist` does not.
_CONTRACT = ",torch-verify-linalg-on-tensors-backend-contract"
_STAGES = (
    "torchdynamo-export-to-torch-backend-pipeline{backend-legal-ops="
    "aten.flatten.using_ints,aten.unflatten.int}",
    "torch-backend-to-linalg-on-tensors-backend-pipeline",
)


def handle(payload: bytes) -> bytes:
    """MLIR text for a graph pickled by ``torch.fx``."""
    warnings.filterwarnings("ignore")
    fake = FakeTensorMode(shape_env=ShapeEnv())
    return lower(GraphPickler.loads(payload, fake)).encode()


def lower(graph_module) -> str:
    """The text of a graph of core ops without weights."""
    graphs = {"main": graph_module}
    graphs.update(control.split(graph_module, "main", source_line))
    for part in graphs.values():
        keep_views(part)
        keep_places(part)
        # Kernels are tagged as random; they are not.
        part.graph.eliminate_dead_code(
            lambda node: is_check(node) or node.is_impure(impure_random=False)
        )
    with captured_stderr() as log:
        try:
            module, declared = to_linalg(graphs)
        except FrontendError as error:
            log.seek(0)
            text = f"{error}\n{log.read().decode(errors='replace')}"
            raise FrontendError(explain(graphs, text)) from error
    check_waist(module)
    text = module.operation.get_asm(enable_debug_info=True)
    for name in declared:  # Declarations are one line each.
        text = re.sub(rf"^ *func\.func private @{name}\(.*\n", "", text, flags=re.MULTILINE)
    end = text.rindex("\n}") + 1
    return text[:end] + calls.define(module, declared) + text[end:]


def to_linalg(graphs):
    """Graphs as functions of linalg on tensors, and the nodes of functions yet to be written.

    Raises:
        FrontendError: torch-mlir, which raises exceptions of every kind, failed.
    """
    try:
        return _to_linalg(graphs)
    except Exception as error:
        raise FrontendError(str(error)) from error


def _to_linalg(graphs):
    from torch_mlir import ir
    from torch_mlir.dialects import torch as torch_d
    from torch_mlir.extras.fx_importer import FxImporter
    from torch_mlir.passmanager import PassManager

    context = ir.Context()
    torch_d.register_dialect(context)
    importer = FxImporter(context=context)
    nodes = {}
    for name, graph_module in graphs.items():
        importer.import_stateless_graph(graph_module.graph, func_name=name)
        nodes[name] = [node for node in graph_module.graph.nodes if calls.is_call(node)]
    module = importer.module
    declared = {}
    with context:
        for op in list(module.body.operations):
            # Sizes of one name are equal: torch.export has checked it.
            op.attributes["torch.assume_strict_symbolic_shapes"] = ir.UnitAttr.get()
            name = ir.StringAttr(op.attributes["sym_name"]).value
            declared.update(calls.declare(module, op, nodes[name], f"{name}_call"))
        for stage in _STAGES:
            passes = str(PassManager.parse(f"builtin.module({stage})"))
            PassManager.parse(passes.replace(_CONTRACT, "")).run(module.operation)
        pick_nan(module.operation)
        keep_nan(module.operation)
        write_empty(module.operation)
        for op in module.body.operations:
            if ir.StringAttr(op.attributes["sym_name"]).value != "main":
                op.attributes["sym_visibility"] = ir.StringAttr.get("private")
    return module, declared


def pick_nan(operation):
    """Lets the place of a maximum or minimum be that of the first NaN, as torch says.

    torch-mlir finds the value by ``maximumf``, which keeps a NaN, and its place by a
    comparison, which passes over it.
    """
    from torch_mlir import ir
    from torch_mlir.dialects import arith

    def visit(op):
        if op.name == "arith.cmpf" and op.parent.name == "linalg.generic":
            found, best = op.operands
            beside = [other.operation for other in op.block.operations]
            if not any(
                other.name in ("arith.maximumf", "arith.minimumf")
                and list(other.operands) == [found, best]
                for other in beside
            ):
                return ir.WalkResult.ADVANCE
            for use in list(op.result.uses):
                with ir.InsertionPoint(use.owner), op.location:
                    new = arith.cmpf(arith.CmpFPredicate.UNE, found, found)
                    first = arith.andi(new, arith.cmpf(arith.CmpFPredicate.OEQ, best, best))
                    use.owner.operands[use.operand_number] = arith.ori(op.result, first)
        return ir.WalkResult.ADVANCE

    operation.walk(visit)


def keep_nan(operation):
    """Lets the greater or less of two elements be NaN if one is, as torch says.

    torch-mlir's ``aten.maximum`` is ``x > y ? x : y``.
    """
    from torch_mlir import ir
    from torch_mlir.dialects import arith

    greater, less = (
        ir.IntegerAttr.get(ir.IntegerType.get_signless(64), int(kind))
        for kind in (arith.CmpFPredicate.OGT, arith.CmpFPredicate.OLT)
    )

    def visit(op):
        if op.name == "arith.select" and op.parent.name == "linalg.generic":
            chosen = op.operands[0].owner
            if isinstance(chosen, ir.Block) or chosen.operation.name != "arith.cmpf":
                return ir.WalkResult.ADVANCE
            chosen = chosen.operation
            kind = chosen.attributes["predicate"]
            if list(chosen.operands) == list(op.operands)[1:] and kind in (greater, less):
                build = arith.maximumf if kind == greater else arith.minimumf
                with ir.InsertionPoint(op), op.location:
                    op.result.replace_all_uses_with(build(*chosen.operands))
        return ir.WalkResult.ADVANCE

    operation.walk(visit)


def write_empty(operation):
    """Writes constants without elements as such: no resource, which is bytes, can be empty."""
    from torch_mlir import ir

    def visit(op):
        if op.name == "arith.constant" and "tensor<" in str(op.result.type):
            kind = ir.RankedTensorType(op.result.type)
            if 0 in kind.shape:
                op.attributes["value"] = ir.Attribute.parse(f"dense<> : {kind}")
        return ir.WalkResult.ADVANCE

    operation.walk(visit)


@contextmanager
def captured_stderr():
    """A file that gets what anybody, C++ included, writes to standard error."""
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield file
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def explain(graphs, text) -> str:
    """The ops that torch-mlir cannot lower, by name and source line."""
    names = set(re.findall(r"'torch\.(aten\.[\w.]+)'", text))
    names |= set(re.findall(r"(?:torch\.operator \"|OpOverload: )torch\.(aten\.[\w.]+)", text))
    names |= set(re.findall(r'name = "torch\.(aten\.[\w.]+)"', text))
    names |= set(re.findall(r"Higher-order operation '(\w+)'", text))
    found = []
    for node in (node for module in graphs.values() for node in module.graph.nodes):
        name = str(node.target).removesuffix(".default")
        if node.op == "call_function" and name in names:
            # An effect wraps the op that has it.
            shown = next((str(arg) for arg in node.args if hasattr(arg, "overloadpacket")), name)
            found.append(f"  {shown} at {source_line(node)}")
    if found:
        return "torch-mlir cannot lower:\n" + "\n".join(dict.fromkeys(found))
    # What fails may be a part of an op: try those of that line, or all, one by one.
    lines = re.findall(r'error: "([^"]+)":(\d+):', text)
    places = tuple(f'File "{file}", line {line},' for file, line in lines)
    here = distinct(graphs.values(), places)
    guilty = [op for op in here or distinct(graphs.values()) if not lowers_alone(op)]
    if guilty:
        return listed(guilty)
    if here:
        ops = ", ".join(map(described, here))
        return f"torch-mlir cannot lower:\n  {ops} together at {places[0][:-1]}"
    return f"torch-mlir failed: {text[:2000]}"


def lowers_alone(node) -> bool:
    """Whether torch-mlir lowers a graph of this op alone."""
    try:
        check_waist(to_linalg({"main": alone(node)})[0])
    except FrontendError:
        return False
    return True


def check_waist(module):
    """Refuses ops that torch-mlir leaves in dialects of its own."""
    left = []

    def visit(op):
        if op.name.split(".")[0] not in _WAIST and not op.name.endswith(".yield"):
            place = re.findall(r'"[^"]+":\d+:\d+', str(op.location))
            left.append(f"  {op.name} at {place[-1] if place else 'an unknown line'}")
        for region in op.regions:
            for block in region:
                for inner in block:
                    visit(inner.operation)

    visit(module.operation)
    if left:
        raise FrontendError("no lowering for:\n" + "\n".join(dict.fromkeys(left)))
