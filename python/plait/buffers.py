"""Arrays as compiled code takes and returns them: MLIR's memref descriptors.

A descriptor is some 64-bit words: two pointers, an offset, sizes, strides.
"""

from array import array

import numpy as np

from plait import runtime
from plait.errors import ArgumentError


class _Memory:
    """What an array of a result has as its base: frees the block in the end."""

    __slots__ = ("__array_interface__", "block", "free")

    def __init__(self, free, block, start, dtype, shape):
        self.free, self.block = free, block
        # bf16, which NumPy does not know, is bytes at first.
        self.__array_interface__ = {
            "version": 3,
            "data": (start, False),
            "typestr": dtype.str,
            "shape": shape,
        }

    def __del__(self):
        self.free(self.block)


class Descriptors:
    """Descriptors of arrays, and their addresses. Keeps the arrays alive."""

    def __init__(self, values):
        words = []
        starts = []
        for value in values:
            pointer = value.__array_interface__["data"][0]
            starts.append(len(words))
            strides = [stride // value.itemsize for stride in value.strides]
            words += [pointer, pointer, 0, *value.shape, *strides]
        self.memory = array("q", words)
        base, _ = self.memory.buffer_info()
        self.addresses = [base + 8 * start for start in starts]
        self.values = values


def call(entry, addresses, outputs) -> list[np.ndarray]:
    """Calls an entry of compiled code.

    Args:
        entry: what :func:`plait.loader.load` found.
        addresses: of the arguments' descriptors.
        outputs: the ``(dtype, rank)`` of each result.

    Returns:
        The results, which own, and in the end free, their memory.

    Raises:
        ArgumentError: an assertion in the code failed.
    """
    words = sum(3 + 2 * rank for _, rank in outputs)
    results = array("q", bytes(8 * words))
    pointers = array("q", [results.buffer_info()[0], *addresses] if outputs else addresses)
    failed = entry(pointers.buffer_info()[0])
    if failed is not None:
        raise ArgumentError(f"the compiled code found: {failed.decode()}")
    free = runtime.library().plait_free
    taken, at, owned = [], 0, set()
    for dtype, rank in outputs:
        block, aligned, offset = results[at : at + 3]
        shape = tuple(results[at + 3 : at + 3 + rank])
        at += 3 + 2 * rank
        start = aligned + offset * dtype.itemsize
        # Equal results may come in one buffer, which is freed once.
        shared = block in owned
        owned.add(block)
        memory = _Memory(_keep if shared else free, block, start, dtype, shape)
        result = np.asarray(memory)
        if result.dtype != dtype:
            result = result.view(dtype)
        taken.append(result.copy() if shared else result)
    return taken


def _keep(block):
    """Frees nothing: another result owns the block."""
