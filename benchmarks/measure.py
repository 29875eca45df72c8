"""Interleaved timing of Plait and its peers on identical inputs."""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

ROUNDS = 7
#: A sample repeats its call until it lasts this long.
SAMPLE_SECONDS = 0.02


@dataclass
class Peer:
    """One way to do a case's work; a case's first peer is Plait.

    Attributes:
        name: what runs.
        call: does the work once and returns an array.
        threads: how many threads it may use.
        check: takes Plait's result and this peer's; says how they agree, or
            raises AssertionError. By default they must be close.
    """

    name: str
    call: Callable
    threads: int = 1
    check: Callable | None = None


@dataclass
class Case:
    """One job; ``flops`` and ``bytes`` are what it must do and move at least."""

    name: str
    peers: list[Peer]
    flops: float = 0
    bytes: float = 0


def close(mine, theirs) -> str:
    """The largest difference, in units of the largest value."""
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    assert mine.shape == theirs.shape, f"shapes {mine.shape} and {theirs.shape}"
    error = float(np.abs(mine - theirs).max() / np.abs(theirs).max())
    assert error < 1e-4, f"differs by {error:.1e}"
    return f"to {error:.0e}"


@cache
def bandwidth() -> float:
    """Bytes per second at which NumPy finds the maximum of 256 MB, on one core."""
    data = np.ones(64 * 2**20, np.float32)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        data.max()
        times.append(time.perf_counter() - start)
    return data.nbytes / min(times)


def _sample(peer: Peer, repeats: int) -> float:
    """Seconds per call, after a call that is not timed."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(peer.threads)
    peer.call()
    start = time.perf_counter()
    for _ in range(repeats):
        peer.call()
    return (time.perf_counter() - start) / repeats


def measure(case: Case) -> list[dict]:
    """One row per peer: milliseconds over rounds A B ... A B ..., and how it agrees.

    Raises:
        AssertionError: a peer's result does not agree with Plait's.
    """
    mine = np.asarray(case.peers[0].call())
    agree = ["-"] + [(peer.check or close)(mine, peer.call()) for peer in case.peers[1:]]
    repeats = [max(1, int(SAMPLE_SECONDS / _sample(peer, 1))) for peer in case.peers]
    times = [[] for _ in case.peers]
    for _ in range(ROUNDS):
        for peer, count, series in zip(case.peers, repeats, times, strict=True):
            series.append(_sample(peer, count))
    medians = [statistics.median(series) for series in times]
    return [
        {
            "case": case.name,
            "peer": peer.name,
            "threads": peer.threads,
            "ms": 1e3 * median,
            "best": 1e3 * min(series),
            "ratio": median / medians[0],
            "gflops": case.flops / median / 1e9 or None,
            "of_read": case.bytes / median / bandwidth() if case.bytes else None,
            "agrees": agreement,
        }
        for peer, series, median, agreement in zip(case.peers, times, medians, agree, strict=True)
    ]
