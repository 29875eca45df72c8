"""Keyed sampling: the same token everywhere, bit for bit.

Importing this package needs NumPy only; the compiler is started by the first
call of a :class:`Sampler`.
"""

from plait.sampling.generation import GenerationSampler
from plait.sampling.params import SamplingParams
from plait.sampling.presets import PRESETS
from plait.sampling.production import ProductionSampler
from plait.sampling.raising import draw_keys, raise_to_sample
from plait.sampling.reference import ERROR_INDEX, NO_CANDIDATE, SAW_NAN
from plait.sampling.sampler import Draw, Sampler
from plait.sampling.simple import SimpleTokenSampler

__all__ = [
    "ERROR_INDEX",
    "NO_CANDIDATE",
    "PRESETS",
    "SAW_NAN",
    "Draw",
    "GenerationSampler",
    "ProductionSampler",
    "Sampler",
    "SamplingParams",
    "SimpleTokenSampler",
    "draw_keys",
    "raise_to_sample",
]
