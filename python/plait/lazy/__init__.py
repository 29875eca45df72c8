"""Lazy arrays on a wafer: ``import plait.lazy as pf``.

Operations build a graph; ``eval``, ``numpy`` or ``compile_to_csl`` do work::

    x = pf.array(data, layout=pf.MeshLayout.grid(2, 3))
    y = pf.relu(x @ w + b)
    y.numpy()                      # on this machine
    pf.compile_to_csl(y, "out")    # a program for a wafer-scale engine
"""

from plait.lazy.array import (
    Array,
    MeshLayout,
    add,
    array,
    eval,
    exp,
    float32,
    from_numpy,
    full,
    is_lazy,
    log,
    matmul,
    multiply,
    ones,
    print_graph,
    randn,
    relu,
    sigmoid,
    subtract,
    tanh,
    zeros,
)
from plait.lazy.csl import CodeGenOptions, CSLProgram, compile_to_csl

__all__ = [
    "Array",
    "CSLProgram",
    "CodeGenOptions",
    "MeshLayout",
    "add",
    "array",
    "compile_to_csl",
    "eval",
    "exp",
    "float32",
    "from_numpy",
    "full",
    "is_lazy",
    "log",
    "matmul",
    "multiply",
    "ones",
    "print_graph",
    "randn",
    "relu",
    "sigmoid",
    "subtract",
    "tanh",
    "zeros",
]
