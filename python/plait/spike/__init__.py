"""Spiking networks: build, compile, map, run and look at them.

Fronts are :func:`plait.from_nir` and :func:`plait.from_torch`; :func:`plait.to_nir` writes.
"""

from importlib import import_module

_HOMES = {
    "CompiledSpikeModel": "plait.spike.compiler",
    "Network": "plait.spike.network",
    "OptimizationPass": "plait.spike.compiler",
    "Optimizer": "plait.spike.compiler",
    "ResourceAllocator": "plait.spike.loihi.allocator",
    "Recording": "plait.spike.runs",
    "SpikeCompiler": "plait.spike.compiler",
    "SpikeIRBuilder": "plait.spike.builder",
    "replay": "plait.spike.traces",
    "simulate": "plait.spike.runs",
}

__all__ = sorted([*_HOMES, "loihi", "plot"])


def __getattr__(name):
    if name in ("loihi", "plot"):
        return import_module(f"plait.spike.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'plait.spike' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
