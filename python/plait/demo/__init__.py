"""``plait demo``: one real job on every road, checked, with times."""

import time
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from plait.errors import PlaitError


@dataclass(frozen=True)
class Line:
    """One row of the demo's table."""

    road: str
    what: str
    result: str
    checked: str
    ok: bool = True


def main(tokens: int = 40) -> int:
    """Runs everything and prints the table; returns the exit code.

    A road whose framework is not installed is left out and said to be. A
    check that fails makes the exit code 1.

    Args:
        tokens: how far the language model continues its sentence.
    """
    from plait.demo import roads, smollm

    console = Console()
    table = Table("road", "what ran", "result", "seconds", "checked against", "", expand=True)
    failed = 0
    jobs = [("language model", lambda: smollm.run(console, tokens))]
    jobs += [(road.__name__, road) for road in roads.ROADS]
    for name, job in jobs:
        console.print(f"[dim]{name} ...[/dim]")
        start = time.perf_counter()
        try:
            line = job()
        except ModuleNotFoundError as error:
            line = Line(name, "-", f"left out: needs {error.name}", "-")
        except PlaitError as error:
            line = Line(name, "-", str(error), "-", ok=False)
        seconds = f"{time.perf_counter() - start:.1f}"
        failed += not line.ok
        verdict = "[green]ok[/green]" if line.ok else "[red]FAILED[/red]"
        table.add_row(line.road, line.what, line.result, seconds, line.checked, verdict)
    console.print(table)
    return int(failed > 0)
