"""The vendor's reader of what a program left behind: of that, the traces of ``<debug>``."""

import json
from pathlib import Path

from plait.cslsim.errors import SimulationError
from plait.cslsim.runtime import TRACES


class debug_util:
    """Traces of the run that stopped last.

    Args:
        bindir: what ``cslc -o`` wrote.
    """

    def __init__(self, bindir, cmaddr=None):
        if cmaddr:
            raise SimulationError("'cmaddr' names a machine; this runtime only simulates")
        path = Path(bindir) / TRACES
        if not path.is_file():
            raise SimulationError(f"no traces in '{bindir}': run the program to its stop first")
        self.found = json.loads(path.read_text())

    def read_trace(self, col, row, name):
        """What the PE at this place of the fabric traced under a key, in order: numbers and
        texts."""
        x, y = (at - offset for at, offset in zip((col, row), self.found["offset"], strict=True))
        return [v for i, j, key, v in self.found["traces"] if (i, j, key) == (x, y, name)]

    def __getattr__(self, name):
        raise SimulationError(f"not supported by Plait's model of CSL: debug_util.{name}")
