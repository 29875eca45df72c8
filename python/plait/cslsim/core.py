"""The execution core (``lib/CSLSim``, C++) through its C functions."""

import ctypes
from functools import cache

import numpy as np

from plait.tools import library_path


@cache
def library():
    """The shared library of the core."""
    lib = ctypes.CDLL(str(library_path("libplait_cslsim.so")))
    p, i, u = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64
    for name, result, args in (
        ("ops", ctypes.c_char_p, []),
        ("new", p, [i, i, p, p, i, p, i, u, i, i, i, u]),
        ("delete", None, [p]),
        ("program", i, [p] * 16),
        ("pe", None, [p, i, i, i]),
        ("route", None, [p, i, i, i, p]),
        ("start", None, [p]),
        ("launch", None, [p, i, i, i, i, i, p]),
        ("finish_command", i, [p, u]),
        ("settle", i, [p, u, u]),
        ("memory", i, [p, i, i, i, i, i, p]),
        ("send", None, [p, i, i, i, p, i]),
        ("await", i, [p, i, i, i, i, i, u, u]),
        ("receive", None, [p, i, i, i, p, i]),
        ("error", ctypes.c_char_p, [p, p]),
        ("note", ctypes.c_char_p, [p, i, p]),
        ("report", ctypes.c_char_p, [p]),
        ("log", p, [p, i]),
        ("strays", i, [p]),
        ("trace", None, [p, u]),
        ("close_spans", None, [p]),
        ("spans", u, [p, p, u]),
        ("totals", None, [p, p]),
        ("counters", None, [p, p]),
    ):
        function = getattr(lib, "plait_csl_" + name)
        function.restype, function.argtypes = result, args
    return lib


@cache
def _numbers():
    scalar, vector = library().plait_csl_ops().decode().split("|")
    return (
        {n: k for k, n in enumerate(scalar.split())},
        {n: k for k, n in enumerate(vector.split())},
    )


def opcode(name, code):
    """An instruction's number with its type in the low four bits."""
    return _numbers()[0][name] << 4 | code


def vector_op(name):
    """The number of a vector operation."""
    return _numbers()[1][name]


def vector_ops():
    """The names of the vector operations, in the core's order."""
    return list(_numbers()[1])


def pointer(array):
    """The address of an array's data, for a call."""
    return array.ctypes.data_as(ctypes.c_void_p)


def array(values, kind=np.int32):
    """A contiguous array of numbers, never without storage."""
    return np.ascontiguousarray(np.array(values if len(values) else [0], dtype=kind))
