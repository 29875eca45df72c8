"""The fast road's tokens equal the NumPy specification's, bit for bit."""

import functools
import itertools

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from plait import runtime
from plait.compiler import build, run_stages
from plait.executable import unpack
from plait.module import Module
from plait.sampling import reference

few = settings(max_examples=25, deadline=None, derandomize=True)
TYPES = {"f32": np.float32, "bf16": ml_dtypes.bfloat16, "f16": np.float16}
FORMS = list(itertools.product((False, True), repeat=4))


def text(t, k, p, draw, element, more=()):
    """A chain with some of temperature, top-k, top-p, and a draw or the best candidate.

    ``more`` has "first" or "last" for a min-p before or behind top-p, "ties"
    for a top-k that keeps them, and "numbers" for all results of the pick.
    """
    if more:
        return longer_text(k, p, element, more)
    kinds = {"temperature": "f32", "top_k": "i32", "top_p": "f32"}
    arguments, lines, last = [f"%x: tensor<?x?x{element}>"], [], "%x"
    if element != "f32":
        lines.append(f"%wide = arith.extf %x : tensor<?x?x{element}> to tensor<?x?xf32>")
        last = "%wide"
    for (name, kind), used in zip(kinds.items(), (t, k, p), strict=True):
        if used:
            arguments.append(f"%p_{name}: tensor<?x{kind}>")
            types = f"tensor<?x?xf32>, tensor<?x{kind}>"
            lines.append(f"%{name} = sample.{name} {last}, %p_{name} : {types}")
            last = f"%{name}"
    pick = f"sample.greedy {last} : tensor<?x?xf32>"
    if draw:
        arguments.append("%bits: tensor<?xi64>")
        pick = f"sample.draw {last}, %bits : tensor<?x?xf32>, tensor<?xi64>"
    lines.append(f"%tokens, %flags, %logprobs, %margins = {pick}")
    lines.append("return %tokens, %flags : tensor<?xi32>, tensor<?xi32>")
    head = f"func.func @main({', '.join(arguments)}) -> (tensor<?xi32>, tensor<?xi32>)"
    return "\n".join([f"{head} {{", *lines, "}"])


def longer_text(k, p, element, more):
    """Temperature and a draw, with what is in ``more`` of :func:`text`."""
    wide, row = "tensor<?x?xf32>", "tensor<?xf32>"
    lines = [f"%0 = sample.temperature %wide, %t : {wide}, {row}"]
    if element == "f32":
        lines[0] = lines[0].replace("%wide", "%x")
    else:
        lines.insert(0, f"%wide = arith.extf %x : tensor<?x?x{element}> to {wide}")
    last = "%0"
    if k:
        ties = " {keep_ties}" if "ties" in more else ""
        lines.append(f"%1 = sample.top_k {last}, %k{ties} : {wide}, tensor<?xi32>")
        last = "%1"
    if "first" in more:
        lines.append(f"%2 = sample.min_p {last}, %m : {wide}, {row}")
        last = "%2"
    if p:
        lines.append(f"%3 = sample.top_p {last}, %p : {wide}, {row}")
        last = "%3"
    if "last" in more:
        lines.append(f"%4 = sample.min_p {last}, %m : {wide}, {row}")
        last = "%4"
    results = [("i32", "%y#0"), ("i32", "%y#1"), ("f32", "%y#2"), ("f32", "%y#3")]
    results = results if "numbers" in more else results[:2]
    types = ", ".join(f"tensor<?x{kind}>" for kind, _ in results)
    return f"""
      func.func @main(%x: tensor<?x?x{element}>, %t: {row}, %k: tensor<?xi32>, %p: {row},
                      %m: {row}, %bits: tensor<?xi64>) -> ({types}) {{
        {" ".join(lines)}
        %y:4 = sample.draw {last}, %bits : {wide}, tensor<?xi64>
        return {", ".join(name for _, name in results)} : {types}
      }}"""


@functools.cache
def executable(form, element, bits, more=()):
    """The chain through the fast road, with vectors of ``bits``."""
    module = Module(text(*form, element, more))
    pipelines = [
        "plait-import",
        "sample-fuse",
        f"convert-sample-to-vector{{vector-bits={bits}}}",
        "plait-target-cpu",
    ]
    lowered = run_stages(module.text.encode(), pipelines)
    assert b"sample." not in lowered
    return unpack(build(module, "cpu", lowered), [])


def expected(form, x, temperature, k, p, bits):
    picks = []
    for b, row in enumerate(x.astype(np.float32)):
        if form[0]:
            row = reference.temperature(row, temperature[b])
        if form[1]:
            row = reference.top_k(row, int(k[b]))
        if form[2]:
            row = reference.top_p(row, p[b])
        pick = reference.draw(row, int(bits[b])) if form[3] else reference.greedy(row)
        picks.append(pick[:2])
    return np.array(picks, np.int32).reshape(-1, 2).T


def check(form, x, parameters, bits=512, element="f32"):
    """``parameters``: temperature, k, p, bits, with a value per row or more."""
    rows = [np.ascontiguousarray(value[: len(x)]) for value in parameters]
    rows[3] = rows[3].view(np.int64)
    given = [value for value, used in zip(rows, form, strict=True) if used]
    got = executable(form, element, bits)(x, *given)
    want = expected(form, x, *parameters)
    np.testing.assert_array_equal(np.stack(got), want)


SPECIAL = [0.0, -0.0, 1.0, 1.0000001, -1.0, 88.0, 1e-45, -1e-45, 3e38, -3e38]
values = st.one_of(
    st.sampled_from([*SPECIAL, -np.inf, np.inf, np.nan]),
    st.integers(-3, 3).map(float),
    st.floats(-50, 50, width=32),
)


@st.composite
def logits(draw):
    # Around one group, several, and so many that a sample of the row decides.
    shape = draw(st.sampled_from([(0, 5), (5, 1), (3, 7), (4, 255), (2, 256), (3, 257), (2, 1100)]))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(hnp.arrays(np.float32, shape, elements=values.map(np.float32)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if kind == 1:  # ties
        return rng.choice(np.array([1, 2, -np.inf], np.float32), shape)
    x = (10.0 ** draw(st.integers(-44, 2)) * rng.standard_normal(shape)).astype(np.float32)
    if kind == 2 and x.size:
        x.flat[rng.integers(x.size, size=3)] = draw(st.sampled_from([-np.inf, np.inf, np.nan, 0]))
    return x


def per_row(elements, dtype):
    return st.lists(elements, min_size=5, max_size=5).map(lambda v: np.array(v, dtype))


parameters = st.tuples(
    per_row(
        st.sampled_from([0.0, -0.0, 1.0, 0.7, 1e-3, 1e-40, 3e38, np.inf, -1.0, np.nan]), np.float32
    ),
    per_row(st.sampled_from([-1, 0, 1, 2, 3, 6, 50, 256, 257, 1099, 2**31 - 1]), np.int32),
    per_row(
        st.sampled_from([-1.0, 0.0, 1e-45, 1e-9, 0.5, 0.9, 0.99999994, 1.0, 2.0, np.nan])
        | st.floats(0, 1, width=32),
        np.float32,
    ),
    per_row(st.sampled_from([0, 1, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1), np.uint64),
)


@pytest.mark.parametrize("form", FORMS)
@few
@given(logits(), parameters)
def test_every_chain_equals_the_specification(form, x, parameters):
    check(form, x, parameters)


@pytest.mark.parametrize("bits", [128, 256])
@few
@given(logits(), parameters)
def test_every_vector_width_gives_the_same_tokens(bits, x, parameters):
    check((True, True, True, True), x, parameters, bits)
    check((True, False, True, True), x, parameters, bits)


@pytest.mark.parametrize("element", ["bf16", "f16"])
@few
@given(logits(), parameters)
def test_16_bit_logits_are_widened(element, x, parameters):
    with np.errstate(over="ignore", under="ignore"):
        x = x.astype(TYPES[element])
    for form in ((True, True, True, True), (True, False, True, True), (False,) * 4):
        check(form, x, parameters, element=element)


MORE = [
    *itertools.product((False, True), (False, True), (("numbers",), ("first", "numbers"))),
    *itertools.product((False, True), (True,), (("last", "numbers"), ("last",))),
    (True, True, ("ties", "last", "numbers")),
    (True, False, ("ties", "first")),
]


def check_more(k, p, more, x, parameters, min_p, bits=512, element="f32"):
    t, ks, ps, random = (value[: len(x)] for value in parameters)
    code = executable((True, k, p, True), element, bits, more)
    got = code(x, t, ks, ps, min_p[: len(x)], random.view(np.int64))
    picks = []
    for b, row in enumerate(x.astype(np.float32)):
        row = reference.temperature(row, t[b])
        row = reference.top_k(row, int(ks[b]), "ties" in more) if k else row
        row = reference.min_p(row, min_p[b]) if "first" in more else row
        row = reference.top_p(row, ps[b]) if p else row
        row = reference.min_p(row, min_p[b]) if "last" in more else row
        picks.append(reference.draw(row, int(random[b])))
    for index, result in enumerate(got):
        want = np.array([pick[index] for pick in picks], result.dtype)
        np.testing.assert_array_equal(result.view(np.int32), want.view(np.int32))


shares = per_row(
    st.sampled_from([-1.0, 0.0, 1e-45, 1e-9, 0.02, 0.5, 0.99999994, 1.0, 3.0, np.nan]), np.float32
)


@pytest.mark.parametrize(("k", "p", "more"), MORE)
@few
@given(logits(), parameters, shares)
def test_min_p_ties_and_numbers_equal_the_specification(k, p, more, x, parameters, min_p):
    check_more(k, p, more, x, parameters, min_p)


@functools.cache
def editing(bits, attributes):
    """A bias, a ban, and penalties of two lists, through the fast road."""
    wide, row, ids = "tensor<?x?xf32>", "tensor<?xf32>", "tensor<?x?xi32>"
    text = f"""
      func.func @main(%x: {wide}, %ids: {ids}, %values: {wide}, %banned: {ids}, %r: {row},
                      %history: {ids}, %f: {row}, %p: {row}, %output: {ids}) -> {wide} {{
        %0 = sample.logit_bias %x, %ids, %values : {wide}, {ids}, {wide}
        %1 = sample.ban %0, %banned : {wide}, {ids}
        %h = sample.count %1, %history : {wide}, {ids}
        %2 = sample.repetition_penalty %1, %r, %h {attributes} : {wide}, {row}, {ids}
        %o = sample.count %2, %output : {wide}, {ids}
        %3 = sample.frequency_penalty %2, %f, %o : {wide}, {row}, {ids}
        %4 = sample.presence_penalty %3, %p, %o : {wide}, {row}, {ids}
        return %4 : {wide}
      }}"""
    module = Module(text)
    road = f"convert-sample-to-vector{{vector-bits={bits}}}"
    lowered = run_stages(text.encode(), ["plait-import", road, "plait-target-cpu"])
    return unpack(build(module, "cpu", lowered), [])


penalties = st.sampled_from([1.0, 0.0, 1.1, -0.5, 3e38, 1e-45, np.inf, np.nan])


@pytest.mark.parametrize("bits", [128, 512])
@pytest.mark.parametrize("attributes", ["", "{reciprocal}"])
@few
@given(logits(), st.integers(0, 2**32), st.lists(penalties, min_size=15, max_size=15))
# The second penalty makes a NaN, which the third one, out of its domain, leaves.
@example(np.ones((1, 8), np.float32), 0, [1e-45] * 5 + [3e38] * 5 + [np.inf] * 5)
def test_edits_of_listed_tokens_equal_the_specification(bits, attributes, x, seed, numbers):
    batch, vocab = x.shape
    rng = np.random.default_rng(seed)
    ids, banned, history, output = (
        rng.integers(-2, vocab + 2, (batch, size), dtype=np.int32) for size in (9, 2, 300, 40)
    )
    amounts = (3 * rng.standard_normal(ids.shape)).astype(np.float32)
    r, f, p = np.array(numbers, np.float32).reshape(3, 5)[:, :batch].copy()
    got = editing(bits, attributes)(x, ids, amounts, banned, r, history, f, p, output)
    for b, row in enumerate(x):
        row = reference.ban(reference.logit_bias(row, ids[b], amounts[b]), banned[b])
        seen = reference.count(history[b], vocab)
        row = reference.repetition_penalty(row, r[b], seen, reciprocal=bool(attributes))
        counts = reference.count(output[b], vocab)
        row = reference.frequency_penalty(row, f[b], counts)
        row = reference.presence_penalty(row, p[b], counts)
        np.testing.assert_array_equal(got[b], row)
        np.testing.assert_array_equal(np.signbit(got[b]), np.signbit(row))


WIDE, ROW, NUMBER, LIST = "tensor<?x?xf32>", "tensor<?xf32>", "tensor<?xi32>", "tensor<?x?xi32>"
PICK = f"{NUMBER}, {NUMBER}, {ROW}, {ROW}"
#: The operands of edits behind the logits; what is "counts" counts a list. What
#: follows an op's name says how it is used.
EDITS = {
    "bitmask": {"words": LIST},
    "allow": {"allowed": LIST},
    "ban": {"banned": LIST},
    "logit_bias": {"ids": LIST, "amounts": WIDE},
    "repetition_penalty": {"r": ROW, "history": "counts"},
    "frequency_penalty": {"f": ROW, "output": "counts"},
    "presence_penalty": {"p": ROW, "output": "counts"},
    "repetition_penalty-both": {"r": ROW, "output": "counts", "history": "counts"},
    "repetition_penalty-table": {"r": ROW, "seen": LIST},
    "repetition_penalty-tables": {"r": ROW, "outputs": LIST, "seen": LIST},
    "frequency_penalty-table": {"f": ROW, "outputs": LIST},
    "presence_penalty-table": {"p": ROW, "outputs": LIST},
    "no_repeat_ngram": {"history": LIST, "n": NUMBER},
    "dry": {
        "history": LIST,
        "breakers": LIST,
        "multiplier": ROW,
        "base": ROW,
        "length": NUMBER,
    },
}
#: Processors that a kernel takes in behind edits, and picks.
FILTERS = {
    "temperature": {"t": ROW},
    "top_k": {"k": NUMBER},
    "top_p": {"top": ROW},
    "min_p": {"least": ROW},
}
PICKS = {"greedy": {}, "draw": {"bits": "tensor<?xi64>"}}
OPERANDS = {**EDITS, **FILTERS, **PICKS}


@functools.cache
def fused(names, element, bits, numbers):
    """A chain, all of which is one kernel, and the names of what it takes.

    Without ``bits`` it goes the reference road.
    """
    kinds, lines, last = {}, [], "%x"
    if element != "f32":
        lines.append(f"%wide = arith.extf %x : tensor<?x?x{element}> to {WIDE}")
        last = "%wide"
    for i, name in enumerate(names):
        uses, types = [last], [WIDE]
        for operand, kind in OPERANDS[name].items():
            kinds[operand] = LIST if kind == "counts" else kind
            uses.append(f"%{operand}")
            if kind == "counts":
                uses[-1] = f"%counts{i}_{operand}"
                lines.append(f"{uses[-1]} = sample.count {last}, %{operand} : {WIDE}, {LIST}")
            types.append(kinds[operand])
        result, made = ("%y:4", f"({PICK})") if name in PICKS else (f"%{i}", WIDE)
        op, arguments = name.split("-")[0], ", ".join(uses)
        lines.append(f'{result} = "sample.{op}"({arguments}) : ({", ".join(types)}) -> {made}')
        last = f"%{i}"
    results = [NUMBER, NUMBER, ROW, ROW][: 4 if numbers else 2]
    parameters = [f"%x: tensor<?x?x{element}>", *(f"%{n}: {kind}" for n, kind in kinds.items())]
    body = "\n".join(lines)
    module = Module(f"""
      func.func @main({", ".join(parameters)}) -> ({", ".join(results)}) {{
        {body}
        return {", ".join(f"%y#{i}" for i in range(len(results)))} : {", ".join(results)}
      }}""")
    taken = run_stages(module.text.encode(), ["plait-import", "sample-fuse"])
    assert taken.count(b"sample.fused") == 1
    before = taken[: taken.index(b"sample.fused")]
    assert b"sample." not in before and b"arith.extf" not in before
    road = f"convert-sample-to-vector{{vector-bits={bits}}}" if bits else "convert-sample-to-linalg"
    lowered = run_stages(taken, [road, "plait-target-cpu"])
    return unpack(build(module, "cpu", lowered), []), tuple(kinds)


def picked(names, row, values):
    """The pick of a chain from one row, by the specification."""
    for name in names:
        given = []
        for operand, kind in OPERANDS[name].items():
            value = values[operand]
            if kind == "counts":
                value = reference.count(value, row.size)
            given.append(int(value) if kind in (NUMBER, PICKS["draw"]["bits"]) else value)
        row = getattr(reference, name.split("-")[0])(row, *given)
    return row


def check_fused(
    names, x, values, element="f32", bits=512, numbers=True, compiled=fused, picked=picked
):
    code, operands = compiled(tuple(names), element, bits, numbers)
    given = [np.ascontiguousarray(values[operand][: len(x)]) for operand in operands]
    got = code(x, *(v.view(np.int64) if v.dtype == np.uint64 else v for v in given))
    with np.errstate(all="ignore"):
        picks = [
            picked(names, row, {name: value[b] for name, value in values.items()})
            for b, row in enumerate(x.astype(np.float32))
        ]
    for index, result in enumerate(got):
        want = np.array([pick[index] for pick in picks], result.dtype)
        np.testing.assert_array_equal(result.view(np.int32), want.view(np.int32), str(index))


@st.composite
def operands(draw, vocab, rows=5):
    """Values of all operands."""
    t, k, top, random = draw(parameters)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def ids(size, spread=None):
        return rng.integers(-2, (spread or vocab) + 2, (rows, size), dtype=np.int32)

    # Few tokens repeat; and there may be padding.
    history = ids(draw(st.sampled_from([0, 1, 9, 120])), draw(st.sampled_from([1, 2, 5, vocab])))
    history[rng.random(rows) < 0.2, -3:] = -1
    allowed = ids(draw(st.sampled_from([1, 40])))
    allowed[rng.random(rows) < 0.3] = -1
    ids_of_bias = ids(9)
    special = np.array([0, 1, -1, np.inf, -np.inf, np.nan, 3e38], np.float32)
    amounts = (3 * rng.standard_normal(ids_of_bias.shape)).astype(np.float32)
    if draw(st.booleans()):
        amounts = rng.choice(special, amounts.shape)
    number = per_row(penalties, np.float32)
    share = draw(st.sampled_from([0, 0.003, 0.5]))

    def table():
        counts = rng.choice(np.array([-1, 1, 2, 10**5, 2**31 - 1], np.int32), (rows, vocab))
        return np.where(rng.random((rows, vocab)) < share, counts, 0).astype(np.int32)

    return {
        "outputs": table(),
        "seen": table(),
        "words": rng.integers(-(2**31), 2**31, (rows, -(-vocab // 32))).astype(np.int32)
        | rng.choice(np.array([0, 0, -1], np.int32), (rows, 1)),
        "allowed": allowed,
        "banned": ids(3),
        "ids": ids_of_bias,
        "amounts": amounts,
        "r": draw(number),
        "f": draw(number),
        "p": draw(number),
        "history": history,
        "output": ids(40),
        "n": rng.integers(-1, 5, rows).astype(np.int32),
        "breakers": ids(2, 4),
        "multiplier": draw(number),
        "base": draw(per_row(st.sampled_from([1.75, 1.0, 0.5, 3e38, np.inf, np.nan]), np.float32)),
        "length": rng.integers(-1, 4, rows).astype(np.int32),
        "t": t,
        "k": k,
        "top": top,
        "least": draw(shares),
        "bits": random,
    }


ENDS = {
    "plait": ["temperature", "draw"],
    "plait-bf16": ["temperature", "top_k", "top_p", "draw"],
    "transformers": ["temperature", "top_p", "min_p", "draw"],
    "sglang": ["temperature", "greedy"],
    "penalties": ["temperature", "top_k", "min_p", "draw"],
    "grammar": ["temperature", "top_p", "draw"],
    "list": ["greedy"],
    "lists": ["temperature", "top_k", "draw"],
    "tables": ["temperature", "top_p", "draw"],
    "table": ["temperature", "top_k", "top_p", "draw"],
}
PENALTIES = ["repetition_penalty", "frequency_penalty", "presence_penalty"]
STARTS = {
    "plait": [name for name in EDITS if "-" not in name],
    "plait-bf16": [name for name in EDITS if "-" not in name],
    "transformers": ["logit_bias", "repetition_penalty", "no_repeat_ngram", "ban", "allow"],
    "sglang": [*PENALTIES[1:], "ban", PENALTIES[0], "bitmask", "logit_bias"],
    "penalties": [*PENALTIES, "dry"],
    "grammar": ["bitmask"],
    "list": ["allow", "bitmask"],
    "lists": ["repetition_penalty-both", "presence_penalty", "frequency_penalty-table"],
    "tables": [
        "ban", "repetition_penalty-tables", "frequency_penalty-table", "presence_penalty-table",
        "bitmask", "logit_bias", "repetition_penalty-both", "presence_penalty",
    ],
    "table": ["repetition_penalty-table", "frequency_penalty-table"],
}  # fmt: skip
#: Element types, vectors, and whether there are numbers.
HOW = {
    "plait": ("f32", 512, True),
    "plait-bf16": ("bf16", 512, False),
    "transformers": ("f16", 256, False),
    "sglang": ("f32", 128, True),
    "penalties": ("bf16", 512, True),
    "grammar": ("f32", 512, False),
    "list": ("bf16", 128, False),
    "lists": ("f16", 512, True),
    "tables": ("f32", 128, False),
    "table": ("bf16", 512, True),
}
#: Chains of edits, filters and a pick, in the orders of presets.
FUSED = {name: ((*STARTS[name], *ENDS[name]), *HOW[name]) for name in HOW}


@pytest.mark.parametrize("name", FUSED)
@few
@given(st.data())
def test_edits_in_a_kernel_equal_the_specification(name, data):
    names, element, bits, numbers = FUSED[name]
    x = data.draw(logits())
    values = data.draw(operands(x.shape[1]))
    with np.errstate(over="ignore", under="ignore"):
        x = x.astype(TYPES[element])
    check_fused(names, x, values, element, bits, numbers)


BEST = [("greedy",), ("temperature", "greedy"), ("top_k", "top_p", "greedy"), ("top_p", "greedy")]


@few
@given(st.data())
def test_the_reference_road_of_a_kernel_with_edits(data):
    x = data.draw(logits())
    check_fused(FUSED["plait"][0], x, data.draw(operands(x.shape[1])), bits=0)


@pytest.mark.parametrize("names", BEST, ids="-".join)
@few
@given(st.data())
def test_numbers_of_the_best_equal_the_specification(names, data):
    x = data.draw(logits())
    check_fused(names, x, data.draw(operands(x.shape[1])))


LARGE = {
    "normal": lambda rng, size: 3 * rng.standard_normal(size),
    "peaked": lambda rng, size: 12 * rng.standard_normal(size),
    "equal": lambda rng, size: np.ones(size),
    "rising": lambda rng, size: np.linspace(-9, 9, size),
    "falling": lambda rng, size: np.linspace(9, -9, size),
    "tied": lambda rng, size: np.round(2 * rng.standard_normal(size)),
    "denormal": lambda rng, size: 1e-40 * rng.standard_normal(size),
    "one": lambda rng, size: np.where(np.arange(size) == size // 3, 80.0, -80.0),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_whole_vocabulary(kind):
    rng = np.random.default_rng(7)
    x = np.stack([LARGE[kind](rng, 151936) for _ in range(4)]).astype(np.float32)
    parameters = (
        np.array([0.8, 1.0, 1.3, 0.2], np.float32),
        np.array([50, 1, 5000, 0], np.int32),
        np.array([0.9, 0.5, 0.999, 0.01], np.float32),
        rng.integers(0, 2**64, 4, dtype=np.uint64),
    )
    for form in ((True, True, True, True), (True, False, True, True), (True, False, False, True)):
        check(form, x, parameters)
    min_p = np.array([0.02, 1e-5, 0.5, 0.001], np.float32)
    for k, p, more in ((False, True, ("last", "numbers")), (False, False, ("numbers",))):
        check_more(k, p, more, x, parameters, min_p)
    check_more(False, True, ("first",), x, parameters, min_p)
    edited = some_operands(rng, x.shape)
    for names, element, bits, numbers in FUSED.values():
        if kind in ("normal", "tied"):
            check_fused(names, x.astype(TYPES[element]), edited, element, bits, numbers)
    for names in BEST:
        check_fused(names, x, edited)


def some_operands(rng, shape):
    """Values of all operands, as users have them."""
    rows, vocab = shape
    history = rng.integers(0, vocab, (rows, 300), dtype=np.int32)
    history[:, 200:] = history[:, :100]
    columns = {
        "r": 1.1, "f": 0.2, "p": 0.1, "n": 3, "multiplier": 0.8, "base": 1.75, "length": 2,
        "t": 0.8, "k": 50, "top": 0.9, "least": 0.01,
    }  # fmt: skip
    counts = np.where(rng.random((2, *shape)) < 0.003, rng.integers(1, 5, (2, *shape)), 0)
    return {
        "outputs": counts[0].astype(np.int32),
        "seen": counts[1].astype(np.int32),
        "words": rng.integers(-(2**31), 2**31, (rows, -(-vocab // 32))).astype(np.int32),
        "allowed": rng.integers(0, vocab, (rows, vocab // 3), dtype=np.int32),
        "banned": rng.integers(0, vocab, (rows, 100), dtype=np.int32),
        "ids": rng.integers(0, vocab, (rows, 100), dtype=np.int32),
        "amounts": rng.standard_normal((rows, 100)).astype(np.float32),
        "history": history,
        "output": history[:, 100:].copy(),
        "breakers": history[:, :2].copy(),
        "bits": rng.integers(0, 2**64, rows, dtype=np.uint64),
        **{
            name: np.full(rows, value, np.int32 if isinstance(value, int) else np.float32)
            for name, value in columns.items()
        },
    }


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_neither_threads_nor_batches_change_a_token(threads):
    rng = np.random.default_rng(8)
    x = (3 * rng.standard_normal((6, 40000))).astype(np.float32)
    x[2, 39999] = np.nan
    parameters = (
        np.full(6, 0.8, np.float32),
        np.array([50, 0, 50, 0, 0, 7], np.int32),
        np.array([0.9, 0.9, 1, 1, 0.5, 0.1], np.float32),
        rng.integers(0, 2**64, 6, dtype=np.uint64),
    )
    edited = some_operands(rng, x.shape)
    before = runtime.get_num_threads()
    runtime.set_num_threads(threads)
    try:
        for form in ((True, True, True, True), (True, False, True, True), (False,) * 4):
            check(form, x, parameters)
            for first in range(6):
                check(form, x[first : first + 1], [value[first:] for value in parameters])
        for names, *_ in (FUSED["plait"], FUSED["sglang"], FUSED["grammar"], FUSED["tables"]):
            check_fused(names, x, edited)
            for first in range(6):
                one = {name: value[first:] for name, value in edited.items()}
                check_fused(names, x[first : first + 1], one)
    finally:
        runtime.set_num_threads(before)
