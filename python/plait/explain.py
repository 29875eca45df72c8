"""An HTML page of what every pass of a road changed."""

import difflib
import html
import os
import re
import tempfile
from pathlib import Path

from plait.compiler import run_stages, stages_of
from plait.module import Module
from plait.verification import label, pass_list

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
summary { cursor: pointer; padding: .2rem 0; } summary b { font-family: monospace; }
pre { background: #f6f8fa; padding: .6rem; overflow-x: auto; font-size: 12.5px; }
.add { background: #dafbe1; } .del { background: #ffebe9; } .hunk { color: #57606a; }
"""


def explain(module: Module, path, target: str = "cpu") -> int:
    """Writes the page; returns how many passes changed something.

    The model's text comes first, then one foldable difference per pass that
    changed it, under its stage's name. The file appears whole or not at all.

    Raises:
        CompileError: a pass failed.
    """
    text = module.text.encode()
    # Printed once without a change, so that the first pass is not blamed for syntax.
    text = run_stages(text, ["canonicalize{max-iterations=0}"])
    parts = [_section("The model", _pre(_lines(text)), opened=True)]
    changed = 0
    for stage, pipeline in stages_of(target, module).items():
        parts.append(f"<h2>{html.escape(stage)}</h2>")
        for name in pass_list([pipeline]):
            after = run_stages(text, [name])
            before_lines, after_lines = _lines(text), _lines(after)
            text = after
            if before_lines == after_lines:
                continue
            changed += 1
            diff = list(difflib.unified_diff(before_lines, after_lines, lineterm="", n=2))[2:]
            more = sum(line.startswith("+") for line in diff)
            less = sum(line.startswith("-") for line in diff)
            parts.append(_section(label(name), _diff(diff), f"+{more} -{less} lines"))
    page = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>plait explain</title>"
        f"<style>{_STYLE}</style><h1>{html.escape(module.source)} to {html.escape(target)}</h1>"
        + "".join(parts)
        + "</html>"
    )
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent or ".", prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(page)
    os.replace(name, path)
    return changed


def _lines(text: bytes) -> list[str]:
    """The lines of IR that a person reads: no locations, no long constants."""
    lines = []
    for line in text.decode().splitlines():
        if line.startswith("#loc"):
            continue
        line = re.sub(r" loc\((?:[^()\"]|\"[^\"]*\"|\([^()]*\))*\)", "", line)
        lines.append(line if len(line) <= 300 else line[:300] + " ...")
    return lines


def _section(title, body, note="", opened=False) -> str:
    state = " open" if opened else ""
    return (
        f"<details{state}><summary><b>{html.escape(title)}</b> {html.escape(note)}</summary>"
        f"{body}</details>"
    )


def _pre(lines) -> str:
    return "<pre>" + "\n".join(map(html.escape, lines)) + "</pre>"


def _diff(lines) -> str:
    kinds = {"+": "add", "-": "del", "@": "hunk"}
    spans = [
        f"<span class='{kinds.get(line[:1], '')}'>{html.escape(line)}</span>" for line in lines
    ]
    return "<pre>" + "\n".join(spans) + "</pre>"
