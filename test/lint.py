"""Rules of this repository that no other linter knows: `make test` runs them.

* a constant part of every diagnostic in lib/Dialect is expected by some test;
* every RUN line ends in something that can fail: FileCheck, --verify-diagnostics
  or a tool that executes;
* every pass has a test file of its own name;
* at most 20 entries in the root, and no source file over 900 lines.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# plait-run executes; `diff` and `cmp` compare; `not` expects a failure.
CHECKERS = re.compile(r"FileCheck|verify-diagnostics|plait-run|\bdiff\b|\bcmp\b|\bnot\b|%python")
SOURCES = (".cpp", ".h", ".td", ".py")
STRING = r'"((?:[^"\\]|\\.)*)"'


def files():
    """Return the paths, relative to the root, of all files that git knows or would add."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout
    return [name for name in names.splitlines() if (ROOT / name).is_file()]


def diagnostics(names):
    """A verifier's message that no negative test expects."""
    expected = " ".join(
        " ".join(re.findall(r"expected-error.*?\{\{(.*?)\}\}", (ROOT / name).read_text()))
        for name in names
        if name.startswith("test/") and name.endswith(".mlir")
    )
    for name in names:
        if not (name.startswith("lib/Dialect/") and name.endswith(".cpp")):
            continue
        text = (ROOT / name).read_text()
        for match in re.finditer(r"emit(?:Op)?Error\b[^;]*;", text):
            for part in re.findall(rf"(?:{STRING}\s*)+", match[0]):
                words = part.replace('\\"', '"').strip(" :,")
                if len(words) >= 8 and words not in expected:
                    line = text.count("\n", 0, match.start()) + 1
                    yield f"{name}:{line}: no test expects the message part '{words}'"


def run_lines(names):
    """A RUN line whose result nothing looks at."""
    for name in names:
        if not (name.startswith("test/") and name.endswith((".mlir", ".test"))):
            continue
        text = (ROOT / name).read_text()
        for run in re.findall(r"RUN: *((?:.*\\\n.*RUN:)*.*)", text):
            # A line that writes %t prepares a later one.
            if not CHECKERS.search(run) and "%t" not in run:
                yield f"{name}: nothing checks the result of `{run.strip()}`"
        if "RUN:" not in text:
            yield f"{name}: no RUN line"


def pass_tests(names):
    """A pass without a test of its name that uses its flag."""
    for name in names:
        if not name.endswith("Passes.td"):
            continue
        for flag in re.findall(r'def \w+\s*:\s*Pass<"([\w-]+)"', (ROOT / name).read_text()):
            # test/Dialect/Spike/fuse.mlir is the test of spike-fuse.
            tests = [
                other
                for other in names
                if other.startswith("test/")
                and Path(other).suffix == ".mlir"
                and (flag == Path(other).stem or flag.endswith(f"-{Path(other).stem}"))
            ]
            if not any(
                re.search(rf"(?<!\w)(?<!\w-){flag}(?![\w-])", (ROOT / t).read_text()) for t in tests
            ):
                yield f"{name}: pass {flag} has no test {flag}.mlir that runs it"


def shape(names):
    """A crowded root, or a file nobody reads to its end."""
    entries = {name.split("/")[0] for name in names}
    if len(entries) > 20:
        yield f"{len(entries)} entries in the root, 20 are allowed"
    for name in names:
        if name.endswith(SOURCES) and (lines := (ROOT / name).read_text().count("\n")) > 900:
            yield f"{name}: {lines} lines, 900 are allowed"


def main():
    """Print every violation; return the exit status."""
    names = files()
    found = [line for rule in (diagnostics, run_lines, pass_tests, shape) for line in rule(names)]
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
