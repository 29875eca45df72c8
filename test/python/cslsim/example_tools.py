"""Running official examples from a checkout outside this tree, changed or not."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

from plait.cslsim import evaluate
from plait.cslsim.__main__ import app
from plait.cslsim.cli import SHIM

ROOT = os.environ.get("PLAIT_CSL_EXAMPLES")
# Programs that do what is reported unless it is allowed. Each of them reads memory that was
# never written and counts on zero; and ifft() of fft-1d-2d negates N strided elements from the
# second on of an array of N elements, and back.
ZEROS = {"PLAIT_CSL_READS": "warn"}
ALLOWED = {
    "fft-1d-2d": {"PLAIT_CSL_BOUNDS": "ignore", **ZEROS},
    "gemv-06-routes-1": ZEROS,
    "gemv-07-routes-2": ZEROS,
    "gemv-08-routes-3": ZEROS,
    "gemv-09-streaming": ZEROS,
}


def scripts():
    """Every command script of the checkout."""
    return sorted(Path(ROOT).glob("*/*/commands_wse?.sh")) if ROOT else []


def copy(script, folder):
    """A copy of an example with its neighbours (it may reach for them); the new script."""
    subprocess.run([sys.executable, "-m", "plait.cslsim", "cs-env", folder / "bin"], check=True)
    shutil.copytree(script.parent.parent, folder / "tree")
    return folder / "tree" / script.parent.name / script.name


def run(script, folder, **env):
    """Run a copied script with our commands on PATH: its exit status, output and warnings."""
    env = dict(os.environ, **env, PATH=f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    env.update(ALLOWED.get(script.parent.name, {}))
    done = subprocess.run(
        ["bash", script.name],
        cwd=script.parent,
        env=env,
        text=True,
        capture_output=True,
        timeout=1200,
    )
    warnings = re.findall(r"^warning: (.*)", done.stderr, flags=re.M)
    return done.returncode, done.stdout + done.stderr, warnings


def _commands(script):
    lines = script.read_text().replace("\\\n", " ").splitlines()
    for line in lines:
        command = shlex.split(line, comments=True)
        if command and command[0] in ("cslc", "cs_python"):
            yield [command[0].replace("_", "-"), *command[1:]]


def warm(script):
    """Compile a script's programs in this process: forks need not parse their text again.
    Returns the files that they read."""
    here, parse_file, files = os.getcwd(), evaluate.parse_file, set()

    def parse(path, shown=None):
        files.add(Path(path).resolve())
        return parse_file(path, shown)

    evaluate.parse_file = parse
    os.chdir(script.parent)
    try:
        for command in _commands(script):
            if command[0] == "cslc":
                app(command, standalone_mode=False)
    finally:
        os.chdir(here)
        evaluate.parse_file = parse_file
    return files


def run_forked(script, **env):
    """``run`` without starting Python anew for each command: in a forked child."""
    commands = list(_commands(script))
    sys.path[:0] = [p for p in (str(SHIM),) if p not in sys.path]
    output = script.with_suffix(".out")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(script.parent)
            os.environ.update(env, **ALLOWED.get(script.parent.name, {}))
            out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(out, 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            for command in commands:
                app(command, standalone_mode=False)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    text = output.read_text()
    return code, text, re.findall(r"^warning: (.*)", text, flags=re.M)


def resize(text, sizes):
    """A script with other parameters ("M:5,N:7") and room for them."""
    for item in sizes.split(","):
        name, value = item.split(":")
        text, found = re.subn(rf"\b{name}:\d+", f"{name}:{value}", text)
        assert found, name
    return re.sub(r"--fabric-dims=\d+,\d+", "--fabric-dims=40,40", text)
