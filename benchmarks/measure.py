"""Interleaved timing of Plait and its peers on identical inputs."""

import contextlib
import math
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

ROUNDS = 7
#: A peer whose call lasts longer is timed in one round only.
SLOW_SECONDS = 0.5
#: A sample repeats its call until it lasts this long.
SAMPLE_SECONDS = 0.02


@dataclass
class Peer:
    """One way to do a case's work; a case's first peer is Plait.

    Attributes:
        name: what runs.
        call: does the work once and returns an array.
        check: takes Plait's result and this peer's; says how they agree, or
            raises AssertionError. By default they must be close.
        compile_seconds: what it took to compile, where that was measured.
        jit: the first call compiles.
        clock: the seconds of the last call's run by the peer's own clock, for a peer
            that also starts a process or builds a network in every call.
    """

    name: str
    call: Callable
    check: Callable | None = None
    compile_seconds: float | None = None
    jit: bool = False
    clock: Callable[[], float] | None = None


@dataclass
class Case:
    """One job; ``flops`` and ``bytes`` are what it must do and move at least.

    With ``percentiles``, single calls of Plait are timed too.
    """

    name: str
    peers: list[Peer]
    flops: float = 0
    bytes: float = 0
    percentiles: bool = False


def close(mine, theirs) -> str:
    """The largest difference, in units of the largest value."""
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    assert mine.shape == theirs.shape, f"shapes {mine.shape} and {theirs.shape}"
    error = float(np.abs(mine - theirs).max() / np.abs(theirs).max())
    assert error < 1e-4, f"differs by {error:.1e}"
    return f"to {error:.0e}"


def threads() -> int:
    """How many cores this process may use; every peer is told to use them all."""
    return len(os.sched_getaffinity(0))


@cache
def roof() -> tuple[float, float]:
    """FLOP/s in f32 and bytes/s read that :func:`threads` cores reach, by roof.c."""
    source = Path(__file__).with_name("roof.c")
    with tempfile.TemporaryDirectory() as folder, real_time():
        program = Path(folder, "roof")
        compiler = os.environ.get("CC", "cc")
        flags = ["-O3", "-march=native", "-pthread", source, "-o", program]
        subprocess.run([compiler, *flags], check=True)
        text = subprocess.run(
            [program, str(threads())], check=True, capture_output=True, text=True
        ).stdout
    flops, read = map(float, text.split())
    return flops, read


@contextlib.contextmanager
def real_time() -> Iterator[None]:
    """Where the system allows it, other processes do not interrupt this one for a while."""

    def schedule(policy, priority):
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.sched_setscheduler(int(thread), policy, os.sched_param(priority))

    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    schedule(os.SCHED_FIFO, 1)
    try:
        yield
    finally:
        schedule(os.SCHED_OTHER, 0)


def _sample(peer: Peer, repeats: int) -> float:
    """Seconds per call, after a call that is not timed."""
    with real_time():
        peer.call()
        own, start = 0.0, time.perf_counter()
        for _ in range(repeats):
            peer.call()
            own += peer.clock() if peer.clock else 0
        return (own if peer.clock else time.perf_counter() - start) / repeats


def _percentiles(peer: Peer) -> tuple[float, float, float]:
    """The 50th, 95th and 99th of the seconds of up to 200 calls."""
    seconds, end = [], time.perf_counter() + 1
    with real_time():
        while len(seconds) < 200 and (len(seconds) < 20 or time.perf_counter() < end):
            start = time.perf_counter()
            peer.call()
            seconds.append(time.perf_counter() - start)
    return tuple(float(value) for value in np.percentile(seconds, (50, 95, 99)))


def measure(case: Case) -> list[dict]:
    """One row per peer: milliseconds over rounds A B ... A B ..., and how it agrees.

    Raises:
        AssertionError: a peer's result does not agree with Plait's.
    """
    mine, agree, compiling = None, [], []
    for peer in case.peers:
        with real_time() if peer.jit else contextlib.nullcontext():
            start = time.perf_counter()
            result = peer.call()
        compiling.append(time.perf_counter() - start if peer.jit else peer.compile_seconds)
        mine = np.asarray(result) if mine is None else mine
        agree.append((peer.check or close)(mine, result) if agree else "-")
    once = [_sample(peer, 1) for peer in case.peers]
    repeats = [max(1, int(SAMPLE_SECONDS / seconds)) for seconds in once]
    times = [[] for _ in case.peers]
    for turn in range(ROUNDS):
        for peer, seconds, count, series in zip(case.peers, once, repeats, times, strict=True):
            if turn == 0 or seconds < SLOW_SECONDS:
                series.append(_sample(peer, count))
    calls = [None] * 3
    if case.percentiles:
        calls = [1e3 * value for value in _percentiles(case.peers[0])]
    latencies = [calls] + [[None] * 3 for _ in case.peers[1:]]
    medians = [statistics.median(series) for series in times]
    flops, read = roof()
    return [
        {
            "case": case.name,
            "peer": peer.name,
            "ms": 1e3 * median,
            "best": 1e3 * min(series),
            "p50": latency[0],
            "p95": latency[1],
            "p99": latency[2],
            "ratio": median / medians[0],
            "gflops": case.flops / median / 1e9 or None,
            "of_peak": case.flops / median / flops or None,
            "gb_s": case.bytes / median / 1e9 or None,
            "of_read": case.bytes / median / read or None,
            "compile_ms": seconds and 1e3 * seconds,
            "agrees": agreement,
        }
        for peer, series, median, latency, seconds, agreement in zip(
            case.peers, times, medians, latencies, compiling, agree, strict=True
        )
    ]


def summary(rows: list[dict]) -> list[dict]:
    """Geometric means of the ratios: each peer's, and that of the best peer of each case."""
    ratios, best = {}, {}
    for row in rows:
        if row["peer"] != "plait" and row.get("ratio"):
            ratios.setdefault(row["peer"], []).append(row["ratio"])
            best[row["case"]] = min(best.get(row["case"], math.inf), row["ratio"])
    if best:
        ratios["the best of each case"] = list(best.values())
    return [
        {
            "peer": peer,
            "cases": len(values),
            "geomean": statistics.geometric_mean(values),
            "least": min(values),
        }
        for peer, values in ratios.items()
    ]
