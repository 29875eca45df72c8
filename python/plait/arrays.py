"""NumPy, torch and JAX arrays as memory that compiled code reads.

torch and JAX are never imported here: their arrays are recognised by the
modules that the user has loaded.
"""

import sys

import ml_dtypes
import numpy as np

from plait.errors import ArgumentError

#: MLIR element types and the NumPy dtypes of their memory.
DTYPES = {
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "complex<f32>": np.dtype(np.complex64),
    "complex<f64>": np.dtype(np.complex128),
}

_BF16 = np.dtype(ml_dtypes.bfloat16)


def _is_torch(value) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _is_jax(value) -> bool:
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.Array)


def kind_of(value) -> str:
    """``torch``, ``jax`` or ``numpy``: what results should be returned as."""
    if isinstance(value, np.ndarray):
        return "numpy"
    return "torch" if _is_torch(value) else "jax" if _is_jax(value) else "numpy"


def to_numpy(value, dtype=None) -> np.ndarray:
    """The array of ``value``; CPU memory is shared, not copied.

    A Python number takes ``dtype`` if that is of its kind or wider, as it does
    in JAX and torch. A typed key of JAX gives its key data.

    Raises:
        ArgumentError: ``value`` is on another device or no array.
    """
    if isinstance(value, np.ndarray):
        return value
    if _is_torch(value):
        torch = sys.modules["torch"]
        if value.device.type != "cpu":
            raise ArgumentError(f"expects a tensor on the CPU, got one on {value.device}")
        value = value.detach()
        if value.dtype == torch.bfloat16:
            return value.view(torch.int16).numpy().view(_BF16)
        return value.numpy()
    if _is_jax(value):
        jax = sys.modules["jax"]
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            value = jax.random.key_data(value)
        return np.asarray(value)
    if type(value) in (bool, int, float, complex) and dtype is not None:
        return _number(value, dtype)
    if isinstance(value, bool | int | float | complex | np.generic | list):
        return np.asarray(value)
    raise ArgumentError(f"expects an array, got {type(value).__name__}")


def _number(value, dtype) -> np.ndarray:
    order = [bool, int, float, complex]
    kind = {"b": bool, "i": int, "u": int, "c": complex}.get(dtype.kind, float)
    if order.index(type(value)) > order.index(kind):
        raise ArgumentError(f"expects dtype {dtype}, got the {type(value).__name__} {value}")
    try:
        return np.asarray(value, dtype)
    except OverflowError as error:
        raise ArgumentError(f"expects dtype {dtype}, got {value}") from error


def from_numpy(array: np.ndarray, kind: str):
    """``array`` as the given kind; memory is shared where the framework can."""
    if kind == "torch":
        torch = sys.modules["torch"]
        if array.dtype == _BF16:
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(array)
    if kind == "jax":
        return sys.modules["jax"].numpy.asarray(array)
    return array


def load(path) -> np.ndarray:
    """The array of a .npy file.

    The format has no name for bfloat16: two bytes without one are taken for it, as JAX does.

    Raises:
        ArgumentError: it is no such file.
    """
    with open(path, "rb") as file:
        start = file.read(6)
    if start[:4] == b"PK\x03\x04":
        raise ArgumentError(f"{path}: expects one array, got an archive")
    expects = f"{path}: expects an array as NumPy saves it"
    if start != np.lib.format.MAGIC_PREFIX:
        raise ArgumentError(f"{expects}, got {'another' if start else 'an empty'} file")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        objects = "allow_pickle" in str(error)
        got = "an array of Python objects" if objects else f"a damaged file: {error}"
        raise ArgumentError(f"{expects}, got {got}") from error
    return array.view(_BF16) if array.dtype == "V2" else array
