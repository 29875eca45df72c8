"""Compiler work in processes of its own.

MLIR here is an assertion build, and torch-mlir carries another LLVM: both may
abort the process they run in. They never run in the user's.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from plait.errors import CompileError, FrontendError
from plait.tools import tool_path


def _reproducer_folder() -> Path:
    folder = Path(os.environ.get("PLAIT_REPRODUCERS", tempfile.gettempdir()))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _how_it_ended(returncode: int) -> str:
    if returncode < 0:
        return f"died ({signal.Signals(-returncode).name})"
    return f"failed (exit code {returncode})"


def run_tool(name: str, arguments: list[str], data: bytes) -> bytes:
    """Runs a native tool on ``data`` and returns what it prints.

    Raises:
        CompileError: the tool failed or died. The input is kept in a file
            (with the failing pipeline inside, for ``plait-opt``) and the
            error gives the command that replays it.
    """
    path = str(tool_path(name))
    handle, kept = tempfile.mkstemp(".mlir", "plait-repro-", _reproducer_folder())
    os.close(handle)
    crash = [f"--mlir-pass-pipeline-crash-reproducer={kept}"] if name == "plait-opt" else []
    done = subprocess.run([path, *arguments, *crash, "-"], input=data, capture_output=True)
    if done.returncode == 0:
        os.unlink(kept)
        return done.stdout
    if os.path.getsize(kept):
        command = f"{name} --run-reproducer {kept}"
    else:
        Path(kept).write_bytes(data)
        command = " ".join([name, *arguments, kept])
    diagnostics = done.stderr.decode(errors="replace")
    raise CompileError(
        f"{name} {_how_it_ended(done.returncode)}:\n{_summary(diagnostics)}",
        diagnostics=diagnostics,
        reproducer=kept,
        command=command,
    )


def _summary(diagnostics: str, limit: int = 20) -> str:
    """The first lines of the diagnostics that a person reads; IR dumps are left out."""
    lines = [line for line in diagnostics.splitlines() if line.strip()]
    short = [line if len(line) < 400 else line[:400] + " ..." for line in lines[:limit]]
    return "\n".join(short) or "it printed nothing"


def run_python(module: str, payload: bytes) -> bytes:
    """Runs ``python -m module`` on ``payload`` and returns what it prints.

    Raises:
        FrontendError: the process failed, with its standard error, or died.
    """
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    done = subprocess.run(
        [sys.executable, "-m", module], input=payload, capture_output=True, env=environment
    )
    if done.returncode == 0:
        return done.stdout
    message = done.stderr.decode(errors="replace").strip()
    if done.returncode < 0 or not message:
        message = f"the worker {module} {_how_it_ended(done.returncode)}\n{_summary(message)}"
    raise FrontendError(message)
