"""Plait and its peers, in one run on identical inputs; see README.md here."""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

SUBJECTS = {
    "dense": "matmul, MLP, transformer layer, softmax, matrix-vector",
    "sampling": "temperature, top-k, top-p and a draw; a categorical draw",
    "spiking": "a LIF network over 100 steps",
    "compile": "seconds and memory to import and compile",
}
CORES = len(os.sched_getaffinity(0))


def shown(value: float) -> str:
    """Three digits, never an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.01 else f"{value:.3f}"


def show(console: Console, title: str, rows: list[dict]):
    """One table; a column that no row fills is left out."""
    table = Table(title=title, title_justify="left")
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    for name in names:
        text = isinstance(rows[0][name], str)
        table.add_column(name, justify="left" if text else "right", overflow="fold")
    for index, row in enumerate(rows):
        cells = (row[name] for name in names)
        table.add_row(
            *("" if c is None else shown(c) if isinstance(c, float) else str(c) for c in cells),
            end_section=index + 1 == len(rows) or rows[index + 1]["case"] != row["case"],
        )
    console.print(table)


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="Subjects, or subject/case prefixes; default: all.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Cores for peers with threads.")] = CORES,
    json_to: Annotated[Path | None, typer.Option("--json", help="Write the rows here.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the subjects.")] = False,
):
    """Times Plait against named peers in the same run and checks that results agree."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    if listing:
        for name, text in SUBJECTS.items():
            console.print(f"[bold]{name:9}[/bold] {text}")
        return
    wanted = [name.partition("/") for name in names or SUBJECTS]
    for name, _, _ in wanted:
        if name not in SUBJECTS:
            raise typer.BadParameter(f"unknown subject '{name}'; known: {', '.join(SUBJECTS)}")
    if not 1 <= threads <= CORES:
        raise typer.BadParameter(f"--threads: expects 1 to {CORES}, got {threads}")
    # Before NumPy, torch and JAX start their threads: they inherit this.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    measure = importlib.import_module("measure")
    rows, failed = [], False
    for name, _, prefix in wanted:
        subject, mine = importlib.import_module(f"subjects.{name}"), []
        for case in subject.cases(threads, prefix):
            try:
                # A case that is not a job to time brings its own row.
                mine += [case] if isinstance(case, dict) else measure.measure(case)
            except AssertionError as error:
                console.print(f"[red]{case.name}: results do not agree: {error}[/red]")
                failed = True
        if mine:
            show(console, f"{name}: {SUBJECTS[name]}", mine)
        rows += [{"subject": name, **row} for row in mine]
    read = measure.bandwidth()
    console.print(f"{threads} of {os.cpu_count()} cores; one core reads {read / 1e9:.1f} GB/s")
    if json_to:
        json_to.write_text(json.dumps({"read_bytes_per_s": read, "rows": rows}, indent=1) + "\n")
    raise typer.Exit(failed)


if __name__ == "__main__":
    typer.run(main)
