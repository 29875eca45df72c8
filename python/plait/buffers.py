"""Arrays as compiled code takes and returns them: MLIR's memref descriptors.

A descriptor is some 64-bit words: two pointers, an offset, sizes, strides.
"""

import ctypes
import math
import weakref

import numpy as np

from plait import runtime
from plait.errors import ArgumentError


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
        self.memory = (ctypes.c_int64 * max(len(words), 1))(*words)
        base = ctypes.addressof(self.memory)
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
    results = (ctypes.c_int64 * max(words, 1))()
    pointers = [ctypes.addressof(results), *addresses] if outputs else addresses
    failed = entry((ctypes.c_void_p * max(len(pointers), 1))(*pointers))
    if failed is not None:
        raise ArgumentError(f"the compiled code found: {failed.decode()}")
    taken, at, owned = [], 0, set()
    for dtype, rank in outputs:
        allocated, aligned, offset = results[at : at + 3]
        shape = tuple(results[at + 3 : at + 3 + rank])
        at += 3 + 2 * rank
        start = aligned + offset * dtype.itemsize
        # from_address takes no empty array: one byte more is never read.
        count = math.prod(shape)
        memory = (ctypes.c_byte * max(count * dtype.itemsize, 1)).from_address(start)
        array = np.frombuffer(memory, dtype, count).reshape(shape)
        # Equal results may come in one buffer, which is freed once.
        if allocated in owned:
            array = array.copy()
        else:
            owned.add(allocated)
            weakref.finalize(memory, runtime.library().plait_free, allocated)
        taken.append(array)
    return taken
