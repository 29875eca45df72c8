"""Weights as compiled code wants them: some rearranged, once, by functions beside it."""

import ctypes
import json
import weakref

import numpy as np

from plait import arrays, buffers

#: Packed weights that some executable holds, by what they were made of.
_packed: dict[tuple, weakref.WeakSet] = {}

_libc = ctypes.CDLL(None)
_libc.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]


class _Packed:
    """An array that can be referred to weakly, and be in a set."""

    def __init__(self, array):
        self.array = array


def bind(entry, weights: list[np.ndarray]) -> tuple[list[np.ndarray], list]:
    """The leading arguments of ``plait_main`` for a module's weights.

    Args:
        entry: what :func:`plait.loader.load` returned.
        weights: the arrays that the module was made with, contiguous.

    Returns:
        The arrays to pass, of which some are views of ``weights`` and others
        are packed; and what keeps packed ones shared: executables of the same
        weights have one copy of those that come out equal.
    """
    plan = entry("plait_weights")(None)
    if plan is None:
        return weights, []
    bound, held = [], []
    for item in json.loads(plan):
        if "raw" in item:
            bound.append(weights[item["raw"]])
        else:
            held.append(_pack(entry, item, [weights[index] for index in item["from"]]))
            bound.append(held[-1].array)
    return bound, held


def _pack(entry, item, sources):
    dtype = np.dtype(arrays.DTYPES[item["type"]])
    descriptors = buffers.Descriptors(sources)
    outputs = [(dtype, len(item["shape"]))]
    (array,) = buffers.call(entry(f"plait_{item['by']}"), descriptors.addresses, outputs)
    where = tuple((_address(source), source.shape, source.dtype) for source in sources)
    known = _packed.setdefault((where, array.shape, dtype), weakref.WeakSet())
    for other in known:
        # The weights may have changed since, or be packed another way.
        if not _libc.memcmp(_address(other.array), _address(array), array.nbytes):
            return other
    packed = _Packed(array)
    known.add(packed)
    return packed


def _address(array):
    return array.__array_interface__["data"][0]
