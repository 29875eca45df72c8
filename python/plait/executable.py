"""Compiled code that can be called, saved and loaded."""

import io
import json
import math
import mmap
import os
import platform
import struct
import tempfile
import zipfile
from itertools import chain, repeat
from pathlib import Path

import numpy as np

from plait import arrays, buffers, loader, runtime
from plait.errors import ArgumentError, PackageError
from plait.module import Structure, TensorSpec
from plait.weights import bind

#: Of packages.
FORMAT = 4
#: Of weights in a package's file, in bytes.
_ALIGNMENT = 64
_NUMBERS = (bool, int, float, complex, np.generic)


class Executable:
    """Native code for one module, with its weights.

    Calling it takes and returns NumPy, torch or JAX arrays: results are of
    the kind of the first argument. Contiguous, aligned CPU arrays are read in
    place; others are copied, and :attr:`copies` counts them. What the model
    changes, arguments or its own state, is changed in place.

    Attributes:
        manifest: what was compiled: target, inputs, outputs, versions.
        copies: how many arguments had to be copied so far.
        check: runs a call's flat arguments instead of :meth:`run`, which it calls, or None.
    """

    def __init__(self, manifest: dict, code: bytes, weights):
        self.manifest = manifest
        self.copies = 0
        self.check = None
        self._code = code
        entry = loader.load(code)
        self._entry = entry("plait_main")
        weights = [np.require(np.asarray(w), requirements=["C", "A"]) for w in weights]
        first = len(weights) - manifest["state"]
        self._weights = weights[:first]
        #: The arrays that calls change in place; for a model from torch, its buffers' memory.
        self.state = [np.require(array, requirements=["C", "A", "W"]) for array in weights[first:]]
        self._changed = [_span(array) for array in self.state]
        spans = [_span(array) for array in self._weights] + self._changed
        for span in self._changed:
            if sum(_meet(span, other) for other in spans) > 1:
                raise ArgumentError("what calls change in place shares memory with other weights")
        if not manifest.get("packed"):
            # Weights that are only read packed are not kept.
            self._weights, self._held = bind(entry, self._weights)
        self.inputs = [_spec_from_json(item) for item in manifest["inputs"]]
        self.outputs = [_spec_from_json(item) for item in manifest["outputs"]]
        self._input_structure = _structure(manifest["input_structure"])
        self._output_structure = _structure(manifest["output_structure"])
        self._dtypes = [spec.dtype for spec in self.inputs]
        self._ranges = manifest["ranges"]
        # The descriptors of the weights never change: they are built once.
        self._fixed = buffers.Descriptors(self._weights + self.state)
        updated = (index - len(self.state) for index in manifest["updates"])
        self._updated = frozenset(index for index in updated if index >= 0)
        self._results = [(spec.dtype, len(spec.shape)) for spec in self.outputs]

    def __repr__(self):
        inputs = ", ".join(map(str, self.inputs))
        outputs = ", ".join(map(str, self.outputs))
        return f"<plait.Executable ({inputs}) -> ({outputs}) for {self.manifest['target']}>"

    def __call__(self, *args, **kwargs):
        """Runs the code.

        Raises:
            ArgumentError: wrong number, dtype or shape of the arguments.
        """
        structure = self._input_structure
        call = structure is not None and structure.kind == "call"
        if kwargs and not call:
            raise ArgumentError(f"expects no keyword arguments, got {', '.join(kwargs)}")
        if structure is None or (structure.is_flat and len(args) == len(structure.children)):
            leaves = args
        else:
            leaves = structure.flatten((args, kwargs) if call else args, "arguments")
        first = next((leaf for leaf in leaves if not isinstance(leaf, _NUMBERS)), None)
        kind = arrays.kind_of(first)
        values = list(map(arrays.to_numpy, leaves, chain(self._dtypes, repeat(None))))
        results = (self.check or self.run)(values)
        if kind != "numpy":
            results = [arrays.from_numpy(result, kind) for result in results]
        if self._output_structure is not None:
            return self._output_structure.unflatten(results)
        return results[0] if len(results) == 1 else tuple(results)

    def run(self, values: list[np.ndarray]) -> list[np.ndarray]:
        """Flat NumPy arguments to flat NumPy results; see :meth:`__call__`."""
        self._check(values)
        held = [_ready(value) for value in values]
        if self.manifest["updates"]:
            self._protect(values, held)
        for value, ready in zip(values, held, strict=True):
            self.copies += ready is not value and not np.may_share_memory(ready, value)
        block = buffers.Descriptors(held)
        runtime.follow_torch()
        try:
            return buffers.call(self._entry, self._fixed.addresses + block.addresses, self._results)
        except ArgumentError as error:
            shapes = ", ".join(f"{value.dtype} {value.shape}" for value in values)
            raise ArgumentError(f"{error}, with arguments {shapes}") from error

    def _protect(self, values, held):
        """Sees to it that a call changes only what it is meant to change."""
        changed = self._changed + [_span(held[index]) for index in self._updated]
        for index, (value, ready) in enumerate(zip(values, held, strict=True)):
            shared = sum(_meet(_span(ready), span) for span in changed)
            if index not in self._updated:
                held[index] = ready.copy() if shared else ready
            elif shared > 1 or ready is not value or not value.flags.writeable:
                name = self.inputs[index].name or f"argument {index}"
                raise ArgumentError(
                    f"{name} is changed in place: expects a contiguous, writable CPU array "
                    "that shares no memory with others that are"
                )

    def _check(self, values):
        if len(values) != len(self.inputs):
            raise ArgumentError(f"expects {len(self.inputs)} arguments, got {len(values)}")
        sizes = {}
        for index, (value, spec) in enumerate(zip(values, self.inputs, strict=True)):
            name = spec.name or f"argument {index}"
            if value.dtype != spec.dtype:
                raise ArgumentError(f"{name}: expects dtype {spec.dtype}, got {value.dtype}")
            if value.shape == spec.shape:
                continue
            if value.ndim != len(spec.shape):
                raise ArgumentError(f"{name}: expects shape {_show(spec)}, got {value.shape}")
            for got, want in zip(value.shape, spec.shape, strict=True):
                if want is None:
                    continue
                if isinstance(want, str):
                    low, high = self._ranges.get(want, (0, None))
                    if got < low or (high is not None and got > high):
                        limit = "any" if high is None else high
                        raise ArgumentError(
                            f"{name}: expects {want} from {low} to {limit}, got {got}"
                        )
                    want = sizes.setdefault(want, got)
                if got != want:
                    raise ArgumentError(f"{name}: expects shape {_show(spec)}, got {value.shape}")

    def save(self, path) -> None:
        """Writes a package: code, its manifest and the weights, packed.

        The file appears whole or not at all.
        """
        path = Path(path)
        handle, name = tempfile.mkstemp(dir=path.parent or ".", prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                manifest = dict(self.manifest, packed=True)
                weights = self._weights + self.state
                file.write(pack(manifest, self._code, weights))
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise


def _ready(array: np.ndarray) -> np.ndarray:
    """The array, or a copy of it that is contiguous and aligned."""
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.require(array, requirements=["C", "A"])


def _span(array: np.ndarray) -> tuple[int, int]:
    """Where a contiguous array begins and ends in memory."""
    first = array.__array_interface__["data"][0]
    return first, first + array.nbytes


def _meet(one, other) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _show(spec: TensorSpec) -> str:
    return "(" + ", ".join("?" if s is None else str(s) for s in spec.shape) + ")"


def _structure(value) -> Structure | None:
    return None if value is None else Structure.from_json(value)


def spec_to_json(spec: TensorSpec) -> dict:
    """A tensor's spec for the manifest."""
    return {"dtype": spec.dtype.name, "shape": list(spec.shape), "name": spec.name}


def _spec_from_json(value: dict) -> TensorSpec:
    return TensorSpec(_dtype(value["dtype"]), tuple(value["shape"]), value["name"])


def _dtype(name: str) -> np.dtype:
    return arrays.DTYPES["bf16"] if name == "bfloat16" else np.dtype(name)


def pack(manifest: dict, code: bytes, weights) -> bytes:
    """The bytes of a package: an uncompressed zip, so that weights can be mapped."""
    table, at = [], 0
    for weight in weights:
        table.append({"dtype": weight.dtype.name, "shape": list(weight.shape), "offset": at})
        at += -(-weight.nbytes // _ALIGNMENT) * _ALIGNMENT
    manifest = dict(manifest, weights=table)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest, indent=1))
        archive.writestr("code", code)
        with archive.open("weights.bin", "w", force_zip64=True) as file:
            file.write(bytes(-buffer.tell() % _ALIGNMENT))
            for weight in weights:
                file.write(np.atleast_1d(weight).view(np.uint8).data)
                file.write(bytes(-weight.nbytes % _ALIGNMENT))
    return buffer.getvalue()


def unpack(data: bytes, weights) -> Executable:
    """The executable of a package's bytes, with other weights than its own.

    Raises:
        PackageError: it is damaged, of another format, or needs a CPU with
            features that this one lacks.
    """
    return Executable(*_read(io.BytesIO(data))[:2], weights)


def load(path) -> Executable:
    """Loads what :meth:`Executable.save` wrote. No compiler is needed.

    The weights are mapped, not read: processes share them, and what no call
    reads is never loaded.

    Raises:
        PackageError: see :func:`unpack`.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        manifest, code, start = _read(file)
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    weights = [
        np.frombuffer(
            memory, _dtype(entry["dtype"]), math.prod(entry["shape"]), start + entry["offset"]
        ).reshape(entry["shape"])
        for entry in manifest["weights"]
    ]
    return Executable(manifest, code, weights)


def _read(file):
    """A package's manifest and code, and where in the file its weights begin."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            code = archive.read("code")
            header = archive.getinfo("weights.bin").header_offset
        file.seek(header)
        name, extra = struct.unpack("<26x2H", file.read(30))
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError, EOFError, struct.error) as error:
        raise PackageError(f"not a package of Plait: {error}") from error
    if manifest.get("format") != FORMAT:
        raise PackageError(f"expects package format {FORMAT}, got {manifest.get('format')}")
    _check_host(manifest)
    start = header + 30 + name + extra
    return manifest, code, start + -start % _ALIGNMENT


def _check_host(manifest):
    machine = manifest["machine"]
    if machine != platform.machine():
        raise PackageError(f"compiled for {machine}, this machine is {platform.machine()}")
    missing = sorted(set(manifest["features"]) - host_features())
    if missing:
        raise PackageError(
            f"compiled for CPU features that this machine lacks: {', '.join(missing)}"
        )


def host_features() -> set[str]:
    """The CPU flags that the kernel lists."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    for line in text.splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.split(":", 1)[1].split())
    return set()
