"""The checker finds faults in official examples: mutants fail, or warn of something new.

Runs when ``PLAIT_CSL_EXAMPLES`` names a checkout. The mutants are those of test_mutants.py,
with every color of a program in the place of another: all of them for the tutorials and two more
programs, where each survivor is explained; some of each other program, where they are printed. The
last line is the kill rate, over our own programs, too, if test_mutants.py ran before.
"""

import random
import re

import pytest
from example_tools import ROOT, copy, run_forked, warm
from test_example_seeds import passing
from test_examples import name_of
from test_mutants import NEXT, TALLY

# Of each program that is not looked at as a whole.
SAMPLE = 8

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
EXPLAINED = [
    # The length of a DSD that is set before every use.
    ("residual", r"axpy.csl:31: shift an access up|gemv.csl:88: shift an access up"),
    # The first value sent is 0, to a PE whose result is 0 already.
    ("topic-06-switches", r"layout.csl:67: move a route"),
    ("topic-07-switches-entrypt", r"layout.csl:65: move a route"),
    # Each receiver takes the same value twice, for as long as it is sent.
    ("topic-06-switches", r"send.csl:64: shift an extent up"),
    # An operation is as long as its source, which differs from its destination as it is; and the
    # receivers never use their output queue.
    ("topic-12-debug-library", r"sender.csl:80: shift an extent|receiver.csl:118: drop an init"),
    ("topic-13-simprint", r"sender.csl:68: shift an extent|receiver.csl:115: drop an init"),
    # A second stream, which it does not ask for.
    ("pipeline-03-multiple", r"h2d.csl:(57|58|63|64|93|104|105):"),
]
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
            made = re.search(r"(\w+) = @get_dsd\([^;]*\Z", text[: match.start()])
            if made and f"@set_dsd_length({made[1]}," in text and "color" not in title:
                continue  # the program sets the length itself
            yield f"{title} ({match[0][:40]})", line, changed


def is_whole(script):
    """Whether all mutants of a program are looked at, and survivors have to be ``EXPLAINED``."""
    small = ("residual", "single-tile-matvec")
    return script.parent.parent.name == "tutorials" or script.parent.name in small


@pytest.mark.parametrize("script", passing(), ids=name_of)
def test_mutants_of_examples(script, tmp_path, capsys):
    name, arch, whole = script.parent.name, script.stem[-4:], is_whole(script)
    script = copy(script, tmp_path)
    files = warm(script)
    code, text, usual = run_forked(script)
    assert code == 0, text[-2000:]
    chosen = []
    for path in sorted(script.parent.rglob("*.csl")):
        if path.resolve() not in files:
            continue
        chosen += [(path, *mutant) for mutant in mutants(path.read_text(), arch)]
    count = len(chosen)
    if not whole:
        chosen = random.Random(f"{name} {arch}").sample(chosen, min(SAMPLE, count))
    survivors = []
    for path, title, line, changed in chosen:
        original = path.read_text()
        path.write_text(changed)
        code, _, warnings = run_forked(script)
        path.write_text(original)
        if code == 0 and warnings == usual:
            survivors.append(f"{path.name}:{line}: {title}")
    found = len(chosen) - len(survivors)
    reasons = [pattern for program, pattern in EXPLAINED if program == name]
    unknown = [s for s in survivors if not any(re.match(r, s) for r in reasons)]
    TALLY.append((found, len(chosen), len(survivors) - len(unknown)))
    with capsys.disabled():
        tried = f"{len(chosen)} mutants" if whole else f"{len(chosen)} of the {count} mutants"
        print(f"\n{name} {arch}: {found} of {tried} found", *survivors, sep="\n  ")
    assert not whole or unknown == []


def test_the_kill_rate(capsys):
    if not TALLY:
        pytest.skip("no mutant ran")
    found, total, explained = map(sum, zip(*TALLY, strict=True))
    with capsys.disabled():
        print(
            f"\nkill rate: {found} of {total} mutants of {len(TALLY)} programs, {found / total:.1%}"
        )
        print(f"{explained} of the others change nothing that the program shows")
