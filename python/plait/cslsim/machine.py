"""The numbers of each architecture that the core is told.

Queue depths are in words; times in cycles. Sources are in docs/cslsim.md.
"""

MACHINES = {
    "wse2": {
        "arch": 2,
        "hop": 1,
        "ramp": 2,
        "task_start": 3,
        "vector_setup": 1,
        "router_depth": 3,
        "in_depth": (6, 6, 4, 4, 2, 2, 2, 2),
        "out_depth": (2, 2, 6, 6, 2, 2, 0, 0),
    },
    "wse3": {
        "arch": 3,
        "hop": 2,
        "ramp": 2,
        "task_start": 3,
        "vector_setup": 16,
        "router_depth": 4,
        "in_depth": (8, 8, 4, 4, 4, 4, 4, 4),
        "out_depth": (8, 8, 8, 8, 8, 8, 8, 8),
    },
}


def record(arch, depth=None):
    """The machine as the core takes it; ``depth`` overrides the queues' depths."""
    m = MACHINES[arch]
    ins, outs = m["in_depth"], m["out_depth"]
    if depth is not None:
        ins, outs = [depth] * 8, [min(d, depth) for d in outs]
    return [
        m["arch"],
        m["hop"],
        m["ramp"],
        m["task_start"],
        m["vector_setup"],
        m["router_depth"],
        *ins,
        *outs,
    ]
