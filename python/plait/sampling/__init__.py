"""Keyed sampling: the same token everywhere, bit for bit.

Importing this package needs NumPy only; the compiler is started by the first
call of a :class:`KeyedSampler`.
"""

from plait.sampling.keyed import Draw, KeyedSampler, module
from plait.sampling.production import ProductionSampler
from plait.sampling.reference import ERROR_INDEX, NO_CANDIDATE, SAW_NAN
from plait.sampling.simple import SimpleTokenSampler

__all__ = [
    "ERROR_INDEX",
    "NO_CANDIDATE",
    "SAW_NAN",
    "Draw",
    "KeyedSampler",
    "ProductionSampler",
    "SimpleTokenSampler",
    "module",
]
