"""A lazy array as a program for a wafer-scale engine."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plait.errors import FrontendError
from plait.lazy.array import Array


@dataclass
class CodeGenOptions:
    """What :func:`compile_to_csl` writes.

    Attributes:
        target: ``"wse2"`` or ``"wse3"``.
        sdk: the Cerebras SDK's version, ``"2.10"`` or ``"1.4"``.
        optimize: merge equal parts of the graph.
        generate_debug_info: name the Python line of each operation.
        emit_comments: say what each part of the program is.
    """

    target: str = "wse3"
    sdk: str = "2.10"
    optimize: bool = True
    generate_debug_info: bool = False
    emit_comments: bool = True


@dataclass(frozen=True)
class CSLProgram:
    """The files of a program: ``files`` maps names to bytes; ``path`` is the folder or None."""

    files: dict
    path: Path | None

    def __getitem__(self, name: str) -> str:
        return self.files[name].decode()


def compile_to_csl(value: Array, path=None, options: CodeGenOptions | None = None) -> CSLProgram:
    """Compiles ``value`` to CSL.

    The program has ``layout.csl``, ``pe.csl``, ``run.py`` (the host's part, on
    the SDK's ``SdkRuntime``), ``commands_<target>.sh`` and ``inputs.npz`` (the
    arrays that the graph was built on). It has been checked by the compiler's
    own rules about CSL only: no Cerebras compiler or simulator has seen it.

    Args:
        value: the array to compute.
        path: a folder that gets the files; without it nothing is written. A
            :class:`CodeGenOptions` here is taken as ``options``.
        options: see :class:`CodeGenOptions`.

    Raises:
        FrontendError: unknown target or SDK, or layouts of different grids.
        CompileError: an operation, a layout or a size that the machine has no
            plan for, with the Python line that asked for it.
    """
    from plait.compiler import run_stages
    from plait.lazy.graph import build_module
    from plait.worker import run_tool

    if isinstance(path, CodeGenOptions):
        path, options = None, path
    options = options or CodeGenOptions()
    if options.target not in ("wse2", "wse3"):
        raise FrontendError(f"expects target 'wse2' or 'wse3', got {options.target!r}")
    if options.sdk not in ("1.4", "2.10"):
        raise FrontendError(f"expects sdk '1.4' or '2.10', got {options.sdk!r}")
    module, inputs = build_module(value, options.target)
    passes = ["func.func(mesh-assign-layout)", "canonicalize"]
    if options.optimize:
        passes.append("cse")
    passes.append(
        f"convert-mesh-to-csl{{sdk={options.sdk} "
        f"comments={str(options.emit_comments).lower()} "
        f"debug-info={str(options.generate_debug_info).lower()}}}"
    )
    ir = run_stages(module.text.encode(), passes)
    files = split_files(run_tool("plait-translate", ["--mlir-to-csl"], ir).decode())
    buffer = io.BytesIO()
    np.savez(buffer, **{f"in{i}": data for i, data in enumerate(inputs)})
    files["inputs.npz"] = buffer.getvalue()
    if path is None:
        return CSLProgram(files, None)
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        _write(folder / name, data)
    return CSLProgram(files, folder)


def split_files(text: str) -> dict[str, bytes]:
    """The files of ``text``, each after a line ``// FILE: <name>``."""
    files: dict[str, bytes] = {}
    for part in text.split("// FILE: ")[1:]:
        name, _, body = part.partition("\n")
        files[name] = body.encode()
    return files


def _write(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    if path.suffix in (".sh", ".py"):
        temporary.chmod(0o755)
    os.replace(temporary, path)
