"""Loihi-style chips: integer networks, the resources they need, and a run core by core.

:mod:`.integers` is the reference arithmetic, :mod:`.devices` what chips hold, :mod:`.mapping`
the memory of cores (written, read, run), :mod:`.placement` which core holds which neurons.
"""

from plait.spike.loihi.allocator import ResourceAllocator
from plait.spike.loihi.devices import DEVICES, Device, find_device
from plait.spike.loihi.integers import (
    IntegerNetwork,
    Population,
    Synapses,
    dense_weights,
    quantize,
    shift,
    simulate,
    step,
)
from plait.spike.loihi.mapping import Core, Mapping, Routes
from plait.spike.loihi.placement import map_network, place

__all__ = [
    "DEVICES",
    "Core",
    "Device",
    "IntegerNetwork",
    "Mapping",
    "Population",
    "ResourceAllocator",
    "Routes",
    "Synapses",
    "dense_weights",
    "find_device",
    "map_network",
    "place",
    "quantize",
    "shift",
    "simulate",
    "step",
]
