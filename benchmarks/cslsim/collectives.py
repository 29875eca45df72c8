"""Simulated cycles of collectives against published closed forms.

``python benchmarks/cslsim/collectives.py`` runs broadcast, chain, tree and two-phase reduction
(``collectives/*.csl``, written for this) on rows of P PEs of a WSE-2 with vectors of B words,
checks the sums, and prints the cycles from the first PE's start to the last one's end (without the
time that reading the clock takes), the closed form of arXiv 2404.15888, and the difference. The
paper's abstract states that its model predicts the machine with an error of less than 4%.

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
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- collectives.py --write -->", "<!-- end -->"
KINDS = ("broadcast", "chain", "tree", "two-phase", "relay")
#: What the paper states of its model.
ERROR = 0.04
SIZES = {kind: (4, 16, 64, 256) for kind in KINDS}
SIZES["tree"] = (4, 16, 64, 128)  # its rounds have a color and a queue each
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


def tables():
    """The mean and largest differences of each collective, and all rows, as Markdown."""
    rows = ["| collective | P | B | simulated | closed form | difference |"]
    rows += ["|---|---:|---:|---:|---:|---:|"]
    means = ["| collective | mean, B >= 256 | largest, B >= 256 | mean of all |"]
    means += ["|---|---:|---:|---:|"]
    for kind in KINDS:
        errors = {}
        for p in SIZES[kind]:
            for b in WORDS:
                cycles, form = measure(kind, p, b), closed_form(kind, p, b)
                errors[p, b] = abs(cycles / form - 1)
                difference = f"{cycles / form - 1:+.1%}"
                rows.append(f"| {kind} | {p} | {b} | {cycles} | {form:.0f} | {difference} |")
        large = [error for (_, b), error in errors.items() if b >= 256]
        numbers = (np.mean(large), max(large), np.mean(list(errors.values())))
        means.append(f"| {kind} | {' | '.join(f'{n:.1%}' for n in numbers)} |")
    return "\n".join([*means, "", *rows])


def main():
    """Print the tables, or write them to the README."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="into README.md")
    args = parser.parse_args()
    text = tables()
    if not args.write:
        print(text)
        return
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
