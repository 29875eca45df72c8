"""Where the native tools are, and console scripts that become them."""

import os
import sys
import sysconfig
from functools import cache
from pathlib import Path

import plait
from plait.errors import PlaitError


@cache
def tool_path(name: str) -> Path:
    """The path of a native tool such as ``plait-opt``.

    ``PLAIT_BIN`` names a folder to look in first, for work in a build tree.

    Raises:
        PlaitError: the tool is in none of the folders.
    """
    folders = [Path(entry) / "bin" for entry in plait.__path__]
    folders.append(Path(sysconfig.get_path("platlib")) / "plait" / "bin")
    if override := os.environ.get("PLAIT_BIN"):
        folders.insert(0, Path(override))
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    searched = ", ".join(map(str, folders))
    raise PlaitError(f"no '{name}' in {searched}; install Plait with `make build`")


@cache
def library_path(name: str) -> Path:
    """The path of a shared library such as ``libplait_runtime.so``, beside the tools.

    Raises:
        PlaitError: it is not there.
    """
    path = tool_path("plait-opt").parent.parent / "lib" / name
    if not path.is_file():
        raise PlaitError(f"no '{name}' in {path.parent}; install Plait with `make build`")
    return path


def _become(name):
    path = str(tool_path(name))
    os.execv(path, [path, *sys.argv[1:]])


def plait_opt():
    """Console script: become ``plait-opt``."""
    _become("plait-opt")


def plait_translate():
    """Console script: become ``plait-translate``."""
    _become("plait-translate")


def plait_run():
    """Console script: become ``plait-run``."""
    _become("plait-run")


def plait_reduce():
    """Console script: become ``plait-reduce``."""
    _become("plait-reduce")


def plait_lsp_server():
    """Console script: become ``plait-lsp-server``."""
    _become("plait-lsp-server")
