"""The sampler inside JAX programs equals the NumPy specification, bit for bit."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plait
from plait.sampling import ProductionSampler, SimpleTokenSampler

jax = pytest.importorskip("jax")
jnp = jax.numpy

few = settings(max_examples=40, deadline=None, derandomize=True)
ROWS = 16
SPECIAL = np.array(
    [0, -0.0, 1, 1.0000001, -1, 88, 1e-45, -1e-45, 1e-39, 3e38, -3e38, -np.inf, np.inf, np.nan],
    np.float32,
)


@pytest.fixture(params=[False, True], ids=["x32", "x64"])
def x64(request):
    with jax.enable_x64(request.param):
        yield request.param


def batch(seed, vocab):
    """Random rows with special values, parameters with edge cases, and keys."""
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal((ROWS, vocab)) * 3).astype(np.float32)
    special = rng.random(x.shape) < rng.choice([0, 0.3, 1])
    x[special] = rng.choice(SPECIAL, special.sum())
    t = rng.choice(np.array([0, -0.0, 1, 0.7, 1e-3, 1e-40, 3e38, 1.3], np.float32), ROWS)
    k = rng.choice([-1, 0, 1, 2, 3, 33, 64, 2**31 - 1], ROWS).astype(np.int32)
    p = rng.choice(np.array([-1, 0, 1e-45, 1e-9, 0.25, 0.9, 0.99999994, 1, 2], np.float32), ROWS)
    ids = [rng.integers(0, 2**32, ROWS, dtype=np.uint32) for _ in range(3)]
    key = dict(zip(("position", "session_id", "sequence_id"), ids, strict=True))
    seed = rng.integers(0, 2**64, ROWS, dtype=np.uint64)
    return x, dict(temperature=t, top_k=k, top_p=p, seed=seed, **key)


@few
@given(st.integers(0, 2**32), st.booleans())
def test_equals_the_specification(seed, filtered):
    x, more = batch(seed, 33)
    if not filtered:
        more["top_k"] = more["top_p"] = None
    ours = ProductionSampler().sample_simple(x, **more)
    assert ours.dtype == jnp.int32
    np.testing.assert_array_equal(ours, SimpleTokenSampler.sample(x, **more))


@pytest.mark.parametrize("leave", [False, True], ids=["default", "enable_x64"])
def test_inside_jit(x64, leave):
    """Everything traced: seeds as constants, as two words, and as uint64 where there is one."""
    x, more = batch(1, 257)
    seed = more.pop("seed")
    high, low = (seed >> np.uint64(32)).astype(np.uint32), seed.astype(np.uint32)
    sampler = ProductionSampler(enable_x64=leave)
    draw = jax.jit(lambda x, seed, more: sampler.sample_simple(x, seed=seed, **more))
    expected = SimpleTokenSampler.sample(x, seed=seed, **more)
    np.testing.assert_array_equal(draw(x, (high, low), more), expected)
    constant = jax.jit(lambda x, more: sampler.sample_simple(x, seed=seed, **more))
    np.testing.assert_array_equal(constant(x, more), expected)
    if x64 and leave:
        np.testing.assert_array_equal(draw(x, seed, more), expected)


def test_constants_inside_jit():
    """XLA multiplies by the reciprocal of a constant unless it is kept from it."""
    x, _ = batch(5, 300)
    draw = jax.jit(lambda x: ProductionSampler().sample_simple(x, 0.7, 2**63 + 1, 9, 40, 0.9))
    np.testing.assert_array_equal(draw(x), SimpleTokenSampler.sample(x, 0.7, 2**63 + 1, 9, 40, 0.9))


def test_inside_a_loop_and_vmap():
    x, _ = batch(6, 50)
    sampler = ProductionSampler()

    def step(position, _):
        return position + 1, sampler.sample_simple(x, position=position)

    _, tokens = jax.lax.scan(step, jnp.uint32(0), length=4)
    expected = [SimpleTokenSampler.sample(x, position=at) for at in range(4)]
    np.testing.assert_array_equal(tokens, expected)

    one = jax.vmap(lambda row, i: sampler.sample_simple(row, sequence_id=i))
    rows = one(x, np.arange(ROWS, dtype=np.uint32))
    np.testing.assert_array_equal(rows, SimpleTokenSampler.sample(x))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    x = jnp.asarray(batch(7, 64)[0], dtype)
    x = x.at[0, :4].set(jnp.asarray([6e-8, -6e-8, 1e-40, 0], dtype))
    wide = np.asarray(x).astype(np.float32)
    ours = ProductionSampler().sample_simple(x, 0.7, top_p=0.9)
    np.testing.assert_array_equal(ours, SimpleTokenSampler.sample(wide, 0.7, top_p=0.9))


def test_what_a_program_cannot_raise():
    x = np.zeros((3, 4), np.float32)
    draw = jax.jit(lambda t, i: ProductionSampler().sample_simple(x, t, sequence_id=i))
    t = np.array([1, -1, np.nan], np.float32)
    assert [v >= 0 for v in draw(t, np.arange(3)).tolist()] == [True, False, False]
    ones = np.ones(3, np.float32)
    assert [v >= 0 for v in draw(ones, np.array([5, 6, 5])).tolist()] == [False, True, False]
    assert [v >= 0 for v in draw(ones, 5).tolist()] == [False] * 3
    at = jax.jit(lambda i, at: ProductionSampler().sample_simple(x, position=at, sequence_id=i))
    assert [v >= 0 for v in at(5, np.arange(3)).tolist()] == [False] * 3
    assert [v >= 0 for v in at(np.full(3, 5), np.arange(3)).tolist()] == [True] * 3


@pytest.mark.parametrize(
    "x, more, message",
    [
        (np.zeros((2, 3)), {}, "logits: expects float32, float16, bfloat16, got float64"),
        (np.zeros((1, 2, 3), np.float32), {}, "logits: expects shape"),
        (np.zeros((2, 3), np.float32), {"sequence_id": 1}, "one sequence per row"),
        (np.zeros((2, 3), np.float32), {"temperature": -1}, "temperature"),
        (np.zeros((2, 3), np.float32), {"top_k": [1, 2, 3]}, "top_k: expects a scalar"),
        (np.zeros((2, 3), np.float32), {"seed": 2**64}, "seed: expects 0 to"),
    ],
)
def test_wrong_arguments(x, more, message):
    context = jax.enable_x64(True) if x.dtype == np.float64 else contextlib.nullcontext()
    with context, pytest.raises(plait.errors.ArgumentError, match=message):
        ProductionSampler().sample_simple(x, **more)


def test_traced_uint64_needs_leave():
    with jax.enable_x64(True), pytest.raises(plait.errors.ArgumentError, match="enable_x64=True"):
        jax.jit(lambda s: ProductionSampler().sample_simple(np.zeros((1, 2), np.float32), seed=s))(
            np.uint64(1)
        )


def test_x64_needs_jax_s():
    draw = ProductionSampler(enable_x64=True).sample_simple
    with pytest.raises(plait.errors.ArgumentError, match="expects jax_enable_x64"):
        jax.jit(lambda seed: draw(np.zeros((1, 2), np.float32), seed=seed))(np.uint64(1))


def test_empty():
    assert ProductionSampler().sample_simple(np.zeros((0, 5), np.float32)).shape == (0,)
    assert int(ProductionSampler().sample_simple(np.zeros(1, np.float32))) == 0
