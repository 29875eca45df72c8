"""Draws of imported programs as ``sample`` ops, and the keys of those that had none."""

import dataclasses

import numpy as np

from plait.errors import ArgumentError
from plait.module import Module, Structure, TensorSpec
from plait.sampling.keys import keys

#: What a draw takes instead of torch's generator, one of each per row, in order.
_KEY = (("seed", np.uint64), ("session", np.uint32), ("sequence", np.uint32),
        ("position", np.uint32))  # fmt: skip


def raise_to_sample(module: Module, *, keep_bits: bool = True) -> Module:
    """Makes ``sample`` ops of the picks, draws and filters in an imported program.

    The pass ``raise-to-sample``; docs/sampling.md says what it finds.

    Args:
        module: from :func:`plait.from_jax`, :func:`plait.from_torch` or MLIR text.
        keep_bits: whether draws keep the bits of the source's generator, as those of JAX can.
            Otherwise a row has one keyed draw: the same distribution, other tokens. A JAX
            program's key is the seed then. torch's generator has a state, and no bits to keep:
            such a program gets the keyword arguments ``seed``, ``session``, ``sequence`` and
            ``position``, one per row, which :func:`draw_keys` makes (without a call structure,
            as MLIR text has none, they are the last arguments).

    Raises:
        CompileError: torch's generator with ``keep_bits``, or in a form that is no draw.
        ArgumentError: the program has a keyword argument of a key's name.
    """
    from plait.compiler import run_stages, signature

    option = "true" if keep_bits else "false"
    text = run_stages(module.text.encode(), [f"raise-to-sample{{keep-bits={option}}}"]).decode()
    raised = dataclasses.replace(
        module, text=text, reference=module.reference if keep_bits else None
    )
    if keep_bits or module.inputs is None:
        return raised
    rows = signature(dataclasses.replace(raised, inputs=None))[0][len(module.inputs) :]
    if not rows:
        return raised
    specs = [TensorSpec(np.dtype(d), rows[0].shape, name) for name, d in _KEY]
    structure = module.input_structure
    if structure is not None:
        if structure.kind != "call":
            structure = Structure("call", (structure, Structure("dict")))
        given, named = structure.children
        if taken := sorted({name for name, _ in _KEY} & set(named.keys)):
            raise ArgumentError(f"expects no keyword argument of a key's name, got '{taken[0]}'")
        named = Structure(
            "dict",
            named.children + (Structure("leaf"),) * len(_KEY),
            named.keys + tuple(name for name, _ in _KEY),
        )
        structure = Structure("call", (given, named))
    return dataclasses.replace(raised, inputs=(*module.inputs, *specs), input_structure=structure)


def draw_keys(
    batch: int, seed=0, position=0, *, session_id=0, sequence_id=None
) -> dict[str, np.ndarray]:
    """The keyword arguments of a program raised without its generator's bits.

    Args:
        batch: how many rows it draws.
        seed: unsigned 64-bit, scalar or [batch].
        position: unsigned 32-bit, scalar or [batch].
        session_id: unsigned 32-bit, scalar or [batch].
        sequence_id: unsigned 32-bit [batch]; None is the row's index.

    Raises:
        ArgumentError: wrong dtypes, shapes or ranges; two rows with one key.
    """
    values = keys(batch, seed, session_id, sequence_id, position)
    return {name: value for (name, _), value in zip(_KEY, values, strict=True)}
