"""Plait: models to machines that ordinary compilers do not reach.

Importing this package loads neither MLIR nor torch nor JAX; each name below
brings what it needs when it is first used.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "Executable": "plait.executable",
    "Module": "plait.module",
    "Structure": "plait.module",
    "TensorSpec": "plait.module",
    "compile": "plait.compiler",
    "load": "plait.executable",
    "from_jax": "plait.frontends.jax",
    "from_stablehlo": "plait.frontends.jax",
    "from_nir": "plait.frontends.nir",
    "from_torch": "plait.frontends.torch",
    "to_nir": "plait.frontends.nir_export",
    "get_num_threads": "plait.runtime",
    "set_num_threads": "plait.runtime",
    "verify": "plait.verification",
    "ArgumentError": "plait.errors",
    "CheckError": "plait.errors",
    "CompileError": "plait.errors",
    "FrontendError": "plait.errors",
    "PackageError": "plait.errors",
    "PlaitError": "plait.errors",
}

_SUBMODULES = ("dialects", "lazy", "sampling", "spike")

__all__ = sorted([*_HOMES, *_SUBMODULES])


def __getattr__(name):
    if name in _SUBMODULES:
        return import_module(f"plait.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'plait' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
