"""Random chains of all processors, in any order, become one kernel, bit for bit."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_vector_code import (
    EDITS,
    LIST,
    NUMBER,
    OPERANDS,
    PICK,
    ROW,
    TYPES,
    WIDE,
    check_fused,
    logits,
    operands,
    per_row,
    shares,
    some_operands,
)

from plait import runtime
from plait.compiler import build, run_stages
from plait.executable import unpack
from plait.module import Module
from plait.sampling import reference

LONG = "tensor<?xi64>"
KEY = {"seed": LONG, "session": NUMBER, "sequence": NUMBER, "position": NUMBER}
GENERATORS = ["philox", "murmur3_vllm", "murmur3_sglang", "jax_threefry"]
#: The operands of processors behind the logits; "full" are those after the last
#: temperature, "start" the first ones. What follows a name says how it is used.
PROCESSORS = {
    **{name: value for name, value in OPERANDS.items() if name not in ("greedy", "draw")},
    "repetition_penalty-beside": {"r": ROW, "output": "counts", "seen": LIST},
    "top_k-keep_ties": {"k": NUMBER},
    "top_p-keep_ties": {"top": ROW},
    "top_p-full": {"top": ROW, "full": "full"},
    "top_p-start": {"top": ROW, "start": "start"},
    "top_p-given": {"top": ROW, "given": WIDE},
    "typical_p": {"typical": ROW},
    "top_n_sigma": {"sigma": ROW},
    "xtc": {"chance": ROW, "threshold": ROW, "lane": LONG},
    "epsilon": {"e": ROW},
    "eta": {"h": ROW},
    "dynamic_temperature": {"low": ROW, "high": ROW, "exponent": ROW},
}
PICKS = {
    "greedy": {},
    "draw": {"bits": LONG},
    **{f"gumbel-{generator}": KEY for generator in GENERATORS},
    **{f"gumbel-{name}-by_place": KEY | {"by_place": NUMBER} for name in GENERATORS[2:]},
}
ALL = {**PROCESSORS, **PICKS}
ATTRIBUTES = {"keep_ties"}


def text(names, element, numbers):
    """A chain as a module, and what it takes behind the logits."""
    kinds, lines, last = {}, [], "%x"
    if element != "f32":
        lines.append(f"%wide = arith.extf %x : tensor<?x?x{element}> to {WIDE}")
        last = "%wide"
    start = full = last
    for i, name in enumerate(names):
        op, _, how = name.partition("-")
        uses, types = [last], [WIDE]
        for operand, kind in ALL[name].items():
            if kind in ("full", "start"):
                uses.append(full if kind == "full" else start)
                types.append(WIDE)
                continue
            kinds[operand] = LIST if kind == "counts" else kind
            uses.append(f"%{operand}")
            if kind == "counts":
                uses[-1] = f"%counts{i}_{operand}"
                lines.append(f"{uses[-1]} = sample.count {last}, %{operand} : {WIDE}, {LIST}")
            types.append(kinds[operand])
        result, made = f"%{i}", WIDE
        if name in PICKS:
            result, made = "%y:4", f"({PICK})"
        if op == "dynamic_temperature":
            result, made = f"%t{i}", ROW
        attributes = ""
        if how in ATTRIBUTES:
            attributes = f" <{{{how}}}>"
        call = f'"sample.{op}"({", ".join(uses)}){attributes} : ({", ".join(types)}) -> {made}'
        if op == "gumbel":
            generator, _, place = how.partition("-")
            # The place is an operand of its own.
            call = f"sample.gumbel {generator} {', '.join(uses)} : {', '.join(types)}"
            call = call.replace(f", %{place} ", f" {place} %{place} ") if place else call
        lines.append(f"{result} = {call}")
        if op == "dynamic_temperature":
            lines.append(f"%{i} = sample.temperature {last}, %t{i} : {WIDE}, {ROW}")
        last = f"%{i}"
        if "temperature" in op:
            full = last
    results = [NUMBER, NUMBER, ROW, ROW][: 4 if numbers else 2]
    parameters = [f"%x: tensor<?x?x{element}>", *(f"%{n}: {kind}" for n, kind in kinds.items())]
    body = "\n".join(lines)
    return (
        f"""
      func.func @main({", ".join(parameters)}) -> ({", ".join(results)}) {{
        {body}
        return {", ".join(f"%y#{i}" for i in range(len(results)))} : {", ".join(results)}
      }}""",
        tuple(kinds),
    )


@functools.lru_cache(200)
def fused(names, element="f32", bits=512, numbers=True):
    """A chain, all of which is one op, compiled; without ``bits`` by the reference road."""
    source, kinds = text(names, element, numbers)
    module = Module(source)
    taken = run_stages(module.text.encode(), ["plait-import", "sample-fuse"])
    assert taken.count(b"sample.fused") == 1
    head, _, _ = taken.partition(b"sample.fused")
    # Counts beside a table are one, of which the logits give the shape.
    if "repetition_penalty-beside" in names:
        head = head.replace(b"sample.count", b"").replace(b"arith.extf", b"")
    assert b"sample." not in head and b"arith.extf" not in head
    road = f"convert-sample-to-vector{{vector-bits={bits}}}" if bits else "convert-sample-to-linalg"
    rest = ["convert-sample-to-linalg", "convert-elementwise-to-linalg", "plait-target-cpu"]
    lowered = run_stages(taken, [road, *rest])
    assert b"sample." not in lowered
    return unpack(build(module, "cpu", lowered), []), kinds


def picked(names, row, values):
    """The pick of a chain from one row, by the specification."""
    start = full = row
    for name in names:
        op, _, how = name.partition("-")
        given = []
        for operand, kind in ALL[name].items():
            if kind in ("full", "start"):
                given.append(full if kind == "full" else start)
                continue
            value = values[operand]
            if kind == "counts":
                value = reference.count(value, row.size)
            given.append(int(value) if kind in (NUMBER, LONG) else value)
        if op == "gumbel":
            how, _, place = how.partition("-")
            by_place = bool(given.pop()) if place else False
            given[1:] = [*(value & 0xFFFFFFFF for value in given[1:]), how, by_place]
        attributes = {how: True} if how in ATTRIBUTES else {}
        after = getattr(reference, op)(row, *given, **attributes)
        if op == "dynamic_temperature":
            after = reference.temperature(row, after)
        row = after
        if "temperature" in op:
            full = row
    return row


check = functools.partial(check_fused, compiled=fused, picked=picked)

fractions = per_row(
    st.sampled_from([-1.0, 0.0, 1e-30, 1e-5, 0.02, 0.1, 0.5, 0.9, 1.0, 2.0, np.nan])
    | st.floats(0, 1, width=32),
    np.float32,
)
words = per_row(st.sampled_from([0, 1, -1, 2**31 - 1]) | st.integers(0, 2**31 - 1), np.int32)
longs = per_row(st.sampled_from([0, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1), np.uint64)
temperatures = per_row(
    st.sampled_from([0.0, -1.0, 0.5, 1.0, 3.0, 1e-40, np.inf, np.nan]), np.float32
)


@st.composite
def values(draw, vocab):
    """Values of all operands."""
    special = np.array([0, 1, -np.inf, np.inf, np.nan, 5], np.float32)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    given = rng.standard_normal((5, vocab)).astype(np.float32)
    if draw(st.booleans()):
        given = rng.choice(special, given.shape)
    return draw(operands(vocab)) | {
        "given": given,
        "typical": draw(fractions),
        "sigma": draw(per_row(st.sampled_from([-1, 0, 0.5, 1, 3, np.inf, np.nan]), np.float32)),
        "chance": draw(per_row(st.sampled_from([0, 0.5, 1, 2, np.nan]), np.float32)),
        "threshold": draw(fractions),
        "lane": draw(longs),
        "e": draw(fractions),
        "h": draw(shares),
        "low": draw(temperatures),
        "high": draw(temperatures),
        "exponent": draw(per_row(st.sampled_from([1, 0, -1, 2.5, np.inf, np.nan]), np.float32)),
        "seed": draw(longs),
        "session": draw(words),
        "sequence": draw(words),
        "position": draw(words),
        "by_place": draw(per_row(st.sampled_from([0, 1, -1]), np.int32)),
    }


#: What is no edit. What other tests have alone, and variants, are for the full tests.
ALONE = [
    pytest.param(name, marks=[pytest.mark.full] * ("-" in name or name in OPERANDS))
    for name in PROCESSORS
    if name not in EDITS
]
few = settings(max_examples=8, deadline=None, derandomize=True)


@pytest.mark.parametrize("pick", PICKS)
@few
@given(st.data())
def test_a_pick_of_a_row_or_of_a_list(pick, data):
    """A top-p of 1 or more leaves the row."""
    x = data.draw(logits())
    given = data.draw(values(x.shape[1]))
    if "by_place" in pick:
        check((pick,), x, given, bits=0)
    check(("temperature", "top_p", pick), x, given, numbers=False)


@pytest.mark.full
@pytest.mark.parametrize("pick", PICKS)
@few
@given(st.data())
def test_a_pick_alone(pick, data):
    x = data.draw(logits())
    check((pick,), x, data.draw(values(x.shape[1])))


@pytest.mark.parametrize("name", ALONE)
@few
@given(st.data())
def test_a_processor_of_a_row(name, data):
    x = data.draw(logits())
    check((name, "draw"), x, data.draw(values(x.shape[1])))


def check_random_chain(seed):
    @few
    @given(st.data())
    def run(data):
        x = data.draw(logits())
        with np.errstate(over="ignore", under="ignore"):
            x = x.astype(TYPES[element])
        check(chain, x, data.draw(values(x.shape[1])), element, bits, numbers)

    rng = np.random.default_rng(seed)
    # Half of them have a list before the rest.
    start = ["top_k"] * rng.integers(2)
    chain = [*start, *rng.choice(sorted(PROCESSORS), rng.integers(2, 8))]
    chain = tuple(str(name) for name in (*chain, rng.choice(sorted(PICKS))))
    element = str(rng.choice(sorted(TYPES)))
    bits, numbers = (int(rng.choice([128, 256, 512])), bool(rng.integers(2)))
    run()


@pytest.mark.parametrize("seed", range(4))
def test_random_chains(seed):
    check_random_chain(seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(4, 108))
def test_more_random_chains(seed):
    check_random_chain(seed)


def more_operands(rng, shape):
    """Values of all operands, as users have them."""
    rows, _ = shape
    columns = {
        "typical": 0.9, "sigma": 1.5, "chance": 0.7, "threshold": 0.05, "e": 3e-4, "h": 1e-3,
        "low": 0.5, "high": 1.5, "exponent": 1.0, "session": 3, "position": 9,
    }  # fmt: skip
    return some_operands(rng, shape) | {
        "given": rng.standard_normal(shape).astype(np.float32),
        "lane": rng.integers(0, 2**64, rows, dtype=np.uint64),
        "seed": rng.integers(0, 2**64, rows, dtype=np.uint64),
        "sequence": np.arange(rows, dtype=np.int32),
        "by_place": (np.arange(rows) % 4 != 2).astype(np.int32),
        **{
            name: np.full(rows, value, np.int32 if isinstance(value, int) else np.float32)
            for name, value in columns.items()
        },
    }


#: Chains as engines have them.
ENGINES = {
    "vllm": ("temperature", "min_p", "top_k", "top_p", "gumbel-murmur3_vllm"),
    "vllm-all": ("temperature", "gumbel-murmur3_vllm"),
    "sglang": ("temperature", "top_k", "top_p-full", "min_p", "gumbel-murmur3_sglang-by_place"),
    "sglang-all": ("temperature", "gumbel-murmur3_sglang-by_place"),
    "llamacpp": ("top_k", "typical_p", "top_p", "min_p", "xtc", "dynamic_temperature", "draw"),
    "transformers": ("temperature", "top_k-keep_ties", "typical_p", "epsilon", "eta", "draw"),
    "plait": ("ban", "top_n_sigma", "dynamic_temperature", "top_k", "top_p", "typical_p", "draw"),
    "jax": ("gumbel-jax_threefry",),
    "whole": ("typical_p", "eta", "xtc", "draw"),
    "beside": ("top_k", "presence_penalty", "repetition_penalty-beside", "greedy"),
}


@pytest.mark.parametrize("name", ENGINES)
def test_chains_of_engines_on_a_whole_vocabulary(name):
    rng = np.random.default_rng(5)
    x = (3 * rng.standard_normal((4, 32000))).astype(np.float32)
    x[1] = np.round(x[1])
    x[2] *= 4
    x[3] = np.linspace(-9, 9, x.shape[1])
    check(ENGINES[name], x, more_operands(rng, x.shape))


@pytest.mark.parametrize("chain", [("top_k", "top_p-full", "draw"), ("top_p", "draw")])
def test_a_mass_that_ends_at_or_just_behind_a_token(chain):
    """Estimates cannot tell which; the draws are at the end of what is kept."""
    shares = np.array([1, 10, 49, 50], np.float32) / 1024
    shares = np.concatenate([shares, np.nextafter(shares, 0), np.nextafter(shares, 1)])
    x = np.ones((len(shares), 1024), np.float32)
    values = {
        "k": np.full(len(shares), 50, np.int32),
        "top": shares,
        "bits": np.full(len(shares), 2**64 - 1, np.uint64),
    }
    check(chain, x, values)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_neither_threads_nor_batches_change_a_token(threads):
    rng = np.random.default_rng(6)
    x = (3 * rng.standard_normal((4, 20000))).astype(np.float32)
    x[1] = np.round(x[1])
    values = more_operands(rng, x.shape)
    before = runtime.get_num_threads()
    runtime.set_num_threads(threads)
    try:
        for name in ("whole", "llamacpp", "vllm-all", "sglang", "sglang-all"):
            for first, last in ((0, 4), (0, 1), (1, 4)):
                part = {key: value[first:last] for key, value in values.items()}
                check(ENGINES[name], x[first:last], part)
    finally:
        runtime.set_num_threads(before)
