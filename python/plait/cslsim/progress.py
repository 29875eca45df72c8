"""How far a long run is, on the terminal."""

import sys
import time

PATIENCE = 1.0  # seconds before anything is shown


class Progress:
    """A line with the cycle, the PEs still at work and the speed, while a simulator runs.

    Args:
        sim: has ``totals()``, ``width`` and ``height``.
        stream: where the line goes; nothing is shown if it is not a terminal.
    """

    def __init__(self, sim, stream=None):
        self.sim, self.stream = sim, stream or sys.stderr
        self.bar = None

    def __enter__(self):
        self.began = time.monotonic()
        self.first = None
        return self

    def __exit__(self, *_):
        if self.bar:
            self.bar.stop()

    def update(self):
        """Show where the simulator is."""
        totals, now = self.sim.totals(), time.monotonic()
        pes = self.sim.width * self.sim.height
        if self.first is None:
            self.first = totals["cycles"]
            self.since = now
        if now - self.began < PATIENCE or not self.stream.isatty():
            return
        if not self.bar:
            self._open(pes)
        rate = (totals["cycles"] - self.first) * pes / max(now - self.since, 1e-9)
        self.bar.update(
            self.task,
            completed=pes - totals["open"],
            cycles=f"{totals['cycles']:,}",
            rate=f"{rate:.2g}",
        )

    def _open(self, pes):
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self.bar = Bar(
            TextColumn("cycle {task.fields[cycles]}"),
            BarColumn(),
            TextColumn(
                "{task.completed} of {task.total} PEs done, {task.fields[rate]} PE-cycles/s"
            ),
            TimeElapsedColumn(),
            console=Console(file=self.stream),
            transient=True,
        )
        self.task = self.bar.add_task("", total=pes, cycles="0", rate="0")
        self.bar.start()
