"""JAX functions and StableHLO text, through jaxlib's passes in a worker process."""

import json

import numpy as np

from plait import arrays
from plait.errors import FrontendError
from plait.module import Module, Structure, TensorSpec, is_namedtuple
from plait.worker import run_python

#: StableHLO's element types that MLIR's arithmetic does not tell apart.
_UNSIGNED = {f"ui{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)}


def from_jax(function, *args) -> Module:
    """Brings in a function of JAX arrays, jitted or not.

    JAX traces it here; the StableHLO goes through jaxlib's own passes in
    another process. Arrays that the function closes over are bound to the
    leading arguments of ``@main`` and share their memory.

    Args:
        function: what ``jax.jit`` takes.
        args: example arguments, or ``jax.ShapeDtypeStruct``: arrays, numbers
            and typed keys in tuples, namedtuples, lists, dicts and None.
            Results nest in the same ways.

    Raises:
        FrontendError: jax is missing, the function cannot be traced, it
            takes or returns another kind of container, or it uses an op that
            has no lowering (named, with the line of the source that calls it).
    """
    jax = _import_jax()
    paths, tree = jax.tree_util.tree_flatten_with_path(args)
    names = ["args" + jax.tree_util.keystr(path) for path, _ in paths]
    input_structure = _structure(jax, args, "the arguments")
    keys, leaves = _split_keys(jax, [leaf for _, leaf in paths])
    output_structure = None

    def flat(*leaves):
        nonlocal output_structure
        leaves = [
            leaf if key is None else jax.random.wrap_key_data(leaf, impl=key)
            for key, leaf in zip(keys, leaves, strict=True)
        ]
        results = function(*jax.tree_util.tree_unflatten(tree, leaves))
        output_structure = _structure(jax, results, "the results")
        return _split_keys(jax, jax.tree_util.tree_leaves(results))[1]

    text, weights = _lower(jax, flat, leaves)
    return _module(
        text,
        source="jax",
        names=names,
        weights=tuple(weights),
        input_structure=input_structure,
        output_structure=output_structure,
        reference=function,
    )


def from_stablehlo(text: str) -> Module:
    """Brings in a StableHLO program with a function ``@main`` on tensors.

    The call is flat: one array per argument. Unsigned element types become
    unsigned NumPy dtypes.

    Raises:
        FrontendError: jax is missing, the text is not StableHLO, or it holds
            an op that has no lowering (named).
    """
    _import_jax()
    return _module(text, source="stablehlo")


def _module(text, source, names=None, weights=(), **rest) -> Module:
    answer = json.loads(run_python("plait.frontends._stablehlo_worker", text.encode()))
    inputs = [_spec(f"argument {i}", item) for i, item in enumerate(answer["inputs"])]
    inputs = inputs[len(weights) :]
    if names is not None:
        inputs = [
            TensorSpec(spec.dtype, spec.shape, name)
            for spec, name in zip(inputs, names, strict=True)
        ]
    return Module(
        answer["text"],
        weights=weights,
        inputs=tuple(inputs),
        outputs=tuple(_spec(f"result {i}", item) for i, item in enumerate(answer["outputs"])),
        source=source,
        **rest,
    )


def _spec(what: str, item: dict) -> TensorSpec:
    dtype = _UNSIGNED.get(item["dtype"]) or arrays.DTYPES.get(item["dtype"])
    if dtype is None:
        raise FrontendError(f"{what}: no array holds elements of type '{item['dtype']}'")
    return TensorSpec(dtype, tuple(item["shape"]))


def _import_jax():
    try:
        import jax
    except ImportError as error:
        raise FrontendError("needs jax: pip install 'plait[jax]'") from error
    return jax


def _structure(jax, value, where: str) -> Structure:
    """How ``value`` nests, with the leaves in JAX's order: dicts by sorted keys."""
    if value is None:
        return Structure("none")
    if type(value) is dict:
        keys = sorted(value)
        return Structure(
            "dict", tuple(_structure(jax, value[k], f"{where}[{k!r}]") for k in keys), tuple(keys)
        )
    if type(value) in (tuple, list):
        items = [_structure(jax, item, f"{where}[{i}]") for i, item in enumerate(value)]
        return Structure(type(value).__name__, tuple(items))
    if is_namedtuple(value):
        items = [_structure(jax, item, f"{where}[{i}]") for i, item in enumerate(value)]
        return Structure.of_namedtuple(value, tuple(items))
    if _is_key(jax, value):
        return Structure("key", name=str(jax.random.key_impl(value)))
    if jax.tree_util.all_leaves([value]):
        return Structure("leaf")
    raise FrontendError(
        f"{where} hold a {type(value).__name__}; "
        "expects arrays in tuples, namedtuples, lists, dicts and None"
    )


def _is_key(jax, value) -> bool:
    return jax.dtypes.issubdtype(getattr(value, "dtype", None), jax.dtypes.prng_key)


def _split_keys(jax, leaves):
    """The kind of every typed key, and its memory in its place."""
    kinds, plain = [], []
    for leaf in leaves:
        is_key = _is_key(jax, leaf)
        kinds.append(jax.random.key_impl(leaf) if is_key else None)
        plain.append(jax.random.key_data(leaf) if is_key else leaf)
    return kinds, plain


def _lower(jax, function, leaves):
    """StableHLO text, and the closed-over arrays: its leading arguments.

    JAX puts a closed-over array into the text, as digits, unless these
    settings hoist it; they have no public name yet:
    https://docs.jax.dev/en/latest/internals/constants.html
    """
    from jax._src import config
    from jax._src.interpreters import mlir

    with config.use_simplified_jaxpr_constants(True):
        try:
            traced = jax.jit(function, keep_unused=True).trace(*leaves)
        except FrontendError:
            raise
        except Exception as error:  # Whatever the user's function raises.
            raise FrontendError(f"jax cannot trace the function: {error}") from error
        lowered = traced.lower(
            lowering_platforms=("cpu",),
            _private_parameters=mlir.LoweringParameters(hoist_constants_as_args=True),
        )
        return lowered.as_text(debug_info=True), lowered._lowering.const_args
