"""Plait and its peers, in one run on identical inputs; see README.md here."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

SUBJECTS = {
    "dense": "matmul, MLP, softmax, layer norm, attention, encoder, convolutions, models",
    "sampling": "the best token, and draws: categorical, top-k, top-p, both",
    "spiking": "layers, a recurrent population, an attention block over whole runs",
    "compile": "seconds and memory to import and compile",
}
CORES = len(os.sched_getaffinity(0))


def shown(value: float) -> str:
    """Three digits, never an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.01 else f"{value:.3f}"


def show(console: Console, rows: list[dict]):
    """One table; a column that no row fills is left out."""
    table = Table()
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    for name in names:
        text = isinstance(rows[0][name], str)
        table.add_column(name, justify="left" if text else "right", overflow="fold")
    for row in rows:
        cells = (row[name] for name in names)
        table.add_row(
            *("" if c is None else shown(c) if isinstance(c, float) else str(c) for c in cells)
        )
    console.print(table)


def each_count(names: list[str], json_to: Path | None):
    """The same command once with one core and once with all, in fresh processes."""
    results, failed = [], False
    for threads in sorted({1, CORES}):
        with tempfile.TemporaryDirectory() as folder:
            rows = Path(folder, "rows.json")
            options = ["--threads", str(threads), "--json", str(rows)]
            failed |= subprocess.run([sys.executable, __file__, *names, *options]).returncode != 0
            if rows.exists():
                results.append(json.loads(rows.read_text()))
    if json_to:
        json_to.write_text(json.dumps(results, indent=1) + "\n")
    raise typer.Exit(failed)


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="Subjects, or subject/case prefixes; default: all.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Cores for everyone; default: one, then all.")
    ] = None,
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
    if threads is None:
        return each_count(names or [], json_to)
    if not 1 <= threads <= CORES:
        raise typer.BadParameter(f"--threads: expects 1 to {CORES}, got {threads}")
    # Before anybody starts threads: affinity is inherited, and each library
    # has a variable of its own.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    for variable in ("PLAIT", "OMP", "MKL", "OPENBLAS"):
        os.environ[f"{variable}_NUM_THREADS"] = str(threads)
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    measure = importlib.import_module("measure")
    flops, read = measure.roof()
    console.print(
        f"{threads} of {os.cpu_count()} cores: {flops / 1e9:.0f} GFLOP/s in f32, "
        f"read {read / 1e9:.1f} GB/s"
    )
    rows, failed = [], False
    for name, _, prefix in wanted:
        subject, mine = importlib.import_module(f"subjects.{name}"), []
        console.print(f"{name}, {threads} threads: {SUBJECTS[name]}")
        for case in subject.cases(prefix):
            try:
                # A case that is not a job to time brings its own row.
                found = [case] if isinstance(case, dict) else measure.measure(case)
            except AssertionError as error:
                console.print(f"[red]{case.name}: results do not agree: {error}[/red]")
                failed = True
                continue
            # At once: who interrupts this keeps what was measured.
            show(console, found)
            mine += found
            rows += [{"subject": name, **row} for row in found]
            if json_to:
                result = {"threads": threads, "flops": flops, "read_bytes_per_s": read}
                json_to.write_text(json.dumps({**result, "rows": rows}, indent=1) + "\n")
        if not mine and not failed:
            raise typer.BadParameter(f"no case of '{name}' begins with '{prefix}'")
        if len({row["case"] for row in mine}) > 1 and (means := measure.summary(mine)):
            console.print("a peer's ms over Plait's")
            show(console, means)
    raise typer.Exit(failed)


if __name__ == "__main__":
    typer.run(main)
