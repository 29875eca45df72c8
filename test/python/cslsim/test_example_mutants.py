"""The checker finds faults in official examples: mutants fail, or warn of something new.

Runs when ``PLAIT_CSL_EXAMPLES`` names a checkout. The mutants are those of test_mutants.py,
with every color of a program in the place of another: all of them for some programs, where each
survivor is explained; a sample of each other passing program, where the survivors are printed.
"""

import random
import re

import pytest
from example_tools import ROOT, copy, run_forked, scripts
from test_example_seeds import passing
from test_examples import name_of
from test_mutants import NEXT

PROGRAMS = ("gemv-06-routes-1", "gemv-07-routes-2", "gemv-08-routes-3", "topic-05-sentinels")
PROGRAMS += ("topic-06-switches", "pipeline-02-fifo", "residual", "single-tile-matvec")
RULES = [
    ("drop an initialisation", r"@initialize_queue\([^;]*;", lambda m: ""),
    ("shift an extent up", r"\.extent = (\w+)", lambda m: f".extent = {m[1]} + 1"),
    ("shift an extent down", r"\.extent = (\w+)", lambda m: f".extent = {m[1]} - 1"),
    ("shift an access up", r"\|(\w+)\|\{(\w+)\}", lambda m: f"|{m[1]}|{{{m[2]} + 1}}"),
    ("swap a color", r"(\.fabric_color|\.color) = (\w+)", None),
    ("drop the unblock", r"\w+\.unblock_cmd_stream\(\);", lambda m: ""),
    ("move a route", r"\b(EAST|WEST|NORTH|SOUTH|RAMP)\b", lambda m: NEXT[m[1]]),
    ("drop a binding", r"@bind_\w+_task\([^;]*;", lambda m: ""),
    ("drop an activation", r"\.activate = \w+", lambda m: ".async = true"),
]
# Mutants that change nothing that can be seen, each with its reason.
EXPLAINED = {
    # The length of a DSD that is set before every use.
    ("residual", "axpy.csl:31: shift an access up (|i|{42})"),
    ("residual", "gemv.csl:88: shift an access up (|i|{42})"),
    # The first value sent is 0, to a PE whose result is 0 already.
    ("topic-06-switches", "layout.csl:67: move a route (EAST)"),
    # Each receiver takes the same value twice, for as long as it is sent.
    ("topic-06-switches", "send.csl:64: shift an extent up (.extent = 1)"),
}
pytestmark = pytest.mark.skipif(not ROOT, reason="PLAIT_CSL_EXAMPLES is not set")


def code_only(text):
    """The text with comments blanked, so that positions stay."""
    return re.sub(r"//[^\n]*", lambda m: " " * len(m[0]), text)


def blocks(text, arch):
    """Where the text is about that architecture only: a change there changes nothing."""
    for match in re.finditer(rf'if \(@is_arch\("{arch}"\)\) \{{', text):
        end, depth = match.end(), 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield match.start(), end


def mutants(text, arch):
    """(title, line, changed text) of a file."""
    text = code_only(text)
    others = list(blocks(text, "wse2" if arch == "wse3" else "wse3"))
    colors = sorted(set(re.findall(r"(?:\.fabric_color|\.color) = (\w+)", text)))
    for title, pattern, change in RULES:
        for match in re.finditer(pattern, text):
            if change is None:
                rest = [c for c in colors if c != match[2]]
                if not rest:
                    continue
                new = f"{match[1]} = {rest[0]}"
            else:
                new = change(match)
            changed = text[: match.start()] + new + text[match.end() :]
            changed = changed.replace(".async = true, .async = true", ".async = true")
            line = text.count("\n", 0, match.start()) + 1
            if any(start < match.start() < end for start, end in others):
                continue
            yield f"{title} ({match[0][:40]})", line, changed


@pytest.mark.parametrize("script", [s for s in scripts() if s.parent.name in PROGRAMS], ids=name_of)
def test_mutants_of_examples(script, tmp_path, capsys):
    name, arch = script.parent.name, script.stem[-4:]
    script = copy(script, tmp_path)
    code, text, usual = run_forked(script)
    assert code == 0, text[-2000:]
    total, survivors = 0, []
    for path in sorted(script.parent.rglob("*.csl")):
        original = path.read_text()
        for title, line, changed in mutants(original, arch):
            path.write_text(changed)
            total += 1
            code, _, warnings = run_forked(script)
            if code == 0 and warnings == usual:
                survivors.append(f"{path.name}:{line}: {title}")
        path.write_text(original)
    unknown = [s for s in survivors if (name, s) not in EXPLAINED]
    with capsys.disabled():
        print(f"\n{name} {arch}: {total - len(survivors)} of {total} mutants found", *survivors)
    assert unknown == []


# Of each program; one in three that survive would be too many.
SAMPLE = 5
TALLY = {"found": 0, "all": 0}


@pytest.mark.parametrize(
    "script", [s for s in passing() if s.parent.name not in PROGRAMS], ids=name_of
)
def test_a_sample_of_mutants(script, tmp_path, capsys):
    name, arch = script.parent.name, script.stem[-4:]
    script = copy(script, tmp_path)
    code, text, usual = run_forked(script)
    assert code == 0, text[-2000:]
    choices = []
    for path in sorted(script.parent.rglob("*.csl")):
        choices += [(path, *mutant) for mutant in mutants(path.read_text(), arch)]
    survivors = []
    drawn = random.Random(f"{name} {arch}").sample(choices, min(SAMPLE, len(choices)))
    for path, title, line, changed in drawn:
        original = path.read_text()
        path.write_text(changed)
        code, _, warnings = run_forked(script)
        path.write_text(original)
        if code == 0 and warnings == usual:
            survivors.append(f"{path.name}:{line}: {title}")
    TALLY["found"] += len(drawn) - len(survivors)
    TALLY["all"] += len(drawn)
    with capsys.disabled():
        found = f"{len(drawn) - len(survivors)} of {len(drawn)} of {len(choices)}"
        print(f"\n{name} {arch}: {found} mutants found", *survivors, sep="\n  ")


def test_most_of_the_samples_are_found(capsys):
    if not TALLY["all"]:
        pytest.skip("no sample was drawn")
    with capsys.disabled():
        print(f"\nsamples: {TALLY['found']} of {TALLY['all']} mutants found")
    assert TALLY["found"] >= 2 / 3 * TALLY["all"]
