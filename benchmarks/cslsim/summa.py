"""How fast the CSL simulator is: SUMMA on grids of growing size, checked against NumPy.

``python benchmarks/cslsim/summa.py [P ...] [--tile T] [--arch wse3]`` prints the simulated
cycles, the seconds to compile and to run, and PE-cycles a second (cycles times PEs over the
seconds of the run).
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from plait.cslsim.layout import Options, compile_layout, save
from plait.cslsim.runtime import MemcpyDataType, MemcpyOrder, SdkRuntime

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from measure import real_time  # noqa: E402


def summa(p, t, arch):
    """One multiplication on p x p PEs with t x t tiles; (cycles, compile s, run s, events)."""
    began = time.perf_counter()
    options = Options(arch, HERE, {"P": str(p), "T": str(t)})
    with tempfile.TemporaryDirectory() as folder:
        layout, programs = compile_layout(HERE / "layout.csl", options)
        save(folder, layout, programs, options)
        compiled = time.perf_counter()
        runtime = SdkRuntime(folder)
    runtime.load()
    runtime.run()
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((p * t, p * t)).astype(np.float32) for _ in range(2))
    copy = {"streaming": False, "order": MemcpyOrder.ROW_MAJOR, "nonblock": False,
            "data_type": MemcpyDataType.MEMCPY_32BIT}  # fmt: skip
    for name, matrix in (("a", a), ("b", b)):
        tiles = matrix.reshape(p, t, p, t).transpose(0, 2, 3, 1)
        runtime.memcpy_h2d(
            runtime.get_id(name), np.ascontiguousarray(tiles).ravel(), 0, 0, p, p, t * t, **copy
        )
    with real_time():
        start = time.perf_counter()
        runtime.launch("multiply", nonblock=False)
        seconds = time.perf_counter() - start
    stats = runtime.sim.stats()
    out = np.zeros(p * p * t * t, np.float32)
    runtime.memcpy_d2h(out, runtime.get_id("c"), 0, 0, p, p, t * t, **copy)
    runtime.stop()
    got = out.reshape(p, p, t, t).transpose(0, 3, 1, 2).reshape(p * t, p * t)
    np.testing.assert_allclose(got, a.astype(np.float64) @ b, atol=1e-3)
    return stats["cycles"], compiled - began, seconds, stats["events"]


def main():
    """Print one line per grid."""
    parser = argparse.ArgumentParser()
    parser.add_argument("grids", nargs="*", type=int, default=[4, 8, 16, 32, 64])
    parser.add_argument("--tile", type=int, default=14)
    parser.add_argument("--arch", default="wse3")
    args = parser.parse_args()
    print("| grid | PEs | cycles | compile s | run s | events | PE-cycles/s |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for p in args.grids:
        cycles, compile_s, run_s, events = summa(p, args.tile, args.arch)
        print(
            f"| {p} x {p} | {p * p:,} | {cycles:,} | {compile_s:.2f} | {run_s:.2f} "
            f"| {events:,} | {cycles * p * p / run_s:.2e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
