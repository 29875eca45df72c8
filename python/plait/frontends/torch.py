"""torch models, through ``torch.export`` here and torch-mlir in a worker process."""

import copy
import io
import json
import types
import warnings

import numpy as np

from plait import arrays
from plait.errors import FrontendError
from plait.module import Module, Structure, TensorSpec
from plait.worker import run_python, start_python

_WORKER = "plait.frontends._torch_worker"


def from_torch(model, args, *, dynamic_shapes=None) -> Module:
    """Brings in a ``torch.nn.Module``, or a function of tensors.

    ``torch.export`` runs here; the graph, without its weights, goes through
    torch-mlir in another process. Parameters, buffers and constants are bound
    to the leading arguments of ``@main`` and share the model's memory.

    Args:
        model: what to export, in ``eval`` mode if that matters.
        args: a tuple of example arguments: tensors in tuples, lists, dicts.
        dynamic_shapes: as for ``torch.export.export``: which sizes may change.

    Raises:
        FrontendError: torch or torch-mlir is missing, the model cannot be
            exported, or it uses an op that has no lowering (named, with the
            line of the model's source that calls it).
    """
    torch = _import_torch()
    if not isinstance(args, tuple):
        raise FrontendError(f"expects a tuple of arguments, got {type(args).__name__}")
    _check_leaves(torch, args)
    start_python(_WORKER)  # It loads torch while the model is traced.
    program = _export(torch, model, args, dynamic_shapes)
    answer = json.loads(run_python(_WORKER, _without_weights(program)))
    weights = []
    for kind, target in answer["weights"]:
        source = program.constants if kind == "CONSTANT_TENSOR" else program.state_dict
        if target not in source:
            source = program.constants  # A buffer that is not persistent.
        weights.append(source[target])
    results = program.graph_signature.output_specs
    tensor = torch.export.graph_signature.TensorArgument
    outputs = torch.utils._pytree.tree_unflatten(
        [result if isinstance(result.arg, tensor) else None for result in results],
        program.call_spec.out_spec,
    )
    structure = Structure.of(outputs)
    if len(structure.flatten(outputs)) != len(answer["outputs"]):
        raise FrontendError(
            f"the model returns {type(outputs).__name__}; "
            "wrap it to return tensors in tuples, lists or dicts"
        )
    return Module(
        answer["text"],
        weights=tuple(weights),
        inputs=tuple(_spec(item) for item in answer["inputs"]),
        outputs=tuple(_spec(item) for item in answer["outputs"]),
        input_structure=Structure.of(args),
        output_structure=structure,
        ranges=answer["ranges"],
        source="torch",
        reference=model,
    )


def _import_torch():
    try:
        import torch
    except ImportError as error:
        raise FrontendError("needs torch: pip install 'plait[torch]'") from error
    return torch


def _check_leaves(torch, args):
    for path, leaf in torch.utils._pytree.tree_flatten_with_path(args)[0]:
        where = "args" + torch.utils._pytree.keystr(path)
        if leaf is not None and not isinstance(leaf, torch.Tensor):
            raise FrontendError(
                f"{where}: expects a tensor, got {type(leaf).__name__}; "
                "bind constants in the model or with functools.partial"
            )


def _export(torch, model, args, dynamic_shapes):
    if not isinstance(model, torch.nn.Module):
        function, model = model, torch.nn.Module()
        model.forward = _named_forward(function)
    # The fused inference path of nn.TransformerEncoderLayer is one opaque op.
    fastpath = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            program = torch.export.export(model, args, dynamic_shapes=dynamic_shapes)
    except Exception as error:  # torch.export raises dozens of kinds.
        raise FrontendError(f"torch.export cannot trace the model: {error}") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
    return program


def _named_forward(function):
    """``function`` under the one name whose source lines torch.export records."""
    if not isinstance(function, types.FunctionType):
        return function
    return types.FunctionType(
        function.__code__.replace(co_name="forward"),
        function.__globals__,
        "forward",
        function.__defaults__,
        function.__closure__,
    )


def _without_weights(program) -> bytes:
    """The exported program with every weight shrunk to one broadcast zero."""
    import torch

    def shrink(value):
        if not isinstance(value, torch.Tensor):
            return value
        zero = torch.zeros((), dtype=value.dtype).expand(value.shape)
        if isinstance(value, torch.nn.Parameter):
            return torch.nn.Parameter(zero, requires_grad=value.requires_grad)
        return zero

    program = copy.copy(program)
    program._state_dict = {k: shrink(v) for k, v in program.state_dict.items()}
    program._constants = {k: shrink(v) for k, v in program.constants.items()}
    program._example_inputs = None
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, buffer)
    return buffer.getvalue()


def _spec(item: dict) -> TensorSpec:
    name = item["dtype"]
    dtype = arrays.DTYPES["bf16"] if name == "bfloat16" else np.dtype(name)
    return TensorSpec(dtype, tuple(item["shape"]), item["name"])
