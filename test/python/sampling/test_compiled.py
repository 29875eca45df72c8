"""Compiled sample ops equal the NumPy specification, bit for bit."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import plait
from plait.sampling import (
    NO_CANDIDATE,
    SAW_NAN,
    Sampler,
    SamplingParams,
    SimpleTokenSampler,
    reference,
)

LOGITS = "tensor<?x?xf32>"
PICK = "tensor<?xi32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>"
few = settings(max_examples=60, deadline=None, derandomize=True)


@functools.cache
def one_op(name, *kinds, attributes=""):
    """An executable of one op on any batch and vocabulary."""
    parameters = "".join(f", %{i}: tensor<{kind}>" for i, kind in enumerate(kinds))
    operands = "".join(f", %{i}" for i in range(len(kinds)))
    types = "".join(f", tensor<{kind}>" for kind in kinds)
    pick = name.split()[0] in ("draw", "greedy", "gumbel")
    result = PICK if pick else {"count": "tensor<?x?xi32>"}.get(name, LOGITS)
    result = "tensor<?xf32>" if name == "dynamic_temperature" else result
    values = "%y#0, %y#1, %y#2, %y#3" if pick else "%y"
    return plait.compile(
        f"""func.func @main(%x: {LOGITS}{parameters}) -> ({result}) {{
          %y{":4" * pick} = sample.{name} %x{operands} {attributes} : {LOGITS}{types}
          return {values} : {result}
        }}"""
    )


SPECIAL = [0.0, -0.0, 1.0, 1.0000001, -1.0, 88.0, 1e-45, -1e-45, 3e38, -3e38]
values = st.one_of(
    st.sampled_from([*SPECIAL, -np.inf, np.inf, np.nan]),
    st.integers(-3, 3).map(float),
    st.floats(-50, 50, width=32),
)


@st.composite
def logits(draw, rows=(0, 1, 5), columns=(1, 2, 7, 33)):
    shape = (draw(st.sampled_from(rows)), draw(st.sampled_from(columns)))
    # Rows from many values, from few (ties), and from one (all removed, all NaN).
    elements = draw(st.sampled_from([values, st.sampled_from([1.0, 2.0, -np.inf])]))
    if draw(st.integers(0, 9)) == 0:
        elements = st.just(draw(st.sampled_from([-np.inf, np.inf, np.nan, 0.0])))
    return draw(hnp.arrays(np.float32, shape, elements=elements.map(np.float32)))


def per_row(elements, dtype):
    return st.lists(elements, min_size=5, max_size=5).map(lambda v: np.array(v, dtype))


temperatures = per_row(
    st.sampled_from([0.0, -0.0, 1.0, 0.7, 1e-3, 1e-40, 3e38, np.inf, -1.0, np.nan]), np.float32
)
ks = per_row(st.sampled_from([-1, 0, 1, 2, 3, 6, 7, 8, 32, 33, 34, 2**31 - 1]), np.int32)
ps = per_row(
    st.sampled_from([-1.0, 0.0, 1e-45, 1e-9, 0.25, 0.5, 0.9, 0.99999994, 1.0, 2.0, np.nan])
    | st.floats(0, 1, width=32),
    np.float32,
)
words = per_row(st.sampled_from([0, 1, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1), np.uint64)


def same(ours, theirs):
    """Equal bits, where any NaN is any other, and zeros keep their signs."""
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(np.signbit(ours[ours == 0]), np.signbit(theirs[theirs == 0]))


def expected(function, x, *parameters):
    rows = [function(row, *(p[b] for p in parameters)) for b, row in enumerate(x)]
    return np.array(rows, np.float32).reshape(x.shape)


def expected_pick(function, x, *parameters):
    rows = [function(row, *(int(p[b]) for p in parameters)) for b, row in enumerate(x)]
    kinds = (np.int32, np.int32, np.float32, np.float32)
    columns = list(zip(*rows, strict=True)) or [[]] * 4
    return [np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]


def same_pick(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        same(mine, other)


@few
@given(logits(), temperatures)
def test_temperature(x, t):
    t = t[: len(x)]
    same(one_op("temperature", "?xf32")(x, t), expected(reference.temperature, x, t))


@few
@given(logits(), ks)
def test_top_k(x, k):
    k = k[: len(x)]
    same(one_op("top_k", "?xi32")(x, k), expected(reference.top_k, x, k))


@few
@given(logits(), ps)
def test_top_p(x, p):
    p = p[: len(x)]
    same(one_op("top_p", "?xf32")(x, p), expected(reference.top_p, x, p))


@few
@given(logits(), words)
def test_draw(x, bits):
    bits = bits[: len(x)]
    ours = one_op("draw", "?xi64")(x, bits.view(np.int64))
    same_pick(ours, expected_pick(reference.draw, x, bits))


@few
@given(logits())
def test_greedy(x):
    same_pick(one_op("greedy")(x), expected_pick(reference.greedy, x))


def test_weights_to_the_last_bit():
    """Two candidates, bits on both sides of the first prefix: the token tells the weight."""
    rng = np.random.default_rng(0)
    far = -rng.uniform(0, 31, 20_000).astype(np.float32)
    far[:10_000] = -np.abs(rng.standard_normal(10_000)).astype(np.float32)
    x = np.stack([np.zeros_like(far), far], axis=1)
    w = [reference.weights(row).tolist() for row in x]
    assert w[0][0] == 1 << 44
    # The least bits whose product with the total has 2**44 in its high half.
    least = [-(-(1 << 108) // sum(pair)) for pair in w]
    draw = one_op("draw", "?xi64")
    live = [pair[1] > 0 for pair in w]
    assert sum(live) > 19_000
    below, *_ = draw(x, np.array([u - 1 for u in least], np.uint64).view(np.int64))
    at, *_ = draw(x, np.array([min(u, 2**64 - 1) for u in least], np.uint64).view(np.int64))
    assert not below.any()
    assert at.tolist() == [int(one) for one in live]


@pytest.mark.parametrize(
    "row, p, survivors",
    [
        ([1, 1], 0.5, [0]),  # exactly one half is enough
        ([1, 1], np.nextafter(np.float32(0.5), np.float32(1)), [0, 1]),
        ([0, 0, -30.3], 0.5, [0, 1]),  # the total is odd: one half of it is no integer
        ([0, 0, 0], 1e-30, [0]),
        ([0, -1000], 1.0, [0, 1]),  # off, though the second weighs nothing
        ([0, -1000], np.nextafter(np.float32(1), np.float32(0)), [0]),
        ([0] * 8192, np.nextafter(np.float32(2.0**-12), np.float32(1)), [0, 1, 2]),
        ([0] * 8192, 2.0**-12, [0, 1]),
    ],
)
def test_top_p_boundaries(row, p, survivors):
    x, p = np.array([row], np.float32), np.array([p], np.float32)
    kept = one_op("top_p", "?xf32")(x, p)
    assert np.flatnonzero(kept[0] > -np.inf).tolist() == survivors
    same(kept, expected(reference.top_p, x, p))


@functools.cache
def random_op():
    ids = ", ".join(f"%{name}: tensor<?xi32>" for name in "abc")
    return plait.compile(
        f"""func.func @main(%s: tensor<?xi64>, {ids}) -> tensor<?xi64> {{
          %r = sample.random %s, %a, %b, %c : tensor<?xi64>, tensor<?xi32>
          return %r : tensor<?xi64>
        }}"""
    )


@few
@given(words, words, words, words)
def test_random(seed, session, sequence, position):
    ids = [part.astype(np.uint32) for part in (session, sequence, position)]
    ours = random_op()(seed.view(np.int64), *(part.view(np.int32) for part in ids))
    keys = zip(seed.tolist(), *(part.tolist() for part in ids), strict=True)
    assert ours.view(np.uint64).tolist() == [reference.random(*key) for key in keys]


def test_random_gives_the_published_words():
    ours = random_op()(np.array([0, -1]), *3 * [np.zeros(2, np.int32)])
    words = reference.philox([0] * 4, [0xFFFFFFFF] * 2)
    zero = 0xE169C58D6627E8D5  # Random123's vector for counter 0, key 0
    assert ours.view(np.uint64).tolist() == [zero, words[0] | words[1] << 32]


@functools.cache
def chain(top_k, top_p):
    params = SamplingParams(temperature=0.5, top_k=int(top_k), top_p=1 - top_p / 2)
    return plait.compile(Sampler(params, 2).module.text.replace("?x2xf32", "?x?xf32"))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(logits(), temperatures, ks, ps, words, st.booleans(), st.booleans())
def test_chains(x, t, k, p, seed, with_k, with_p):
    n = len(x)
    index = np.arange(n, dtype=np.int32)
    optional = [k[:n]] * with_k + [p[:n]] * with_p
    ours = chain(with_k, with_p)(
        x, t[:n], *optional, seed[:n].view(np.int64), index, index + 1, index + 2
    )

    def expect(row, b):
        y = reference.temperature(row, t[b])
        y = reference.top_k(y, k[b]) if with_k else y
        y = reference.top_p(y, p[b]) if with_p else y
        return reference.draw(y, reference.random(int(seed[b]), b, b + 1, b + 2))

    np.testing.assert_array_equal(ours, expected_pick(expect, x, index)[:2])


def test_order_is_the_chain_s():
    """top_p before top_k is another chain, with its own mass."""
    text = """func.func @main(%x: tensor<1x4xf32>, %k: tensor<1xi32>, %p: tensor<1xf32>)
        -> (tensor<1x4xf32>, tensor<1x4xf32>) {
      %0 = sample.top_k %x, %k : tensor<1x4xf32>, tensor<1xi32>
      %1 = sample.top_p %0, %p : tensor<1x4xf32>, tensor<1xf32>
      %2 = sample.top_p %x, %p : tensor<1x4xf32>, tensor<1xf32>
      %3 = sample.top_k %2, %k : tensor<1x4xf32>, tensor<1xi32>
      return %1, %3 : tensor<1x4xf32>, tensor<1x4xf32>
    }"""
    x = np.log(np.array([[0.4, 0.3, 0.2, 0.1]], np.float32))
    first, second = plait.compile(text)(x, np.array([2], np.int32), np.array([0.5], np.float32))
    assert (first > -np.inf).tolist() == [[True, False, False, False]]
    assert (second > -np.inf).tolist() == [[True, True, False, False]]


@functools.cache
def folded(processor, value, element):
    """A draw behind a processor with a constant, which becomes `sample.greedy`."""
    return plait.compile(
        f"""func.func @main(%x: tensor<5x?xf32>, %bits: tensor<5xi64>)
            -> (tensor<5xi32>, tensor<5xi32>) {{
          %c = arith.constant dense<{value}> : tensor<5x{element}>
          %y = sample.{processor} %x, %c : tensor<5x?xf32>, tensor<5x{element}>
          %t, %f, %lp, %m = sample.draw %y, %bits : tensor<5x?xf32>, tensor<5xi64>
          return %t, %f : tensor<5xi32>, tensor<5xi32>
        }}"""
    )


@few
@given(logits(rows=(5,)), words)
def test_folded_draws(x, bits):
    for name, value, element in (("temperature", 0.0, "f32"), ("top_k", 1, "i32")):
        y = expected(lambda row, name=name, v=value: getattr(reference, name)(row, v), x)
        ours = folded(name, value, element)(x, bits.view(np.int64))
        np.testing.assert_array_equal(ours, expected_pick(reference.draw, y, bits)[:2])


def normal(rows, vocab, seed=0):
    return (np.random.default_rng(seed).standard_normal((rows, vocab)) * 3).astype(np.float32)


def test_large_vocabulary():
    x = normal(3, 151936)
    x[1] = x[1].astype(np.float16)  # many ties
    x[2, 1000:] = -np.inf
    arguments = dict(temperature=0.8, top_p=0.95, seed=11)
    sampler = Sampler([SamplingParams(top_k=k, **arguments) for k in (0, 50, 2000)], 151936)
    theirs = SimpleTokenSampler.sample(x, top_k=[0, 50, 2000], **arguments)
    assert np.array_equal(sampler(x).tokens, theirs)


def test_categorical_over_a_large_vocabulary():
    x = normal(16, 32000, seed=2)
    for position in range(4):
        ours = Sampler(SamplingParams(seed=5), 32000)(x, position).tokens
        assert np.array_equal(ours, SimpleTokenSampler.sample(x, seed=5, position=position))


def test_vocabulary_of_one():
    x = np.array([[3], [-np.inf], [np.nan], [np.inf]], np.float32)
    tokens, flags, *_ = Sampler(SamplingParams(top_k=1, top_p=0.5), 1)(x)
    assert tokens.tolist() == [0, -1, -1, 0]
    assert flags.tolist() == [0, NO_CANDIDATE, SAW_NAN | NO_CANDIDATE, 0]


def test_temperature_zero_is_greedy():
    x = normal(5, 100)
    assert np.array_equal(Sampler(SamplingParams(temperature=0), 100)(x).tokens, x.argmax(1))


def test_torch_logits_give_torch_tokens():
    torch = pytest.importorskip("torch")
    x = normal(5, 100)
    tokens = Sampler(SamplingParams(seed=9), 100)(torch.from_numpy(x)).tokens
    assert tokens.dtype == torch.int32
    assert np.array_equal(tokens.numpy(), SimpleTokenSampler.sample(x, seed=9))


def test_a_vocabulary_has_limits():
    with pytest.raises(plait.ArgumentError, match="vocab: expects 1 to 1048575, got 0"):
        Sampler(SamplingParams(), 0)(np.zeros((1, 0), np.float32))


def test_a_dynamic_vocabulary_has_the_same_limit():
    one_op("greedy")(np.zeros((1, (1 << 20) - 1), np.float32))
    with pytest.raises(plait.PlaitError, match="expects a vocabulary below 1048576"):
        one_op("greedy")(np.zeros((1, 1 << 20), np.float32))


def test_committed_chain_is_what_the_front_makes(request):
    path = request.config.rootpath / "test/Frontends/sample-chain.mlir"
    body = [line for line in path.read_text().splitlines() if not line.startswith("//")]
    params = SamplingParams(temperature=0.8, top_k=50, top_p=0.9)
    assert "\n".join(body).strip() == Sampler(params, 49152, 4).module.text.strip()
