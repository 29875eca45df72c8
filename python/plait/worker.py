"""Compiler work in processes of its own.

MLIR here is an assertion build, and torch-mlir carries another LLVM: both may
abort the process they run in. They never run in the user's.
"""

import contextlib
import os
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import threading
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


def run_tool(name: str, arguments: list[str], data: bytes, *, stderr: bool = False) -> bytes:
    """Runs a native tool on ``data`` and returns what it prints.

    ``stderr=True`` returns its standard error instead. ``PLAIT_PASS_PLUGINS``
    lists libraries of passes for ``plait-opt`` to load, as ``PATH`` does.

    Raises:
        CompileError: the tool failed or died. The input is kept in a file
            (with the failing pipeline inside, for ``plait-opt``) and the
            error gives the command that replays it.
    """
    handle, kept = tempfile.mkstemp(".mlir", "plait-repro-", _reproducer_folder())
    os.close(handle)
    crash = []
    if name == "plait-opt":
        plugins = filter(None, os.environ.get("PLAIT_PASS_PLUGINS", "").split(os.pathsep))
        arguments = [f"--load-pass-plugin={plugin}" for plugin in plugins] + arguments
        crash = [f"--mlir-pass-pipeline-crash-reproducer={kept}"]
    returncode, output, errors = _run(name, [*arguments, *crash, "-"], data)
    if returncode == 0:
        os.unlink(kept)
        return errors if stderr else output
    if os.path.getsize(kept):
        # What decides the parser's mercy is not part of the reproducer.
        lenient = [a for a in arguments if a.startswith(("--allow-", "--load-"))]
        command = " ".join([name, *lenient, "--run-reproducer", kept])
    else:
        Path(kept).write_bytes(data)
        command = shlex.join([name, *arguments, kept])
    diagnostics = errors.decode(errors="replace")
    raise CompileError(
        f"{name} {_how_it_ended(returncode)}:\n{_summary(diagnostics)}",
        diagnostics=diagnostics,
        reproducer=kept,
        command=command,
    )


class _Tool:
    """A native tool that is loaded and answers requests, each in a fork; see Serve.h."""

    def __init__(self, path: str):
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this.
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([path, "--serve"], stdin=pipe, stdout=pipe, stderr=self.log)

    def ask(self, arguments: list[str], data: bytes) -> tuple[int, bytes, bytes]:
        """The return code, output and errors of a run on ``data``."""
        words = b"".join(os.fsencode(argument) + b"\0" for argument in arguments)
        requests, answers = self.process.stdin, self.process.stdout
        try:
            requests.write(struct.pack("<2Q", len(words), len(data)) + words)
            requests.write(data)
            requests.flush()
            status, *sizes = struct.unpack("<3Q", answers.read(24))
            output, errors = map(answers.read, sizes)
        except (BrokenPipeError, struct.error):
            returncode = self.process.wait()
            self.log.seek(0)
            return returncode or 1, b"", self.log.read()
        return os.waitstatus_to_exitcode(status), output, errors


#: Tools that have nothing to do.
_idle: dict[tuple[int, str], list[_Tool]] = {}


def _waiting(idle: list[_Tool]) -> _Tool | None:
    with contextlib.suppress(IndexError):
        while True:
            tool = idle.pop()
            # Control-C ends those that wait, too.
            if tool.process.poll() is None:
                return tool


def _run(name: str, arguments: list[str], data: bytes) -> tuple[int, bytes, bytes]:
    path = str(tool_path(name))
    # A forked child must not talk to its parent's tools.
    idle = _idle.setdefault((os.getpid(), path), [])
    tool = _waiting(idle) or _Tool(path)
    try:
        answer = tool.ask(arguments, data)
    except BaseException:
        # Nobody waits for the answer any more.
        tool.process.kill()
        raise
    if tool.process.poll() is None:
        idle.append(tool)
    return answer


def _summary(diagnostics: str, limit: int = 20) -> str:
    """The first lines of the diagnostics that a person reads; IR dumps are left out."""
    lines = [line for line in diagnostics.splitlines() if line.strip()]
    short = [line if len(line) < 400 else line[:400] + " ..." for line in lines[:limit]]
    return "\n".join(short) or "it printed nothing"


class _Server:
    """A Python process that answers requests for one module; see :mod:`plait._serve`."""

    def __init__(self, module: str):
        self.module = module
        self.lock = threading.Lock()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this.
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "plait._serve", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
        )

    def ask(self, payload: bytes, seconds: float = 0) -> bytes:
        """The answer; after ``seconds``, unless that is 0, the process is killed instead."""
        late = threading.Event()

        def stop():
            late.set()
            self.process.kill()

        with self.lock:
            timer = threading.Timer(seconds, stop)
            timer.daemon = True
            if seconds:
                timer.start()
            try:
                self.process.stdin.write(struct.pack("<Q", len(payload)) + payload)
                self.process.stdin.flush()
                failed, size = struct.unpack("<?Q", self.process.stdout.read(9))
                answer = self.process.stdout.read(size)
            except (BrokenPipeError, struct.error) as error:
                how = _how_it_ended(self.process.wait())
                if late.is_set():
                    raise FrontendError(
                        f"the worker {self.module} had no answer after {seconds:g} s, "
                        "which PLAIT_IMPORT_SECONDS allows"
                    ) from error
                self.log.seek(0)
                log = _summary(self.log.read().decode(errors="replace"))
                raise FrontendError(f"the worker {self.module} {how}:\n{log}") from error
            except BaseException:
                # Nobody waits for the answer any more.
                self.process.kill()
                raise
            finally:
                timer.cancel()
        if failed:
            raise FrontendError(answer.decode())
        return answer


_servers: dict[tuple[int, str], _Server] = {}


def start_python(module: str) -> _Server:
    """The process that serves ``module``, started if it is not running."""
    # A forked child must not talk to its parent's worker.
    key = (os.getpid(), module)
    server = _servers.get(key)
    if server is None or server.process.poll() is not None:
        server = _servers[key] = _Server(module)
    return server


def import_limit() -> float:
    """``PLAIT_IMPORT_SECONDS``: how long an import may take, 600 by default; 0 is for ever.

    Raises:
        FrontendError: it is no number of seconds.
    """
    text = os.environ.get("PLAIT_IMPORT_SECONDS", "600")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < threading.TIMEOUT_MAX:
        raise FrontendError(f"PLAIT_IMPORT_SECONDS: expects seconds, got '{text}'")
    return seconds


def run_python(module: str, payload: bytes) -> bytes:
    """What ``module.handle(payload)`` returns in a process of its own.

    The process stays for later calls; it ends with this one.

    Raises:
        FrontendError: as ``handle`` raised it, or because the process died or took longer than
            :func:`import_limit`.
    """
    return start_python(module).ask(payload, import_limit())
