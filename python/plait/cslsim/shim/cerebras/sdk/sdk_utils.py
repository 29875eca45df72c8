"""Drop-in for the vendor's helpers for host arrays."""

from plait.cslsim.runtime import calculate_cycles, input_array_to_u32, memcpy_view

__all__ = ["calculate_cycles", "input_array_to_u32", "memcpy_view"]
