"""The cycle model: what each architecture costs, with the source of every number.

Sources, by key:

* P1: Luczynski et al., "Near-Optimal Wafer-Scale Reduce", HPDC'24, arXiv 2404.15888 (WSE-2).
* D: the vendor's documentation: the table of queues, and the appendix on SIMD.
* E: remarks in the official examples (Cerebras/csl-examples).
* C1: "WSE-3 Characterization: Findings", notes of a third party, on a CS-3 and on the vendor's
  simulator.
* C2: a third party's notes on SUMMA on the vendor's simulator of WSE-2.
* C3: a third party's notes on a project on a CS-3.
* assumed: no published number is known.

Times are in cycles. Where silicon and the vendor's simulator differ, silicon counts.
"""

from dataclasses import dataclass, field

from plait.cslsim import core

#: Elements a cycle of the operations that no row of ``rates`` names (D: they are not in the table
#: of SIMD widths).
PLAIN = 1.0


def _rates(*rows):
    return {name: rate for names, rate in rows for name in names.split()}


@dataclass(frozen=True)
class Machine:
    """The constants of one architecture."""

    arch: int  # 2 or 3
    hop: int  # router to router, straight on
    turn: int  # router to router, round a corner
    gap: int  # between two wavelets on a link, in eighths of a cycle
    ramp: int  # compute engine to router, or back
    task_start: int  # from an activation to the task's first instruction
    vector_setup: int  # of an operation on memory
    fabric_setup: int  # of an operation on the fabric
    router_depth: int  # wavelets that wait in a router, by color and direction
    in_depth: tuple  # words, by input queue
    out_depth: tuple  # words, by output queue
    rates: dict = field(hash=False)  # elements a cycle of operations on memory
    # Scalar code. C1 measured it on the vendor's simulator of WSE-3; nothing else is published.
    integer: int = 1  # C1: else one a cycle
    float: int = 2  # C1: dependent FP 2
    load: int = 2  # C1: memory + memory to memory is 4 instructions, 7 cycles: 2 + 2 + 2 + 1
    store: int = 1  # the same
    divide: int = 50  # E: f32 division is about 50; assumed of all divisions
    math: int = 50  # assumed: sqrt, exp, ... cost about a division
    branch: int = 3  # C1: not taken
    taken: int = 6  # C1: taken; a loop's way back is both: 9 (C1: 9 to 10)
    reduction: float = 0.5  # C1: elements a cycle of f16 into a scalar; assumed of f32


MACHINES = {
    "wse2": Machine(
        arch=2,
        hop=1,  # P1
        turn=1,  # assumed: nothing is published about corners on WSE-2
        gap=8,  # P1: one wavelet a cycle
        ramp=2,  # P1: T_R
        task_start=10,  # C2, a weak source
        vector_setup=1,  # C2: an fmacs of n elements takes 1 + n
        fabric_setup=1,  # assumed: as on memory
        router_depth=3,  # assumed; 2 keep a link busy
        in_depth=(6, 6, 4, 4, 2, 2, 2, 2),  # D
        out_depth=(2, 2, 6, 6, 2, 2, 0, 0),  # D
        rates=_rates(  # D, ceilings; C2: fmacs 1
            ("faddh fmulh fmach add16 mov16 fmovh", 4.0),
            ("fadds fsubs fmovs fnegs fabss mov32 fmachs", 2.0),
        ),
    ),
    "wse3": Machine(
        arch=3,
        hop=2,  # C1 and C3, silicon
        turn=20,  # C1, silicon (the vendor's simulator: 33)
        gap=9,  # C1, silicon: a wavelet every 1.125 cycles (the vendor's simulator: 1)
        ramp=2,  # P1, of WSE-2
        task_start=3,  # C1, the vendor's simulator: last wavelet to completion task
        vector_setup=16,  # C1: 15 to 17
        fabric_setup=4,  # C1: dispatch to first wavelet 7, of which the way out takes 1 + ramp
        router_depth=3,  # assumed; 2 keep a link busy
        in_depth=(8, 8, 4, 4, 4, 4, 4, 4),  # D
        out_depth=(8,) * 8,  # D
        rates=_rates(
            ("faddh fmulh add16 fmaxh", 8.0),  # D, ceilings
            ("fadds fsubs fnegs fabss fmachs fmaxs fs2h fh2s", 4.0),  # D, ceilings
            ("mov16 fmovh", 4.82),  # C1, silicon
            ("fmovs mov32", 2.44),  # C1, silicon
            ("fmach", 2.92),  # C1, silicon
            ("fmacs", 0.5),  # C1, silicon and simulator
        ),
    ),
}


def record(machine, depth=None):
    """A machine as the core takes it; ``depth`` overrides the queues' depths.

    To the core a wavelet on the ramp is already in the queue, so that it adds what the ramp holds;
    an overriding depth is meant to be hard and counts those, too.
    """
    m = machine
    ins, outs = [d + m.ramp for d in m.in_depth], m.out_depth
    if depth is not None:
        ins, outs = [depth] * 8, [min(d, depth) for d in outs]
    vector = [round(64 / m.rates.get(name, PLAIN)) for name in core.vector_ops()]
    return [
        *(m.arch, m.hop, m.turn, m.gap, m.ramp, m.task_start, m.vector_setup, m.fabric_setup),
        m.router_depth,
        *ins,
        1,  # control wavelets without a queue (wse2)
        *outs,
        *(m.integer, m.float, m.load, m.store, m.divide, m.math, m.branch, m.taken),
        *vector,
        *[0] * (64 - len(vector)),
        round(64 / m.reduction),
    ]
