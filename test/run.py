"""Run every check, print how long each took, and fail if one fails: `make test`."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def sources(*suffixes):
    """Return the tracked files with one of these suffixes."""
    patterns = [f"*{suffix}" for suffix in suffixes]
    # -co --exclude-standard: a new file is checked before it is added.
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
    ).stdout.split()
    return [name for name in out if (ROOT / name).exists()]


def phases():
    """Return (name, command) for each check."""
    python = sys.executable
    yield "lit", [BIN / "lit", "-sv", "test"]
    yield "pytest", [BIN / "pytest", "-q"]
    yield "docs", [python, "docs/gen.py", "--check"]
    yield "lint", [python, "test/lint.py"]
    yield "ruff check", [BIN / "ruff", "check", "-q"]
    yield "ruff format", [BIN / "ruff", "format", "--check", "-q"]
    yield "clang-format", [BIN / "clang-format", "--dry-run", "-Werror", *sources(".h", ".cpp")]


def main():
    """Run all phases; return the exit status."""
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    rows = []
    for name, command in phases():
        print(f"== {name}", flush=True)
        start = time.monotonic()
        status = subprocess.run(list(map(str, command)), cwd=ROOT).returncode
        rows.append((name, time.monotonic() - start, status))
    print()
    for name, seconds, status in rows:
        print(f"{name:14} {seconds:7.1f} s  {'FAILED' if status else 'ok'}")
    print(f"{'all':14} {sum(row[1] for row in rows):7.1f} s")
    return any(status for *_, status in rows)


if __name__ == "__main__":
    sys.exit(main())
