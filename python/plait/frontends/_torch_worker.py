"""The process that holds torch-mlir: a graph without weights in, MLIR text out.

torch-mlir is built on another LLVM than Plait; only text leaves this process.
"""

import io
import json
import os
import re
import tempfile
import warnings
from contextlib import contextmanager

import torch
from torch.export.graph_signature import TensorArgument
from torch.fx.experimental.symbolic_shapes import statically_known_true

from plait.errors import FrontendError

#: Dialects that the waist knows; see docs/contracts/import.md.
_WAIST = {"affine", "arith", "builtin", "cf", "complex", "func", "linalg", "math", "scf", "tensor"}

_aten = torch.ops.aten
_VIEWS = (_aten.view.default, _aten._unsafe_view.default, _aten.reshape.default)


def handle(payload: bytes) -> bytes:
    """JSON with the text and signature of a saved ``ExportedProgram``."""
    warnings.filterwarnings("ignore")
    return json.dumps(lower(torch.export.load(io.BytesIO(payload)))).encode()


def lower(program) -> dict:
    from torch_mlir.extras.fx_decomp_util import get_decomposition_table

    program = program.run_decompositions(get_decomposition_table())
    refuse_mutation(program.graph_signature)
    keep_tensors(program)
    split_dynamic_views(program.graph_module)
    with captured_stderr() as log:
        try:
            module = to_linalg(program)
        except Exception as error:
            log.seek(0)
            text = f"{error}\n{log.read().decode(errors='replace')}"
            raise FrontendError(explain(program, text)) from error
    check_waist(module)
    specs = program.graph_signature
    placeholders = {n.name: n for n in program.graph.nodes if n.op == "placeholder"}
    output = next(n for n in program.graph.nodes if n.op == "output")
    return {
        "text": module.operation.get_asm(enable_debug_info=True),
        "weights": [
            (spec.kind.name, spec.target)
            for spec in specs.input_specs
            if spec.kind.name != "USER_INPUT"
        ],
        "inputs": [
            describe(placeholders[spec.arg.name], spec.arg.name)
            for spec in specs.input_specs
            if spec.kind.name == "USER_INPUT" and isinstance(spec.arg, TensorArgument)
        ],
        "outputs": [describe(node, "") for node in output.args[0]],
        "ranges": {
            str(symbol): [int(bounds.lower), int(bounds.upper) if bounds.upper.is_finite else None]
            for symbol, bounds in program.range_constraints.items()
        },
    }


def refuse_mutation(signature):
    """Refuses models that write to a buffer or to an argument."""
    changed = [
        spec.target
        for spec in signature.output_specs
        if spec.kind.name not in ("USER_OUTPUT", "LOSS_OUTPUT")
    ]
    if changed:
        raise FrontendError(
            f"the model changes {', '.join(map(repr, changed))} in place; "
            "pass such tensors as arguments and return the new ones"
        )


def keep_tensors(program):
    """Drops arguments and results that are no tensors: the graph never uses them."""
    for node in list(program.graph.nodes):
        if node.op == "placeholder" and not isinstance(node.meta["val"], torch.Tensor):
            program.graph.erase_node(node)
        elif node.op == "output":
            node.args = (tuple(value for value in node.args[0] if value is not None),)
    program.graph_module.recompile()


def to_linalg(program):
    """The program as a torch_mlir module of linalg on tensors."""
    from torch_mlir import fx, ir

    module = fx.stateless_fx_import(program.graph_module, output_type="raw")
    with module.context:
        for op in module.body.operations:
            # Sizes of one name are equal: torch.export has checked it.
            op.attributes["torch.assume_strict_symbolic_shapes"] = ir.UnitAttr.get()
    keep = ["aten.flatten.using_ints", "aten.unflatten.int"]
    return fx._module_lowering(
        False,
        False,
        fx.OutputType.LINALG_ON_TENSORS,
        module,
        fx_import_options=fx.FxImportOptions(backend_legal_ops=keep),
    )


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


def describe(node, name) -> dict:
    """The dtype and shape of a node's value; a symbol is a dynamic size."""
    value = node.meta["val"]
    shape = [
        size if isinstance(size, int) else str(size) if size.node.expr.is_symbol else None
        for size in value.shape
    ]
    return {"dtype": str(value.dtype).removeprefix("torch."), "shape": shape, "name": name}


def source_line(node) -> str:
    """Where the user's model calls this node."""
    lines = (node.meta.get("stack_trace") or "").strip().splitlines()
    places = [line.strip() for line in lines if line.strip().startswith("File ")]
    return places[-1] if places else "an unknown line"


def explain(program, text) -> str:
    """The ops that torch-mlir cannot lower, by name and source line."""
    names = set(re.findall(r"'torch\.(aten\.[\w.]+)'", text))
    names |= set(re.findall(r"(?:torch\.operator \"|OpOverload: )torch\.(aten\.[\w.]+)", text))
    names |= set(re.findall(r"Higher-order operation '(\w+)'", text))
    found = []
    for node in program.graph.nodes:
        name = str(node.target).removesuffix(".default")
        if node.op == "call_function" and name in names:
            # An effect wraps the op that has it.
            shown = next((str(arg) for arg in node.args if hasattr(arg, "overloadpacket")), name)
            found.append(f"  {shown} at {source_line(node)}")
    if found:
        return "torch-mlir cannot lower:\n" + "\n".join(dict.fromkeys(found))
    return f"torch-mlir failed: {text[:2000]}"


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


def split_dynamic_views(graph_module):
    """Rewrites views of dynamic shape as flattens and unflattens.

    torch-mlir lowers a view that merges two dynamic sizes to wrong code
    (llvm/torch-mlir#4743); flatten and unflatten it lowers right. A view that
    does not split so is refused.
    """
    graph = graph_module.graph
    for node in list(graph.nodes):
        if node.op != "call_function" or node.target not in _VIEWS:
            continue
        source, target = list(node.args[0].meta["val"].shape), list(node.meta["val"].shape)
        if all(isinstance(size, int) for size in source + target):
            continue
        groups = match_groups(source, target)
        if groups is None:
            raise FrontendError(
                f"no sound lowering for a view of {source} as {target} at {source_line(node)}"
            )
        current = node.args[0]
        with graph.inserting_before(node):
            for (s0, s1), (t0, t1) in reversed(groups):
                if s1 - s0 > 1:
                    value = _aten.flatten.using_ints(current.meta["val"], s0, s1 - 1)
                    call = (current, s0, s1 - 1)
                    current = graph.call_function(_aten.flatten.using_ints, call)
                    current.meta.update(node.meta, val=value)
                if t1 - t0 > 1:
                    shape = list(current.meta["val"].shape)
                    shape[s0 : s0 + 1] = target[t0:t1]
                    value = current.meta["val"].new_empty(shape)
                    call = (current, s0, list(node.args[1][t0:t1]))
                    current = graph.call_function(_aten.unflatten.int, call)
                    current.meta.update(node.meta, val=value)
        if current is not node.args[0]:
            node.replace_all_uses_with(current)
    graph.eliminate_dead_code()
    graph_module.recompile()


def match_groups(source, target):
    """Runs of sizes with equal products: [((s0, s1), (t0, t1)), ...], or None."""
    groups, i, j = [], 0, 0
    while i < len(source) and j < len(target):
        i0, j0 = i, j
        left, right = source[i], target[j]
        i, j = i + 1, j + 1
        while not statically_known_true(left == right):
            if i < len(source) and len(source) - i >= len(target) - j:
                left, i = left * source[i], i + 1
            elif j < len(target):
                right, j = right * target[j], j + 1
            else:
                return None
        groups.append(((i0, i), (j0, j)))
    return groups if (i, j) == (len(source), len(target)) else None
