"""The official examples under adversity: other orders of tasks, slower hops, queues one word deep.

Runs when ``PLAIT_CSL_EXAMPLES`` names a checkout, and prints a table of what holds. A program
that does not hold is either wrong in the model or counts on an order that the language does not
promise; ``RACES`` names the latter.
"""

import pytest
from example_tools import ROOT, copy, run_forked, scripts, warm
from test_examples import missing, name_of

CONFIGURATIONS = {
    "seed 1": {"PLAIT_CSL_SEED": "1"},
    "seed 2": {"PLAIT_CSL_SEED": "2"},
    "depth 1": {"PLAIT_CSL_DEPTH": "1"},
    "seed 3, depth 1": {"PLAIT_CSL_SEED": "3", "PLAIT_CSL_DEPTH": "1"},
}
# docs/cslsim.md says what they count on: the first overwrites what it has not forwarded yet, the
# second needs local tasks that are ready in the order of their ids.
RACES = {"game-of-life", "spmv-hypersparse"}
pytestmark = pytest.mark.skipif(not ROOT, reason="PLAIT_CSL_EXAMPLES is not set")


def passing():
    known = missing()
    return [s for s in scripts() if (s.parent.name, s.stem[-4:]) not in known]


@pytest.mark.parametrize("script", passing(), ids=name_of)
def test_example_under_adversity(script, tmp_path, capsys):
    name = script.parent.name
    script = copy(script, tmp_path)
    warm(script)
    results = {title: run_forked(script, **env) for title, env in CONFIGURATIONS.items()}
    with capsys.disabled():
        holds = ", ".join(f"{title}: {'yes' if not r[0] else 'no'}" for title, r in results.items())
        print(f"\n{name} {script.stem[-4:]}: {holds}")
    if name in RACES:
        return
    for title, (code, text, _) in results.items():
        assert code == 0, f"{title}: {text[-2000:]}"
