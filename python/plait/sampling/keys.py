"""The arguments of a batch: scalars or one value per row, checked."""

import numpy as np

from plait.errors import ArgumentError
from plait.sampling.reference import VOCAB_LIMIT, widen


def check_logits(logits, vocab: int | None = None) -> np.ndarray:
    """``logits`` of float32, float16 or bfloat16 as float32 [B, V].

    Raises:
        ArgumentError: another dtype or rank, V is not ``vocab``, or V is
            2**20 or more.
    """
    array = np.asarray(logits)
    if array.dtype.name not in ("float32", "float16", "bfloat16"):
        raise ArgumentError(
            f"logits: expects dtype float32, float16 or bfloat16, got {array.dtype}"
        )
    if array.ndim != 2:
        raise ArgumentError(f"logits: expects shape (B, V), got {array.shape}")
    if vocab is not None and array.shape[1] != vocab:
        raise ArgumentError(f"logits: expects a vocabulary of {vocab}, got {array.shape[1]}")
    if array.shape[1] >= VOCAB_LIMIT:
        raise ArgumentError(
            f"logits: expects a vocabulary below {VOCAB_LIMIT}, got {array.shape[1]}"
        )
    return widen(array)


def numbers(name: str, value, dtype) -> np.ndarray:
    """``value`` as an array of ``dtype``.

    Raises:
        ArgumentError: not numbers, fractions where integers are asked for, or
            a value that ``dtype`` cannot hold.
    """
    dtype = np.dtype(dtype)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ArgumentError(f"{name}: expects numbers, got {error}") from error
    if dtype.kind in "iu" and array.dtype.kind in "fO" and array.size:
        # NumPy makes floats or objects of integers that no one dtype holds.
        exact = np.asarray(value, object)
        known = all(type(item) is int for item in exact.flat)
        array = exact if known else array
    else:
        # An empty list is float64 to NumPy.
        known = not array.size or array.dtype.kind in ("iu" if dtype.kind in "iu" else "iuf")
        known |= array.dtype.name == "bfloat16" and dtype.kind == "f"
    if not known:
        wanted = "integers" if dtype.kind in "iu" else "numbers"
        raise ArgumentError(f"{name}: expects {wanted}, got dtype {array.dtype}")
    if dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        low, high = int(array.min()), int(array.max())
        if low < limits.min or high > limits.max:
            got = low if low < limits.min else high
            raise ArgumentError(f"{name}: expects {limits.min} to {limits.max}, got {got}")
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def rows_of(name: str, value, batch: int, dtype) -> np.ndarray:
    """``value``, a scalar or [batch], as a contiguous [batch] of ``dtype``.

    Raises:
        ArgumentError: another shape; see also :func:`numbers`.
    """
    array = numbers(name, value, dtype)
    if array.shape not in ((), (batch,)):
        raise ArgumentError(f"{name}: expects a scalar or shape ({batch},), got {array.shape}")
    return np.ascontiguousarray(np.broadcast_to(array, (batch,)))


def parameters(batch: int, temperature, top_k, top_p):
    """Temperature float32, k int32 or None, p float32 or None, each [batch].

    Raises:
        ArgumentError: see :func:`rows_of`; also a temperature that is
            negative or not finite, and a p that is NaN.
    """
    temperature = rows_of("temperature", temperature, batch, np.float32)
    if not (np.isfinite(temperature) & (temperature >= 0)).all():
        raise ArgumentError("temperature: expects finite values from 0 on")
    if top_k is not None:
        top_k = rows_of("top_k", top_k, batch, np.int32)
    if top_p is not None:
        top_p = rows_of("top_p", top_p, batch, np.float32)
        if np.isnan(top_p).any():
            raise ArgumentError("top_p: expects numbers, got NaN")
    return temperature, top_k, top_p


def keys(batch: int, seed, session_id, sequence_id, position):
    """Seeds uint64 and session, sequence, position uint32, each [batch].

    Scalars broadcast; an omitted sequence id is the row's index. One sequence
    id is not broadcast to rows of one seed and session.

    Raises:
        ArgumentError: see :func:`rows_of`; also two rows with one key, which
            would draw with the same bits. Rows at different positions of one
            sequence have different keys, if the sequence ids are given one by
            one.
    """
    given = sequence_id is not None
    one = given and np.ndim(sequence_id) == 0
    seed = rows_of("seed", seed, batch, np.uint64)
    sequence = sequence_id if given else np.arange(batch)
    ids = (("session_id", session_id), ("sequence_id", sequence), ("position", position))
    session, sequence, position = (rows_of(*part, batch, np.uint32) for part in ids)
    if batch > 1 and given:
        parts = [seed, session, sequence] + [position] * (not one)
        order = np.lexsort(parts)
        same = [part[order][1:] == part[order][:-1] for part in parts]
        equal = np.flatnonzero(np.logical_and.reduce(same))
        if equal.size:
            a, b = sorted(order[equal[0] : equal[0] + 2].tolist())
            at = "" if one else f" at position {position[a]}"
            raise ArgumentError(
                f"sequence_id: expects one sequence per row, got {sequence[a]} for rows {a} and "
                f"{b} of seed {seed[a]}, session {session[a]}{at}"
            )
    return seed, session, sequence, position
