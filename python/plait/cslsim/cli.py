"""``plait cslc``, ``plait cs-python`` and ``plait cs-env``."""

import os
import re
import runpy
import shutil
import stat
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from plait.errors import PlaitError

SHIM = Path(__file__).parent / "shim"


def cslc(
    layout: Annotated[Path, typer.Argument(help="the layout file", exists=True, dir_okay=False)],
    output: Annotated[str, typer.Option("-o", help="output folder")] = "out",
    arch: Annotated[str, typer.Option(help="wse2 or wse3")] = "wse3",
    fabric_dims: Annotated[str, typer.Option(help="W,H")] = "",
    fabric_offsets: Annotated[str, typer.Option(help="X,Y")] = "0,0",
    params: Annotated[list[str], typer.Option(help="name:value,...")] = [],  # noqa: B006
    import_path: Annotated[
        list[Path], typer.Option(help="folder of modules", exists=True, file_okay=False)
    ] = [],  # noqa: B006
    colors: Annotated[list[str], typer.Option(help="name:number,...")] = [],  # noqa: B006
    memcpy: Annotated[bool, typer.Option("--memcpy", help="host input and output")] = False,
    channels: Annotated[int, typer.Option(help="host channels")] = 0,
    width_west_buf: Annotated[int, typer.Option(help="buffer columns")] = 0,
    width_east_buf: Annotated[int, typer.Option(help="buffer columns")] = 0,
    fp16_format: Annotated[str, typer.Option(help="only f16 is known")] = "f16",
    sdk: Annotated[str, typer.Option(help="dialect: 1.4, or 2.10 (unverified)")] = "1.4",
    out_routes: Annotated[bool, typer.Option("--out-routes", help="print every route")] = False,
    output_json: Annotated[str, typer.Option(help="also write the parameters here")] = "",
    verbose: Annotated[bool, typer.Option("--verbose", help="print what fills the PEs")] = False,
    warnings_as_errors: Annotated[bool, typer.Option("--warnings-as-errors", help="no-op")] = False,
    max_inlined_iterations: Annotated[int, typer.Option(help="no-op: nothing is inlined")] = 0,
    max_parallelism: Annotated[int, typer.Option(help="no-op")] = 0,
):
    """Check and compile a CSL program for Plait's model of CSL."""
    from plait.cslsim.errors import CslError, Unsupported
    from plait.cslsim.layout import Options, compile_layout, describe_routes, parse_params, save
    from plait.cslsim.limits import MEMORY, memory_use

    if arch not in ("wse2", "wse3"):
        raise CslError(None, f"unknown architecture '{arch}': expected wse2 or wse3")
    if sdk not in ("1.4", "2.10"):
        raise CslError(None, f"unknown SDK '{sdk}': expected 1.4 or 2.10")
    if fp16_format != "f16":
        raise Unsupported(None, f"--fp16-format={fp16_format}")
    if channels and not memcpy:
        raise CslError(None, "'--channels' needs '--memcpy'")
    if not 0 <= channels <= 16:
        raise CslError(None, f"expects 1 to 16 '--channels', got {channels}")
    options = Options(
        arch,
        layout.parent,
        parse_params(",".join(params)),
        [Path(p) for p in import_path],
        pair("fabric-dims", fabric_dims) if fabric_dims else None,
        pair("fabric-offsets", fabric_offsets),
        memcpy,
        channels,
    )
    options.colors = parse_params(",".join(colors))
    options.sdk, options.buffers = sdk, (width_west_buf, width_east_buf)
    built, programs = compile_layout(layout, options)
    save(output.removeprefix("="), built, programs, options)
    if output_json:
        shutil.copy(Path(output.removeprefix("=")) / "out.json", output_json)
    if verbose:
        for program in programs:
            use = memory_use(program)
            parts = ", ".join(f"{name} {size}" for name, size in use.items())
            typer.echo(f"{program.name}: {parts} of {MEMORY} bytes")
    if out_routes:
        typer.echo("\n".join(describe_routes(built)))


def pair(name, text):
    """Two numbers, ``W,H``."""
    found = re.fullmatch(r"(\d+),(\d+)", text)
    if not found:
        raise PlaitError(f"'--{name}' takes two numbers as W,H, got '{text}'")
    return int(found[1]), int(found[2])


def cs_python(
    program: Annotated[Path, typer.Argument(help="the host program", exists=True)],
    arguments: Annotated[list[str], typer.Argument(help="its arguments")] = [],  # noqa: B006
    trace: Annotated[
        Path | None, typer.Option(help="write a timeline and a heat map of the fabric, as HTML")
    ] = None,
):
    """Run a host program (run.py) with the simulator behind its SdkRuntime."""
    if trace:
        os.environ["PLAIT_CSL_TRACE"] = str(trace.resolve())
    sys.path[:0] = [str(program.parent), str(SHIM)]
    sys.argv = [str(program), *arguments]
    try:
        runpy.run_path(str(program), run_name="__main__")
    except PlaitError as error:
        if frame := _in_program(error, program):
            at = f"{program.name}:{frame.tb_lineno}"
            raise PlaitError(f"{str(error).rstrip()}\n  from the host program, {at}") from error
        raise
    except Exception as error:  # the host program's own: without what runs it
        trace = _in_program(error, program) or error.__traceback__
        traceback.print_exception(type(error), error, trace)
        raise SystemExit(1) from None


def _in_program(error, program):
    """A traceback from the host program's first frame on, or None."""
    frame = error.__traceback__
    while frame and frame.tb_frame.f_code.co_filename != str(program):
        frame = frame.tb_next
    return frame


def cs_env(
    folder: Annotated[Path, typer.Argument(help="where to put the two commands")],
):
    """Write commands named cslc and cs_python; put the folder on PATH to use them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, command in (("cslc", "cslc"), ("cs_python", "cs-python")):
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m plait.cslsim {command} "$@"\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    typer.echo(f'export PATH="{folder.resolve()}{os.pathsep}$PATH"')


def register(app):
    """Add the three commands to the ``plait`` command."""
    passing = {
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    }
    app.command()(cslc)
    app.command("cs-python", context_settings=passing)(cs_python)
    app.command("cs-env")(cs_env)
