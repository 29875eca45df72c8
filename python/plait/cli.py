"""The ``plait`` command."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from plait.cslsim.cli import register
from plait.errors import FrontendError, PlaitError

app = typer.Typer(
    help="Models to machines that ordinary compilers do not reach.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cache_app = typer.Typer(help="The compile cache.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")

ModelFile = Annotated[
    Path, typer.Argument(help=".mlir, .stablehlo or .nir model", exists=True, dir_okay=False)
]
Target = Annotated[str, typer.Option(help="what to compile for")]
Dt = Annotated[float | None, typer.Option(help=".nir: the length of a time step")]
Convention = Annotated[str | None, typer.Option(help=".nir: whose arithmetic")]
Reset = Annotated[
    str | None, typer.Option(help=".nir: value, subtract or subtract_next, not the convention's")
]
KeepBits = Annotated[
    bool | None,
    typer.Option(help="make sample ops of picks: with the source's random bits, or keyed"),
]


def _module(path: Path, dt, convention, reset=None, keep_bits=None):
    """The module of a model file, by its suffix."""
    from plait.module import Module

    if keep_bits is not None:
        from plait.sampling import raise_to_sample

        return raise_to_sample(_module(path, dt, convention, reset), keep_bits=keep_bits)
    if path.suffix == ".mlir":
        return Module(path.read_text())
    if path.suffix == ".stablehlo":
        from plait.frontends.jax import from_stablehlo

        return from_stablehlo(path.read_text())
    if path.suffix == ".nir":
        from plait.frontends.nir import from_nir

        return from_nir(path, dt=dt, convention=convention or "auto", reset=reset)
    raise FrontendError(f"expects a .mlir, .stablehlo or .nir file, got '{path.name}'")


def _console():
    from rich.console import Console

    return Console()


def _executable(path: Path, target, dt, convention, reset, keep_bits):
    from plait.compiler import compile
    from plait.executable import load

    if path.suffix == ".plait":
        if keep_bits is not None:
            raise PlaitError("a package's draws are compiled: give --keep-bits to 'plait compile'")
        return load(path)
    if target.startswith("sm_"):
        raise PlaitError(f"code for '{target}' does not run here; see plait.nvptx.emulate")
    return compile(_module(path, dt, convention, reset, keep_bits), target)


def _arguments(executable, inputs, seed):
    """The call's arguments: .npy files first, random arrays for the rest."""
    from plait import arrays
    from plait.verification import random_arguments

    values = random_arguments(executable, seed)
    for index, name in enumerate(inputs):
        values[index : index + 1] = [arrays.load(name)]
    return values


@app.command()
def check(
    model: ModelFile,
    target: Target = "cpu",
    dt: Dt = None,
    convention: Convention = None,
    reset: Reset = None,
):
    """Say whether a model can be brought in, and what its calls look like.

    Of a .nir file, node by node before anything is converted; exit 1 if a node is not
    supported.
    """
    from plait.compiler import signature

    if model.suffix == ".nir" and not _check_nir(model, dt, convention, reset):
        sys.exit(1)
    if model.suffix == ".nir" and (dt is None or convention is None):
        return
    inputs, outputs = signature(_module(model, dt, convention, reset), target)
    print(f"ok: ({', '.join(map(str, inputs))}) -> ({', '.join(map(str, outputs))})")


def _check_nir(model, dt, convention, reset) -> bool:
    """Prints a table of a NIR file's nodes; whether all are supported."""
    from rich.markup import escape
    from rich.table import Table

    from plait.frontends.nir import check_nir

    reports = list(check_nir(model, dt=dt, convention=convention, reset=reset))
    table = Table("node", "type", "gives", "")
    for report in reports:
        if report.name == "(graph)" and not report.problem:
            continue
        shape = "" if report.shape is None else "x".join(map(str, report.shape))
        verdict = f"[red]{escape(report.problem)}[/red]" if report.problem else "ok"
        table.add_row(escape(report.name), report.kind, shape, verdict)
    _console().print(table)
    wrong = sum(bool(report.problem) for report in reports)
    whose = f"under convention '{convention}'" if convention else "under some convention"
    print(f"{wrong} not supported" if wrong else f"all nodes are supported {whose}")
    return not wrong


@app.command()
def compile(
    model: ModelFile,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="package to write")] = None,
    target: Target = "cpu",
    to: Annotated[str | None, typer.Option(help="stop after this stage and print the IR")] = None,
    dump_stages_to: Annotated[Path | None, typer.Option(help="folder for every stage")] = None,
    dt: Dt = None,
    convention: Convention = None,
    reset: Reset = None,
    keep_bits: KeepBits = None,
):
    """Compile a model to a package, or show its IR at a stage."""
    from plait.compiler import compile as compile_module

    module = _module(model, dt, convention, reset, keep_bits)
    result = compile_module(module, target, to=to, dump_stages_to=dump_stages_to)
    if isinstance(result, str):
        print(result)
        return
    output = output or model.with_suffix(".ptx" if target.startswith("sm_") else ".plait")
    result.save(output)
    print(f"{output}: {result!r}, {os.path.getsize(output)} bytes")


@app.command()
def run(
    model: Annotated[Path, typer.Argument(help="model or .plait package", exists=True)],
    inputs: Annotated[list[Path], typer.Option("--input", "-i", help=".npy file")] = (),
    output: Annotated[Path | None, typer.Option("--output", "-o", help=".npz to write")] = None,
    seed: Annotated[int, typer.Option(help="of the random arguments without --input")] = 0,
    target: Target = "cpu",
    dt: Dt = None,
    convention: Convention = None,
    reset: Reset = None,
    keep_bits: KeepBits = None,
):
    """Run a model or a package once."""
    import numpy as np

    executable = _executable(model, target, dt, convention, reset, keep_bits)
    results = executable.run(_arguments(executable, inputs, seed))
    if output is not None:
        with open(output, "wb") as file:
            np.savez(file, *results)
    for index, result in enumerate(results):
        print(f"result {index}: {result.dtype}{list(result.shape)}")
        print(np.array2string(result, threshold=40))


@app.command()
def verify(
    model: ModelFile,
    inputs: Annotated[list[Path], typer.Option("--input", "-i", help=".npy file")] = (),
    each_pass: Annotated[bool, typer.Option(help="find the pass to blame")] = False,
    target: Target = "cpu",
    dt: Dt = None,
    convention: Convention = None,
    reset: Reset = None,
    against: Annotated[
        Path | None, typer.Option(help=".nir: CSV of another simulator: inputs, outputs")
    ] = None,
    keep_bits: KeepBits = None,
):
    """Compare the fast road with the reference road; exit 1 if they differ.

    With --keep-bits, also compare the program before and after its picks became sample ops.
    With --against, replay a recorded trace on a .nir file instead; without --convention,
    find those that reproduce it.
    """
    if against is not None:
        return _replay(model, against, dt, convention, reset)
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Table

    from plait import arrays
    from plait.verification import verify as verify_module

    args = [arrays.load(name) for name in inputs] or None
    module = _module(model, dt, convention, reset)
    table = Table("what ran", "largest difference", "tolerance", "")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("reference road")
        rows = []
        options = dict(target=target, each_pass=each_pass, keep_bits=keep_bits)
        for row in verify_module(module, args, **options):
            rows.append(row)
            progress.update(task, description=row.name)
            verdict = "ok" if row.ok else "[red]differs[/red]"
            table.add_row(row.name, f"{row.difference:.3g}", f"{row.tolerance:.3g}", verdict)
    _console().print(table)
    if wrong := [row for row in rows if not row.ok]:
        sys.exit(f"{wrong[0].name}: the result changed beyond its tolerance")


def _replay(model, trace, dt, convention, reset):
    """Prints how conventions do against a trace; exits with 1 if none reproduces it."""
    from rich.markup import escape
    from rich.table import Table

    from plait.spike.traces import replay

    if model.suffix != ".nir":
        raise FrontendError(f"a trace is replayed on a .nir file, got '{model.name}'")
    reports = replay(model, trace, dt=dt, convention=convention, reset=reset)
    table = Table("convention", "spikes", "recorded", "wrong", "potential off by", "")
    for report in reports:
        name = report.convention + (f", reset {report.reset}" if report.reset else "")
        if report.refused:
            why = f"does not read it: {escape(report.refused)}"
            table.add_row(name, "", "", "", "", why)
            continue
        recorded, ours = (f"{count:g}" for count in report.spikes)
        potential = "" if report.potential is None else f"{report.potential:.3g}"
        verdict = "ok"
        if report.first is not None:
            step, column, expected, got = report.first
            verdict = f"[red]step {step}, output {column}: recorded {expected:g}, got {got:g}[/red]"
        wrong = str(report.wrong)
        table.add_row(name, ours, recorded, wrong, potential, verdict)
    _console().print(table)
    if not any(report.ok for report in reports):
        sys.exit("the trace is not reproduced")


@app.command()
def inspect(model: Annotated[Path, typer.Argument(help=".plait package", exists=True)]):
    """Show what a package holds."""
    from plait.executable import load

    executable = load(model)
    manifest = dict(executable.manifest)
    weights = manifest.pop("weights")
    print(repr(executable))
    print(json.dumps(manifest, indent=1))
    print(f"{len(weights)} weights")


@app.command()
def explain(
    model: ModelFile,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="page to write")] = None,
    target: Target = "cpu",
    dt: Dt = None,
    convention: Convention = None,
    reset: Reset = None,
):
    """Write an HTML page of what every pass changed."""
    from plait.explain import explain as explain_module

    output = output or model.with_suffix(".html")
    changed = explain_module(_module(model, dt, convention, reset), output, target)
    print(f"{output}: {changed} passes changed something")


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False):
    """Say what this machine has and lacks; exit 1 if something needed is missing."""
    from plait.doctor import main as report

    sys.exit(report(as_json))


@app.command()
def sample(
    logits: Annotated[
        Path | None, typer.Argument(help=".npy file, float [V] or [B, V]", exists=True)
    ] = None,
    row: Annotated[int, typer.Option(help="of the file", min=0)] = 0,
    prompt: Annotated[
        str | None, typer.Option(help="continue this with SmolLM2 instead of reading a file")
    ] = None,
    tokens: Annotated[int, typer.Option(help="how far the prompt is continued", min=1)] = 8,
    temperature: Annotated[float, typer.Option(help="0 is greedy")] = 1.0,
    top_k: Annotated[int, typer.Option(help="0 is off")] = 0,
    top_p: Annotated[float, typer.Option(help="1 is off")] = 1.0,
    min_p: Annotated[float, typer.Option(help="0 is off")] = 0.0,
    seed: Annotated[int, typer.Option(help="of the key, 64 bits")] = 0,
    position: Annotated[int, typer.Option(help="of the key; a prompt has its own")] = 0,
    preset: Annotated[str, typer.Option(help="whose order of processors")] = "plait",
    limit: Annotated[int, typer.Option(help="how many survivors to list", min=0)] = 12,
):
    """Draw a token; show what survived the processors and where the draw fell."""
    from plait.sampling import SamplingParams, show

    params = SamplingParams(
        temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, seed=seed
    )
    if (logits is None) == (prompt is None):
        raise PlaitError("expects a file of logits, or --prompt")
    if prompt is not None:
        sys.exit(show.from_model(_console(), prompt, tokens, params, preset, limit))
    sys.exit(show.from_file(_console(), logits, params, preset, row, position, limit))


@app.command()
def demo(
    tokens: Annotated[int, typer.Option(help="how far the language model continues")] = 40,
):
    """Run one real job on every road, checked, with times."""
    from plait.demo import main as run_demo

    sys.exit(run_demo(tokens))


@cache_app.command("info")
def cache_info():
    """Where the cache is and what it holds."""
    from plait import cache

    store = cache.store()
    print(f"{store.directory}: {len(store)} entries, {store.volume()} of {store.size_limit} bytes")


@cache_app.command("clear")
def cache_clear():
    """Empty the cache."""
    from plait import cache

    print(f"{cache.store().clear()} entries removed")


register(app)  # cslc, cs-python, cs-env


def main():
    """Console script. Expected errors are one message and exit code 1."""
    try:
        app()
    except (PlaitError, OSError) as error:
        sys.exit(f"plait: {error}")


if __name__ == "__main__":
    main()
