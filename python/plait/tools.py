<<<<<<< HEAD
"""Where the native tools are, and console scripts that become them."""
=======
"""The compiler's executables: where they are, and console scripts that run them."""
>>>>>>> b502593 (Add make build, test and help, the console scripts and the licence)

import os
import sys
import sysconfig
<<<<<<< HEAD
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
=======
from pathlib import Path


def tool_path(name: str) -> Path:
    """Return the path of one of Plait's executables.

    Looked for in the folder that the environment variable ``PLAIT_BIN`` names,
    then in ``bin`` of every folder of this package (an editable install has
    two), then in ``plait/bin`` of site-packages.

    Args:
        name: for example ``"plait-opt"``.

    Raises:
        FileNotFoundError: none of these folders has it; the message lists them.
    """
    import plait

    folders = [Path(folder) / "bin" for folder in plait.__path__]
    folders.append(Path(sysconfig.get_path("platlib")) / "plait" / "bin")
    if build := os.environ.get("PLAIT_BIN"):
        folders.insert(0, Path(build))
    for folder in folders:
        if os.access(folder / name, os.X_OK) and (folder / name).is_file():
            return folder / name
    looked = ", ".join(dict.fromkeys(map(str, folders)))
    raise FileNotFoundError(
        f"the executable {name!r} is in none of {looked}: run `make build`, "
        "or set PLAIT_BIN to the folder that has it"
    )


def _exec(name: str) -> None:
    try:
        path = tool_path(name)
    except FileNotFoundError as error:
        sys.exit(str(error))
    os.execv(path, [name, *sys.argv[1:]])


def plait_opt() -> None:
    """Run ``plait-opt`` with this process's arguments."""
    _exec("plait-opt")


def plait_translate() -> None:
    """Run ``plait-translate`` with this process's arguments."""
    _exec("plait-translate")


def plait_run() -> None:
    """Run ``plait-run`` with this process's arguments."""
    _exec("plait-run")


def plait_reduce() -> None:
    """Run ``plait-reduce`` with this process's arguments."""
    _exec("plait-reduce")


def plait_lsp_server() -> None:
    """Run ``plait-lsp-server`` with this process's arguments."""
    _exec("plait-lsp-server")
>>>>>>> b502593 (Add make build, test and help, the console scripts and the licence)
