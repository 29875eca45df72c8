"""Raised programs give the tokens of the program that they came from."""

import dataclasses

import numpy as np
import pytest

import plait
from plait.sampling import reference
from plait.worker import run_tool


def raised(module, options=""):
    """``module`` after ``raise-to-sample``."""
    passes = f"--pass-pipeline=builtin.module(raise-to-sample{options})"
    text = run_tool("plait-opt", [passes], module.text.encode()).decode()
    return dataclasses.replace(module, text=text)


def normal(rows, vocab):
    x = np.random.default_rng(vocab).standard_normal((rows, vocab)) * 3
    return x.astype(np.float16).astype(np.float32)  # with ties


def test_argmax_of_jax():
    jnp = pytest.importorskip("jax.numpy")
    x = normal(7, 50)
    module = raised(plait.from_jax(lambda x: jnp.argmax(x, -1), x))
    assert "sample.greedy" in module.text
    np.testing.assert_array_equal(plait.compile(module)(x), x.argmax(1))


@pytest.mark.parametrize("rows, vocab", [(1, 5), (16, 300)])
def test_categorical_of_jax_keeps_its_bits(rows, vocab):
    jax = pytest.importorskip("jax")
    x = normal(rows, vocab)
    module = plait.from_jax(jax.random.categorical, jax.random.PRNGKey(0), x)
    kept = raised(module)
    assert "sample.gumbel" in kept.text
    executable = plait.compile(kept)
    for seed in (1, 123456789):
        key = np.asarray(jax.random.PRNGKey(seed))
        high, low = (int(word) for word in key)
        picks = [
            reference.gumbel(row, high << 32 | low, 0, b, 0, "jax_threefry")
            for b, row in enumerate(x)
        ]
        ours = executable(key, x)
        np.testing.assert_array_equal(ours, [pick.token for pick in picks])
        # JAX's f32 scores can differ where ours are this close.
        sure = np.array([pick.margin > 1e-5 for pick in picks])
        theirs = np.asarray(jax.random.categorical(jax.random.PRNGKey(seed), x))
        assert sure.any()
        np.testing.assert_array_equal(ours[sure], theirs[sure])

    drawn = raised(module, "{keep-bits=false}")
    assert "sample.draw" in drawn.text
    ours = plait.compile(drawn)(key, x)
    random = [reference.random(high << 32 | low, 0, b, 0) for b in range(rows)]
    theirs = [reference.draw(row, bits).token for row, bits in zip(x, random, strict=True)]
    np.testing.assert_array_equal(ours, theirs)


def test_another_noise_is_not_taken_for_jax_s():
    jax = pytest.importorskip("jax")
    x = normal(3, 20)

    def noisy(key, x):
        return jax.numpy.argmax(x + jax.random.uniform(key, x.shape), -1)

    module = raised(plait.from_jax(noisy, jax.random.PRNGKey(0), x))
    assert "sample.gumbel" not in module.text
    assert "sample.greedy" in module.text
