"""torch models, through ``torch.export`` here and torch-mlir in a worker process."""

import types
import warnings
from contextlib import contextmanager

import numpy as np

from plait import arrays
from plait.errors import FrontendError
from plait.module import Module, Structure, TensorSpec
from plait.worker import import_limit, start_python

_WORKER = "plait.frontends._torch_worker"
#: Seconds for an op by itself, after an import that died or took too long. It takes milliseconds,
#: a new worker a few seconds to load torch.
_ONE_OP = 60.0


def from_torch(
    model,
    args,
    kwargs=None,
    *,
    dynamic_shapes=None,
    time_steps: int | None = None,
    cache: bool = False,
) -> Module:
    """Brings in a ``torch.nn.Module``, or a function of tensors.

    ``torch.export`` runs here; the graph, without its weights, goes through
    torch-mlir in another process. Parameters, buffers and constants are bound
    to the leading arguments of ``@main`` and share the model's memory. Buffers
    that the model changes (a key-value cache, running statistics) are changed
    in place by compiled code, so ``model.cache`` is up to date after a call;
    so are arguments that it changes. ``torch.allclose`` and ``torch.equal``
    give tensors of one bool.

    Args:
        model: what to export, in ``eval`` mode if that matters.
        args: a tuple of example arguments: tensors in tuples, lists, dicts.
            A number, string, bool or None is a constant: calls must pass the
            same.
        kwargs: a dict of example keyword arguments.
        dynamic_shapes: as for ``torch.export.export``: which sizes may change.
        time_steps: for a spiking model that is called once a step, with ``args`` of one step:
            the compiled code takes all steps at once, ``[time_steps, ...]``, and starts at
            rest. Without it such a model is called once a step too, and keeps its state.
        cache: keep the import in the compile cache, and take it from there for
            an equal model: equal attributes and modules, equal shapes and
            dtypes of parameters (not their values), equal arguments but for
            the tensors' values, and unchanged source files of all that was
            loaded. What a program patches into loaded modules is not seen.

    Neuron modules of snnTorch, Norse, SpikingJelly and Sinabs become ``spike`` ops with their
    library's rule; see docs/spiking.md.

    Raises:
        FrontendError: torch or torch-mlir is missing, the model cannot be
            exported, or it uses an op that has no lowering (named, with the
            line of the model's source that calls it); torch-mlir takes longer
            than ``PLAIT_IMPORT_SECONDS`` (600 by default, 0 for ever); with
            ``cache``, the model cannot be pickled.
    """
    torch = _import_torch()
    if not isinstance(args, tuple):
        raise FrontendError(f"expects a tuple of arguments, got {type(args).__name__}")
    _check_leaves(torch, args, kwargs or {})
    if time_steps is not None and dynamic_shapes:
        raise FrontendError("time_steps= needs sizes that do not change")
    if not cache:
        names, tensors, fields = _trace(torch, model, args, kwargs, dynamic_shapes)
    else:
        from plait.frontends._torch import cached

        call = torch.utils._pytree.tree_map_only(torch.Tensor, _described, (args, kwargs))
        key = cached.key(torch, model, (call, dynamic_shapes))
        own = cached.named_tensors(torch, model)
        if (entry := cached.load(key)) is None:
            names, tensors, fields = _trace(torch, model, args, kwargs, dynamic_shapes)
            fields.pop("exported")  # It holds the weights.
            lifted = {n: t for n, t in zip(names, tensors, strict=True) if n not in own}
            cached.save(key, (names, lifted, fields))
        else:
            names, lifted, fields = entry
            tensors = [own[name] if name in own else lifted[name] for name in names]
    first = fields.pop("constant")
    for name, value in zip(names[first:], tensors[first:], strict=True):
        if not value.is_contiguous():
            raise FrontendError(f"'{name}' is changed in place: make it contiguous")
    module = Module(
        weights=tuple(tensors[:first]),
        state=tuple(tensors[first:]),
        source="torch",
        reference=model,
        **fields,
    )
    if time_steps is None:
        return module
    from plait.spike.over_time import over_time

    return over_time(module, time_steps)


def _described(tensor) -> tuple:
    """What an example argument decides about an import."""
    return str(tensor.dtype), tuple(tensor.shape), tensor.stride(), str(tensor.device)


def _trace(torch, model, args, kwargs, dynamic_shapes):
    """The names of what is bound, its tensors, and the fields of the module.

    The field ``constant`` is how many of them come first and never change.
    """
    from plait.frontends._torch.guards import keep_guards
    from plait.frontends._torch.refusals import refuse

    start_python(_WORKER)  # It loads torch while the model is traced.
    program = _export(torch, model, args, kwargs, dynamic_shapes)
    _keep_literals(torch, program)
    keep_guards(program)
    refuse(program.graph_module)
    structure, outputs = _results(torch, program)
    inputs = _placeholders(torch, program)
    changed = [spec.target for spec in program.graph_signature.output_specs if _is_update(spec)]
    bound = [s for s in program.graph_signature.input_specs if s.kind.name != "USER_INPUT"]
    # The weights, the state, the caller's arguments; stable.
    bound.sort(key=lambda spec: spec.target in changed)
    updates = _order(torch, program, bound, changed)
    _keep_tensors(torch, program)
    first = sum(spec.target not in changed for spec in bound)
    call = Structure.of(args, constants=True)
    if kwargs:
        call = Structure("call", (call, Structure.of(kwargs, constants=True)))
    fields = dict(
        constant=first,
        text=_lowered(program.graph_module),
        updates=tuple(index - first for index in updates),
        inputs=tuple(_spec(node.meta["val"], node.name) for node in inputs),
        outputs=tuple(_spec(value, "") for value in outputs),
        input_structure=call,
        output_structure=structure,
        ranges={
            str(symbol): (int(bounds.lower), int(bounds.upper) if bounds.upper.is_Integer else None)
            for symbol, bounds in program.range_constraints.items()
            if bounds.lower.is_Integer  # Not of a size that the data decides.
        },
    )
    tensors = [_weight(program, spec) for spec in bound]
    fields["exported"] = _exported(program, bound, tensors, changed, inputs)
    return [spec.target for spec in bound], tensors, fields


def _exported(program, bound, tensors, changed, inputs):
    """What :func:`plait.to_nir` reads of a model with neuron modules; None of any other."""
    if not any(str(node.target) == "plait.neuron.default" for node in program.graph.nodes):
        return None
    from plait.frontends._torch.network import Exported

    arguments = {spec.target: spec.arg.name for spec in bound}
    results = program.graph_signature.output_specs
    return Exported(
        program.graph,
        {spec.arg.name: value for spec, value in zip(bound, tensors, strict=True)},
        {
            spec.arg.name: value.clone()
            for spec, value in zip(bound, tensors, strict=True)
            if spec.target in changed
        },
        {arguments.get(r.target): r.arg.name for r in results if _is_update(r)},
        [node.name for node in inputs],
        [r.arg.name for r in results if not _is_update(r) and hasattr(r.arg, "name")],
    )


def _import_torch():
    try:
        import torch
    except ImportError as error:
        raise FrontendError("needs torch: pip install 'plait[torch]'") from error
    return torch


def _check_leaves(torch, args, kwargs):
    constant = bool | int | float | str | None
    for name, value in (("args", args), ("kwargs", kwargs)):
        for path, leaf in torch.utils._pytree.tree_flatten_with_path(value)[0]:
            if not isinstance(leaf, torch.Tensor | constant):
                raise FrontendError(
                    f"{name}{torch.utils._pytree.keystr(path)}: "
                    f"expects a tensor or a constant, got {type(leaf).__name__}"
                )


def _export(torch, model, args, kwargs, dynamic_shapes):
    if not isinstance(model, torch.nn.Module):
        function, model = model, torch.nn.Module()
        model.forward = _named_forward(function)
    from plait.frontends._torch.comparisons import AsTensors
    from plait.frontends._torch.decompositions import table
    from plait.frontends._torch.refusals import refuse_transforms, untraced
    from plait.frontends._torch.spiking import patched

    # The fused inference path of nn.TransformerEncoderLayer is one opaque op.
    fastpath = torch.backends.mha.get_fastpath_enabled()
    # A distribution's check of its parameters is a branch on their values.
    checks = torch.distributions.Distribution._validate_args
    depth = torch._C._functorch.get_dynamic_layer_stack_depth()
    torch.backends.mha.set_fastpath_enabled(False)
    torch.distributions.Distribution.set_default_validate_args(False)
    try:
        with torch.no_grad(), patched(model, args, kwargs), _shared_buffers(torch, model):
            with AsTensors():
                program = torch.export.export(model, args, kwargs, dynamic_shapes=dynamic_shapes)
            refuse_transforms(program.graph)
            with warnings.catch_warnings():
                # torch.export copies what it itself calls deprecated.
                warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
                program = program.run_decompositions(table())
    except FrontendError:
        raise
    except Exception as error:  # torch.export raises dozens of kinds.
        raise untraced(error) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
        torch.distributions.Distribution.set_default_validate_args(checks)
        # A transform of torch.func that fails leaves its level behind.
        torch._C._functorch.pop_dynamic_layer_stack_and_undo_to_depth(depth)
    return program


@contextmanager
def _shared_buffers(torch, model):
    """Lets objects that modules hold, a cache say, have their buffers while they are traced.

    torch.export puts others in the place of a module's buffers. Where an object has one too, it
    would take that for a constant.
    """
    modules = list(model.modules())
    owners = {id(x): (module, name) for module in modules for name, x in module._buffers.items()}
    shared, seen = [], set(map(id, modules))

    def visit(value):
        if id(value) in seen or isinstance(value, torch.Tensor | type | types.ModuleType):
            return
        seen.add(id(value))
        if isinstance(value, dict | list | tuple):
            for item in value.values() if isinstance(value, dict) else value:
                visit(item)
        elif not callable(value) and hasattr(value, "__dict__"):
            for name, item in vars(value).items():
                if isinstance(item, torch.Tensor) and id(item) in owners:
                    shared.append((value, name, item))
                visit(item)

    def bind(*_):
        for value, name, item in shared:
            module, buffer = owners[id(item)]
            setattr(value, name, getattr(module, buffer))

    for module in modules:
        visit([value for name, value in vars(module).items() if not name.startswith("_")])
    hook = model.register_forward_pre_hook(bind)
    try:
        yield
    finally:
        hook.remove()
        for value, name, item in shared:
            setattr(value, name, item)


def _named_forward(function):
    """``function`` under the one name whose source lines torch.export records."""
    if isinstance(function, types.BuiltinFunctionType):  # torch.relu, say: it has no signature.
        return lambda *args, **kwargs: function(*args, **kwargs)
    if not isinstance(function, types.FunctionType):
        return function
    forward = types.FunctionType(
        function.__code__.replace(co_name="forward"),
        function.__globals__,
        "forward",
        function.__defaults__,
        function.__closure__,
    )
    forward.__kwdefaults__ = function.__kwdefaults__
    return forward


def _arguments(graph) -> list:
    """The nodes of a graph's arguments, in order."""
    return [node for node in graph.nodes if node.op == "placeholder"]


def _is_update(spec) -> bool:
    """Whether a result is the new content of a buffer or an argument."""
    return spec.kind.name in ("BUFFER_MUTATION", "PARAMETER_MUTATION", "USER_INPUT_MUTATION")


def _order(torch, program, bound, changed) -> list[int]:
    """Puts bound arguments in order before the caller's; where each changed tensor then is."""
    graph = program.graph
    nodes = {node.name: node for node in _arguments(graph)}
    first = next(iter(graph.nodes))
    for node in reversed([nodes[spec.arg.name] for spec in bound]):
        if node is not first:
            first.prepend(node)
            first = node
    # Arguments that are no tensors will be dropped.
    names = [node.name for node in _arguments(graph) if isinstance(node.meta["val"], torch.Tensor)]
    targets = {spec.target: spec.arg.name for spec in bound}
    return [names.index(targets.get(name, name)) for name in changed]


def _keep_literals(torch, program):
    """Writes numbers that the model's code holds, lifted as tensors, back into the graph."""
    signature, graph = program.graph_signature, program.graph
    for spec in list(signature.input_specs):
        value = program.constants.get(spec.target)
        if (
            not (spec.target or "").startswith("lifted_tensor_")
            or value.dim()
            or value.is_complex()
        ):
            continue
        arguments = _arguments(graph)
        (node,) = (n for n in arguments if n.name == spec.arg.name)
        after = arguments[-1].next
        with graph.inserting_before(after):
            full = graph.call_function(
                torch.ops.aten.full.default, ([], value.item()), dict(dtype=value.dtype)
            )
        full.meta.update(node.meta)
        node.replace_all_uses_with(full)
        graph.erase_node(node)
        signature.input_specs.remove(spec)


def _weight(program, spec):
    """The tensor of a lifted argument."""
    # A buffer that is not persistent is among the constants.
    constant = spec.kind.name == "CONSTANT_TENSOR" or spec.target not in program.state_dict
    return (program.constants if constant else program.state_dict)[spec.target]


def _placeholders(torch, program) -> list:
    """The nodes of the caller's tensors."""
    signature = torch.export.graph_signature
    tensor, constant = signature.TensorArgument, signature.ConstantArgument
    specs = [s for s in program.graph_signature.input_specs if s.kind.name == "USER_INPUT"]
    for spec in specs:
        if not isinstance(spec.arg, tensor | constant):
            raise FrontendError(f"'{spec.arg.name}': a number that may change must be a tensor")
    names = {spec.arg.name for spec in specs if isinstance(spec.arg, tensor)}
    return [node for node in _arguments(program.graph) if node.name in names]


def _results(torch, program):
    """How the results nest, and their fake tensors."""
    signature = torch.export.graph_signature
    tensor, constant = signature.TensorArgument, signature.ConstantArgument
    specs = program.graph_signature.output_specs
    results = [spec for spec in specs if not _is_update(spec)]
    for result in results:
        if not isinstance(result.arg, tensor | constant):
            raise FrontendError(
                f"the model returns a number, '{result.arg.name}'; make it a tensor"
            )
    outputs = torch.utils._pytree.tree_unflatten(
        [r.arg.value if isinstance(r.arg, constant) else r.arg for r in results],
        program.call_spec.out_spec,
    )
    structure = Structure.of(outputs, constants=True)
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    fakes = [values[r.arg.name] for r in results if isinstance(r.arg, tensor)]
    if len(structure.flatten(outputs)) != len(fakes):
        raise FrontendError(
            f"the model returns {type(outputs).__name__}; "
            "wrap it to return tensors in tuples, lists or dicts"
        )
    return structure, fakes


def _keep_tensors(torch, program):
    """Drops arguments and results that are no tensors: the graph never uses them."""
    for node in _arguments(program.graph):
        if not isinstance(node.meta["val"], torch.Tensor):
            program.graph.erase_node(node)
    for node in program.graph.find_nodes(op="output"):
        node.args = (tuple(v for v in node.args[0] if isinstance(v, torch.fx.Node)),)


def _lowered(graph_module) -> str:
    """What torch-mlir makes of a graph. If it dies of that or never ends, of which op it did."""
    from plait.frontends._torch.ops import alone, distinct, listed, pickled

    server = start_python(_WORKER)
    try:
        return server.ask(pickled(graph_module), import_limit()).decode()
    except FrontendError as error:
        if server.process.poll() is None:
            raise
        guilty = [node for node in distinct([graph_module]) if _dies(pickled(alone(node)))]
        if not guilty:
            raise
        raise FrontendError(f"{listed(guilty)}\n{str(error).splitlines()[0]}") from None


def _dies(payload) -> bool:
    server = start_python(_WORKER)
    try:
        server.ask(payload, _ONE_OP)
    except FrontendError:
        return server.process.poll() is not None
    return False


def _spec(value, name) -> TensorSpec:
    """The dtype and shape of a fake tensor; an expression names a dynamic size."""
    dtype = str(value.dtype).removeprefix("torch.")
    shape = tuple(size if isinstance(size, int) else str(size) for size in value.shape)
    return TensorSpec(
        arrays.DTYPES["bf16"] if dtype == "bfloat16" else np.dtype(dtype), shape, name
    )
