"""Drop-in for the vendor's host runtime, on Plait's model of CSL."""

from plait.cslsim.errors import Unsupported
from plait.cslsim.runtime import MemcpyDataType, MemcpyOrder, SdkRuntime

__all__ = ["MemcpyDataType", "MemcpyOrder", "SdkRuntime"]


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise Unsupported(None, f"{name} of the host runtime")
