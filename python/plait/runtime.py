"""The runtime that compiled code calls: its pool of threads and its memory."""

import ctypes
import operator
import os
import sys
from functools import cache

from plait.errors import ArgumentError, PlaitError
from plait.tools import library_path

#: Whether somebody said how many threads; else torch's number is a limit.
_chosen = bool(os.environ.get("PLAIT_NUM_THREADS"))


@cache
def library() -> ctypes.CDLL:
    """libplait_runtime, loaded so that compiled code finds its functions.

    ``PLAIT_RUNTIME`` names another build of it.

    Raises:
        PlaitError: it is not where the tools are.
    """
    path = os.environ.get("PLAIT_RUNTIME") or str(library_path("libplait_runtime.so"))
    loaded = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    loaded.plait_get_num_threads.restype = ctypes.c_int64
    loaded.plait_set_num_threads.argtypes = [ctypes.c_int64]
    loaded.plait_set_num_threads.restype = ctypes.c_char_p
    loaded.plait_free.argtypes, loaded.plait_free.restype = [ctypes.c_void_p], None
    return loaded


@cache
def _default() -> int:
    count = library().plait_get_num_threads()
    if count == 0:
        got = os.environ["PLAIT_NUM_THREADS"]
        raise PlaitError(f"expects a positive number in PLAIT_NUM_THREADS, got {got!r}")
    return count


def get_num_threads() -> int:
    """How many threads compiled code uses, the caller's included.

    It is what :func:`set_num_threads` set last, else ``PLAIT_NUM_THREADS``,
    else the number of cores that this process may run on, but no more than its
    control group's quota (cgroup version 2), rounded up, nor
    ``torch.get_num_threads()`` where torch is loaded. Results do not depend on
    it.

    Raises:
        PlaitError: ``PLAIT_NUM_THREADS`` is no positive number.
    """
    follow_torch()
    return library().plait_get_num_threads()


def set_num_threads(count: int) -> None:
    """Sets how many threads compiled code uses in this process, from now on.

    Raises:
        ArgumentError: ``count`` is not from 1 to 1024.
    """
    global _chosen
    error = library().plait_set_num_threads(operator.index(count))
    if error:
        raise ArgumentError(f"{error.decode()}, got {count}")
    _chosen = True


def follow_torch() -> None:
    """Lowers the number of threads to torch's, unless somebody set Plait's."""
    torch = sys.modules.get("torch")
    limit = getattr(torch, "get_num_threads", None)
    if _chosen or limit is None:
        _default()
        return
    count = min(_default(), limit())
    if count != library().plait_get_num_threads():
        library().plait_set_num_threads(count)
