"""Simulated cycles of collectives against published closed forms.

``python benchmarks/cslsim/collectives.py`` runs broadcast, chain, tree and two-phase reduction
(``collectives/*.csl``, written for this) on rows of P PEs of a WSE-2 with vectors of B words,
checks the sums, and prints the cycles from the first PE's start to the last one's end (without the
time that reading the clock takes), the closed form of arXiv 2404.15888, and the difference. The
paper states that its model predicts the machine with an error of less than 4%.

The relay is the WSE-3's: a vector that PE after PE takes whole and sends on, against the line that
a third party fitted to the vendor's simulator (source C1 of plait/cslsim/machine.py), whose links
carry a wavelet a cycle.
"""

import argparse
import math
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from plait.cslsim.layout import Options, compile_layout, save
from plait.cslsim.machine import MACHINES
from plait.cslsim.runtime import MemcpyDataType, MemcpyOrder, SdkRuntime

HERE = Path(__file__).parent / "collectives"
KINDS = ("broadcast", "chain", "tree", "two-phase", "relay")
#: What the paper states of its model.
ERROR = 0.04
SIZES = (4, 16, 64)
WORDS = (16, 64, 256, 1024, 4096)
MACHINE = {kind: MACHINES["wse2"] for kind in KINDS}
MACHINE["relay"] = replace(MACHINES["wse3"], gap=8)


def closed_form(kind, p, b):
    """The published cycles; of the paper's, max(C, E / N + L) + (2 T + 1) D.

    C is the most wavelets at one PE, E the hops of all wavelets, N = P - 1 the links, L = P - 1 the
    longest path, D the longest chain of PEs that compute, T = 2 the way between PE and router.
    """
    if kind == "relay":
        return 1.001 * (p - 1) * b + 16.1 * (p - 1) + 16.5
    if kind == "broadcast":
        return b + p + 4
    if kind == "chain":
        c, e, d = b, b * (p - 1), p - 1
    elif kind == "tree":
        d = math.log2(p)
        c, e = b * d, b * p / 2 * d
    else:
        root = math.isqrt(p)
        c, e, d = 2 * b, 2 * b * (p - root), 2 * root - 2
    return max(c, e / (p - 1) + p - 1) + 5 * d


@cache
def _folder():
    return tempfile.TemporaryDirectory()


def measure(kind, p, b):
    """Cycles of one collective of ``b`` words on ``p`` PEs; fails if its result is wrong."""
    arch = f"wse{MACHINE[kind].arch}"
    options = Options(arch, HERE, {"KIND": str(KINDS.index(kind)), "P": str(p), "N": str(b)})
    layout, programs = compile_layout(HERE / "layout.csl", options)
    save(_folder().name, layout, programs, options)
    runtime = SdkRuntime(_folder().name, machine=MACHINE[kind])
    runtime.load()
    runtime.run()
    copy = {"streaming": False, "order": MemcpyOrder.ROW_MAJOR, "nonblock": False}
    word = {**copy, "data_type": MemcpyDataType.MEMCPY_32BIT}
    half = {**copy, "data_type": MemcpyDataType.MEMCPY_16BIT}
    given = np.random.default_rng(p * b).integers(-99, 99, (p, b)).astype(np.float32)
    v = runtime.get_id("v")
    runtime.memcpy_h2d(v, given.ravel(), 0, 0, p, 1, b, **word)
    runtime.launch("go", nonblock=False)
    got = np.zeros(p * b, np.float32)
    runtime.memcpy_d2h(got, v, 0, 0, p, 1, b, **word)
    stamps = []
    for name in ("first", "began", "ended"):
        raw = np.zeros(p * 3, np.uint32)
        runtime.memcpy_d2h(raw, runtime.get_id(name), 0, 0, p, 1, 3, **half)
        stamps.append(raw.reshape(p, 3) @ np.array([1, 1 << 16, 1 << 32]))
    runtime.stop()
    got = got.reshape(p, b)
    if kind == "broadcast":
        np.testing.assert_array_equal(got, np.broadcast_to(given[0], (p, b)))
    elif kind == "relay":
        np.testing.assert_array_equal(got, np.broadcast_to(given[-1], (p, b)))
    else:
        np.testing.assert_array_equal(got[0], given.sum(axis=0))
    first, began, ended = stamps
    return int(ended.max() - began.min() - (began - first).max())


def main():
    """Print one line per size and the mean difference of each collective."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--words", type=int, nargs="+", default=WORDS)
    args = parser.parse_args()
    print("| collective | P | B | simulated | closed form | difference |")
    print("|---|---:|---:|---:|---:|---:|")
    large = {}
    for kind in KINDS:
        for p in args.sizes:
            for b in args.words:
                cycles, form = measure(kind, p, b), closed_form(kind, p, b)
                error = cycles / form - 1
                print(f"| {kind} | {p} | {b} | {cycles} | {form:.0f} | {error:+.1%} |", flush=True)
                if b >= 256:
                    large.setdefault(kind, []).append(abs(error))
    for kind, values in large.items():
        print(f"{kind}: of B >= 256 mean {np.mean(values):.1%}, largest {max(values):.1%}")


if __name__ == "__main__":
    main()
