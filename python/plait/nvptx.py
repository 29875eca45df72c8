"""NVIDIA targets: PTX with what a launch needs, and its emulation on the CPU."""

import ctypes
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from plait import arrays, loader
from plait.compiler import lower
from plait.errors import ArgumentError, PlaitError
from plait.module import Module
from plait.tools import library_path
from plait.worker import run_tool


@dataclass(frozen=True)
class Kernel:
    """One kernel of an artifact.

    Attributes:
        name: its entry in the PTX.
        block: threads in a block, (x, y, z).
        grid: the number of blocks as formulas of the arguments' sizes, of
            which the least counts; no launch if it is 0.
        operands: what it takes in order: ``("input", i)`` and ``("output", i)``
            are pointers to row-major data, ``("size", i, axis)`` is an int64.
    """

    name: str
    block: tuple[int, int, int]
    grid: list
    operands: tuple[tuple, ...]

    def blocks(self, values) -> int:
        """The number of blocks for these argument arrays."""
        return min(_size(formula, values) for formula in self.grid)


class Artifact:
    """PTX for one or more chips, with how to launch it.

    Attributes:
        images: PTX text by chip, e.g. ``{"sm_90": "..."}``.
        kernels: the kernels, one per result.
    """

    def __init__(self, description: dict, device_ir: bytes, weights=()):
        entries = [e for e in description["entries"] if e["name"] == "main"]
        if not entries:
            raise PlaitError("expects a public function @main")
        (self._entry,) = entries
        self.images: dict[str, str] = description["ptx"]
        self.kernels = [
            Kernel(
                item["name"],
                (item["block"], 1, 1),
                item["grid"],
                tuple((o["kind"], *o["of"]) for o in item["operands"]),
            )
            for item in self._entry["kernels"]
        ]
        self.device_ir = device_ir
        self._weights = [arrays.to_numpy(weight) for weight in weights]

    @property
    def ptx(self) -> str:
        """The PTX text, where there is one chip; else see :attr:`images`."""
        if len(self.images) != 1:
            raise PlaitError(f"'ptx' is ambiguous; 'images' has {', '.join(self.images)}")
        return next(iter(self.images.values()))

    def __repr__(self):
        return f"<plait.nvptx.Artifact: PTX for {', '.join(self.images)}>"

    def save(self, path):
        """Writes the PTX of the only chip to ``path``."""
        Path(path).write_text(self.ptx)

    def __call__(self, *args):
        """Always raises: this version makes code for GPUs and does not run it there.

        Raises:
            PlaitError: names what is missing, and how to run the code here.
        """
        try:
            ctypes.CDLL("libcuda.so.1")
            missing = "running on a GPU is not part of this version"
        except OSError:
            missing = "no CUDA driver (libcuda.so.1) on this machine"
        raise PlaitError(f"{missing}; plait.nvptx.emulate(artifact, ...) runs it on the CPU")

    def bind(self, args):
        """The arguments (weights first) and the empty results of a call.

        Raises:
            ArgumentError: wrong number, dtype or shape.
        """
        specs = self._entry["type"]["inputs"]
        values = self._weights + [arrays.to_numpy(arg) for arg in args]
        if len(values) != len(specs):
            expected = len(specs) - len(self._weights)
            raise ArgumentError(f"expects {expected} arguments, got {len(args)}")
        for index, (value, spec) in enumerate(zip(values, specs, strict=True)):
            dtype = np.dtype(arrays.DTYPES[spec["type"]])
            if value.dtype != dtype:
                raise ArgumentError(f"argument {index}: expects {dtype}, got {value.dtype}")
            shape = spec["shape"]
            if value.ndim != len(shape) or any(
                want is not None and got != want
                for got, want in zip(value.shape, shape, strict=True)
            ):
                raise ArgumentError(f"argument {index}: expects {shape}, got {value.shape}")
        for check in self._entry["checks"]:
            left, right = (_size(formula, values) for formula in check["equal"])
            if left != right:
                raise ArgumentError(f"{check['message']}: {left} and {right} differ")
        values = [np.require(value, requirements=["C", "A"]) for value in values]
        results = [
            np.empty([_size(s, values) for s in shape], arrays.DTYPES[spec["type"]])
            for shape, spec in zip(
                self._entry["results"], self._entry["type"]["outputs"], strict=True
            )
        ]
        return values, results


def _size(formula, values) -> int:
    if isinstance(formula, int):
        return formula
    kind, left, right = formula
    if kind == "size":
        return values[left].shape[right]
    x, y = _size(left, values), _size(right, values)
    if kind == "+":
        return x + y
    if kind == "*":
        return x * y
    if kind == "ceildiv":
        return -(-x // y)
    return x // y if kind == "//" else x % y


def compile(module: Module, chips: str, dump_stages_to=None) -> Artifact:
    """Compiles a module to PTX for ``chips``, separated by commas.

    This is what :func:`plait.compile` calls for a target ``sm_*``.

    Raises:
        CompileError: an unknown chip, with those that are known, or an op
            without a lowering, by name.
        PlaitError: the module changes state or arguments.
    """
    if module.updates:
        raise PlaitError(f"the module changes its arguments, which code for '{chips}' cannot")
    device_ir = lower(module, chips, dump_stages_to=dump_stages_to).encode()
    artifact = run_tool("plait-translate", ["--mlir-to-nvptx-artifact"], device_ir)
    return Artifact(json.loads(artifact), device_ir, module.weights)


@cache
def _emulator():
    path = library_path("libplait_emulator.so")
    # Device code finds its functions in the process.
    launch = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL).plait_emulate_launch
    pointer = ctypes.c_void_p
    launch.argtypes = [pointer, ctypes.c_int, ctypes.c_int, ctypes.c_int, pointer]
    launch.restype = ctypes.c_char_p
    return launch


def emulate(artifact: Artifact, *args, backward: bool = False, grid: int | None = None):
    """Runs an artifact's device code on the CPU, block by block.

    Args:
        artifact: what :func:`compile` made.
        args: arrays, as for a call.
        backward: threads and blocks take turns in descending order; results
            that change show a race.
        grid: at most this many blocks, to see that kernels stride.

    Returns:
        A NumPy array, or a tuple of them.

    Raises:
        ArgumentError: the arguments do not fit.
        PlaitError: threads do not meet at a barrier or a shuffle, or there is
            no linker (cc) here.
    """
    launch = _emulator()
    values, results = artifact.bind(args)
    code = run_tool("plait-translate", ["--mlir-to-emulation-object"], artifact.device_ir)
    library = loader.link(code)
    if library is None:
        raise PlaitError("the device emulator needs a linker (cc)")
    for kernel in artifact.kernels:
        blocks = kernel.blocks(values)
        blocks = blocks if grid is None else min(blocks, grid)
        if blocks == 0:
            continue
        operands = []
        for kind, index, *axis in kernel.operands:
            if kind == "size":
                operands.append(ctypes.c_int64(values[index].shape[axis[0]]))
            else:
                array = values[index] if kind == "input" else results[index]
                operands.append(ctypes.c_void_p(array.__array_interface__["data"][0]))
        addresses = (ctypes.c_void_p * len(operands))(*map(ctypes.addressof, operands))
        entry = loader.load(library)(f"plait_{kernel.name}")
        error = launch(entry, blocks, math.prod(kernel.block), backward, addresses)
        if error:
            raise PlaitError(f"kernel '{kernel.name}': {error.decode()}")
    return results[0] if len(results) == 1 else tuple(results)
