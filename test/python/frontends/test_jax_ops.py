"""docs/Ops-jax.md says what is so: cases in a few batches, refusals one by one.

`-m full` checks every case; without it, a tenth of them.
"""

import pytest

import plait

pytest.importorskip("jax")

import jax_types
from jax_ops import PAGE, cases, compare

full = pytest.mark.full
#: Where to start, and how far apart, the cases that are compiled together.
BATCHES = [(0, 10), *(pytest.param(k, 4, marks=full) for k in range(4))]


@pytest.fixture(scope="module")
def page():
    """The cases' names and what the page says of them; and so by element type."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    rows = [line.strip("| ").replace("`", "", 2).split(" | ") for line in lines]
    by_type = {name: said for name, *said in rows if len(said) == len(jax_types.TYPES)}
    return {name: said[0] for name, *said in rows if len(said) == 1}, by_type


def test_page_lists_every_case(page):
    assert list(page[0]) == list(cases())
    assert {said.split(":")[0] for said in page[0].values()} == {"equal", "refused"}


@pytest.mark.parametrize("start, step", BATCHES)
def test_equal(page, start, step):
    chosen = [case for name, case in cases().items() if page[0][name] == "equal"][start::step]
    functions, arguments = zip(*chosen, strict=True)

    def together(*arguments):
        return [f(*args) for f, args in zip(functions, arguments, strict=True)]

    compare(together, arguments)


def test_refused(page):
    for name, (function, args) in cases().items():
        if page[0][name].startswith("refused: "):
            with pytest.raises(plait.FrontendError) as error:
                plait.from_jax(function, *args)
            assert page[0][name].removeprefix("refused: ") in str(error.value), name


@pytest.mark.parametrize("dtype", jax_types.TYPES)
@pytest.mark.parametrize("start, step", BATCHES)
def test_equal_by_type(page, dtype, start, step):
    column = jax_types.TYPES.index(dtype)
    found = jax_types.cases(dtype)
    said = {name: cells[column] for name, cells in page[1].items() if cells[column] != "-"}
    assert said.keys() == found.keys() and set(said.values()) == {"equal"}
    chosen = dict(list(found.items())[start::step])
    assert not jax_types.wrong(chosen)
