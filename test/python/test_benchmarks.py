"""The benchmarks' command starts; no test looks at a time."""

import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"


def run(*args):
    return subprocess.run([sys.executable, RUN, *args], capture_output=True, text=True)


def test_list():
    done = run("--list")
    assert done.returncode == 0, done.stderr
    for path in (RUN.parent / "subjects").glob("[a-z]*.py"):
        assert path.stem in done.stdout


def test_unknown_subject():
    done = run("denes")
    assert done.returncode == 2
    assert "unknown subject 'denes'" in done.stderr
