"""Drop-in for the vendor's host runtime, on Plait's model of CSL."""

from plait.cslsim.runtime import MemcpyDataType, MemcpyOrder, SdkRuntime

__all__ = ["MemcpyDataType", "MemcpyOrder", "SdkRuntime"]
