"""What of a model is refused, by name and source line, before torch-mlir sees it."""

import os
import sysconfig

import torch
from torch.fx.experimental import symbolic_shapes

from plait.errors import FrontendError
from plait.frontends._torch import control
from plait.frontends._torch.views import source_line

#: Whose ops torch-mlir and this front know.
_LIBRARIES = ("aten", "prim", "prims", "plait")
_QUANTIZED = ("torch.qint", "torch.quint")
_DATA = (
    symbolic_shapes.GuardOnDataDependentSymNode,
    symbolic_shapes.PendingUnbackedSymbolNotFound,
    torch._subclasses.fake_tensor.DataDependentOutputException,
)
_NO_DATA = "expects sizes, indices, branches and numbers that do not depend on a tensor's data"
_HINTS = {
    "one_hot": "pass num_classes=",
    "_local_scalar_dense": "keep it a tensor, or pass a number",
    "__bool__": "choose with torch.where or torch.cond",
    "narrow": "use index_select with a range from the start",
    "allclose": "return the tensor torch.isclose(...).all()",
    "equal": "return the tensor (x == y).all()",
    "grouped_mm_fallback": "set_experts_implementation('batched_mm') on a model of transformers",
}
#: What transforms of torch.func that differentiate leave in a graph.
_TRANSFORMS = ("_unwrap_for_grad", "_wrap_for_grad")
_EAGER = os.path.join("torch", "_functorch", "eager_transforms.py")
_MAKE_FX = "pass torch.fx.experimental.proxy_tensor.make_fx(model)(*args) as the model"
_RANDOM = "pass random tensors as arguments, or draw with plait.sampling"
_NOISE = "its noise can only decide a draw: (weights / noise).argmax(-1), or logits - noise.log()"


def _refusal(head, op, place, *more):
    packet = getattr(op, "overloadpacket", op)
    hint = _HINTS.get(getattr(packet, "__name__", ""))
    lines = [f"{head}:\n  {_name(op)} at {place}", *more, hint]
    return FrontendError("\n".join(line for line in lines if line))


def _name(op) -> str:
    if op is torch.ops.aten._local_scalar_dense.default:
        return "Tensor.item"
    if isinstance(op, torch._ops.OperatorBase):
        return str(op).removesuffix(".default")
    return getattr(op, "__qualname__", str(op)).removeprefix("TensorBase.")


def refuse(graph_module):
    """Refuses what torch-mlir cannot name: ops that report errors or draw from torch's global
    random state, numbers read from tensors, ops of other libraries, of quantized tensors, and of
    higher order.

    Raises:
        FrontendError: names the op, its source line and what to do instead.
    """
    for module in graph_module.modules():
        for node in getattr(module, "graph", graph_module.graph).nodes:
            op, more = node.target, ()
            if op is torch.ops.higher_order.with_effects:
                op = node.args[1]
            elif op is torch.ops.plait.exponential.default:
                if _decides(node, "noise"):
                    continue
                # Of torch's functions the one that the model calls, not the op in it.
                name = node.meta.get("torch_fn", ("", "exponential_"))[1]
                op, more = name.rpartition(".")[2], (_NOISE, _RANDOM)
            elif (
                torch.Tag.nondeterministic_seeded in getattr(op, "tags", ())
                and op.namespace != "plait"
            ):
                more = (_RANDOM,)
            elif isinstance(op, torch._ops.HigherOrderOperator):
                if op in control.WRITERS:
                    continue
            elif op is torch.ops.aten._local_scalar_dense.default and node.users:
                more = (_NO_DATA,)
            elif not isinstance(op, torch._ops.OpOverload) or (
                op.namespace in _LIBRARIES and not _is_quantized(node)
            ):
                continue
            raise _refusal("no lowering for", op, source_line(node), *more)


#: What exponential noise, or what is made of it, is used by in a draw.
_RACE = {
    ("noise", "div"): "score", ("noise", "log"): "log", ("log", "neg"): "gumbel",
    ("log", "sub"): "score", ("gumbel", "add"): "score", ("score", "argmax"): "token",
    ("score", "max"): "token",
}  # fmt: skip


def _decides(node, what):
    """Whether a value does nothing but decide an argmax, as raise-to-sample knows it."""
    for user in node.users:
        name = getattr(getattr(user.target, "overloadpacket", None), "__name__", "")
        if name in ("_to_copy", "view", "unsqueeze", "squeeze"):
            made = what
        else:
            made = _RACE.get((what, name))
        if made is None or (made != "token" and not _decides(user, made)):
            return False
    return True


def refuse_transforms(graph):
    """Refuses derivatives of torch.func, which torch.export records but cannot decompose.

    Raises:
        FrontendError: the source line, and what to do instead.
    """
    for node in graph.nodes:
        if getattr(node.target, "__name__", "") in _TRANSFORMS:
            raise _refusal("no lowering for", "torch.func", source_line(node), _MAKE_FX)


def _is_quantized(node):
    """Whether an op makes a quantized tensor. Fake ones do not say that they are."""
    kinds = (arg for arg in (*node.args, *node.kwargs.values()) if isinstance(arg, torch.dtype))
    return any(str(kind).startswith(_QUANTIZED) for kind in kinds)


def untraced(error) -> FrontendError:
    """Why torch.export stopped: the op and the line of the model where it was, and its words."""
    place, op, transform = None, None, None
    trace = error.__traceback__
    while trace is not None:
        frame, line = trace.tb_frame, trace.tb_lineno
        code, trace = frame.f_code, trace.tb_next
        values = frame.f_locals.values()
        if code.co_filename.endswith(_EAGER) and transform is None:
            transform = "torch.func." + code.co_qualname.partition(".")[0]
        if code.co_filename.startswith("<eval_with_key>"):  # A graph that is run again.
            module = frame.f_locals.get("self")
            if isinstance(module, torch.fx.GraphModule):
                refuse_transforms(module.graph)
        elif not _is_framework(code.co_filename):
            place, op = f'File "{code.co_filename}", line {line}, in {code.co_name}', None
        elif code.co_name == "run_node":  # A traced graph is run again to decompose its ops.
            node = next((value for value in values if isinstance(value, torch.fx.Node)), None)
            if node is not None:
                place, op = source_line(node), node.target
        elif op is None:
            op = frame.f_locals.get("func", frame.f_locals.get("self"))
            op = op if isinstance(op, torch._ops.OpOverload) or _is_method(op) else None
    words = "torch does not know the shape of its result"
    if not isinstance(error, torch._subclasses.fake_tensor.UnsupportedOperatorException):
        words = str(error).split("\n\n")[0].split("  (Size-like")[0]
    head = "torch.export cannot trace the model"
    if place is None or op is None:
        return FrontendError(f"{head}: {words}" + (f"\n  at {place}" if place else ""))
    if isinstance(error, _DATA):
        return _refusal(head, op, place, _NO_DATA)
    if transform:
        return _refusal("no lowering for", transform, place, words, _MAKE_FX)
    return _refusal(head, op, place, words)


def _is_method(value):
    return getattr(value, "__objclass__", None) is torch._C.TensorBase


def _is_framework(file):
    packages = (os.path.dirname(torch.__file__), os.path.dirname(os.path.dirname(__file__)))
    return file.startswith((*packages, sysconfig.get_path("stdlib"), "<frozen"))
