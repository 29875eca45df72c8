"""docs/Ops-jax.md says what is so: cases in a few batches, refusals one by one.

`PLAIT_JAX_OPS=all` checks every case; without it, a tenth of them.
"""

import os

import pytest

import plait

pytest.importorskip("jax")

from jax_ops import PAGE, cases, compare

BATCHES = 3


@pytest.fixture(scope="module")
def page():
    """The cases' names and what the page says of them."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return dict(line.strip("| ").replace("`", "", 2).split(" | ", 1) for line in lines)


def test_page_lists_every_case(page):
    assert list(page) == list(cases())
    assert {said.split(":")[0] for said in page.values()} == {"equal", "refused"}


@pytest.mark.parametrize("batch", range(BATCHES))
def test_equal(page, batch):
    chosen = [case for name, case in cases().items() if page[name] == "equal"]
    chosen = chosen[batch :: BATCHES if os.environ.get("PLAIT_JAX_OPS") == "all" else 30]
    functions, arguments = zip(*chosen, strict=True)

    def together(*arguments):
        return [f(*args) for f, args in zip(functions, arguments, strict=True)]

    compare(together, arguments)


def test_refused(page):
    for name, (function, args) in cases().items():
        if page[name].startswith("refused: "):
            with pytest.raises(plait.FrontendError) as error:
                plait.from_jax(function, *args)
            assert page[name].removeprefix("refused: ") in str(error.value), name
