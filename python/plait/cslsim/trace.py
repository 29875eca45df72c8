"""The trace of a run as one HTML page: a heat map of the fabric and a timeline."""

import json
from pathlib import Path

import numpy as np

#: Pieces of the timeline that are kept; a page with as many has some 5 MB.
LIMIT = 200_000

LABELS = {
    "fabric": "wavelets sent on, all links",
    "waited": "cycles that wavelets waited in the router",
    "busy": "busy cycles",
    "stalled": "cycles that tasks waited for the fabric",
    "tasks": "tasks",
    "instructions": "instructions",
    "elements": "elements of vector operations",
    "sent": "wavelets sent by the PE",
    "received": "wavelets received by the PE",
    "north": "wavelets to the north",
    "south": "wavelets to the south",
    "east": "wavelets to the east",
    "west": "wavelets to the west",
}


def write(path, sim, title):
    """Write the page of a simulator that was told to ``trace``.

    Args:
        path: the HTML file; it needs no other.
        sim: the ``Simulator``.
        title: what ran.
    """
    counters = sim.counters()
    counters["fabric"] = sum(counters[d] for d in ("north", "south", "east", "west"))
    sim.close_spans()
    labels, spans = {}, []
    for begin, end, pe, kind, what, slot in sim.spans().tolist():
        name = sim.describe(pe, kind, what)
        spans.append([pe, begin, end, kind, labels.setdefault(name, len(labels)), slot])
    totals = sim.totals()
    data = {
        "title": title,
        "arch": sim.meta["arch"],
        "width": sim.width,
        "height": sim.height,
        "cycles": int(max([totals["cycles"], *(s[2] for s in spans)])),
        "lost": totals["lost"],
        "commands": sim.commands,
        "metrics": {
            name: {"label": label, "values": np.ravel(counters[name]).tolist()}
            for name, label in LABELS.items()
        },
        "labels": list(labels),
        "spans": spans,
    }
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    page = Path(__file__).with_name("trace.html").read_text()
    Path(path).write_text(page.replace("@DATA@", text))
