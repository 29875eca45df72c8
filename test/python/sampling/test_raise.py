"""Raised programs give the tokens of the program that they came from."""

import dataclasses

import numpy as np
import pytest

import plait
from plait.sampling import reference
from plait.worker import run_tool


def raised(module, options=""):
    """``module`` after ``raise-to-sample`` and the import stage."""
    passes = f"--pass-pipeline=builtin.module(raise-to-sample{options},plait-import)"
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


# Filters, as people write them in torch and JAX.

K, P, BAND = 40, 0.9, 1e-5


def torch_top_k(torch, x):
    """TopKLogitsWarper of transformers."""
    return x.masked_fill(x < torch.topk(x, K)[0][..., -1, None], -float("inf"))


def torch_top_p(torch, x):
    """TopPLogitsWarper of transformers."""
    values, indices = torch.sort(x, descending=False)
    remove = values.softmax(dim=-1).cumsum(dim=-1) <= (1 - P)
    remove[..., -1:] = 0
    return x.masked_fill(remove.scatter(1, indices, remove), -float("inf"))


def torch_both(torch, x):
    """apply_top_k_top_p_pytorch of vLLM, k and p per row."""
    k, p = torch.full((len(x),), K), torch.full((len(x),), P)
    values, indices = x.sort(dim=-1, descending=False)
    least = values.gather(1, (values.size(1) - k.to(torch.long)).unsqueeze(dim=1))
    values = values.masked_fill(values < least, -float("inf"))
    mask = torch.cumsum(values.softmax(dim=-1), dim=-1) <= 1 - p.unsqueeze(dim=1)
    mask[:, -1] = False
    values = values.masked_fill(mask, -float("inf"))
    return values.scatter(dim=-1, index=indices, src=values)


def jax_top_k(jax, x):
    return jax.numpy.where(x < jax.lax.top_k(x, K)[0][..., -1:], -jax.numpy.inf, x)


def jax_sorted_top_k(jax, x):
    return jax.numpy.where(x >= jax.numpy.sort(x, -1)[:, -K][:, None], x, -jax.numpy.inf)


def jax_top_p(jax, x):
    """By the least logit that stays."""
    jnp = jax.numpy
    values = jnp.sort(x, -1)[..., ::-1]
    before = jnp.sum(jnp.cumsum(jax.nn.softmax(values, -1), -1) < P, -1, keepdims=True)
    return jnp.where(x < jnp.take_along_axis(values, before, -1), -jnp.inf, x)


FILTERS = {
    torch_top_k: ["top_k"], torch_top_p: ["top_p"], torch_both: ["top_k", "top_p"],
    jax_top_k: ["top_k"], jax_sorted_top_k: ["top_k"], jax_top_p: ["top_p"],
}  # fmt: skip


def specified(x, names, p):
    """The rows after the filters; k keeps ties, as comparing with the k-th does."""
    rows = [reference.top_k(row, K, True) if "top_k" in names else row for row in x]
    rows = [reference.top_p(row, p) if "top_p" in names else row for row in rows]
    return np.stack(rows)


def imported(program, x, framework):
    if framework.__name__ == "torch":
        return plait.from_torch(lambda x: program(framework, x), (framework.from_numpy(x),))
    return plait.from_jax(lambda x: program(framework, x), x)


@pytest.mark.parametrize("program", FILTERS, ids=lambda program: program.__name__)
def test_filters(program):
    framework = pytest.importorskip(program.__name__.split("_")[0])
    # Without ties: which of equal logits stays is a framework's own affair.
    x = np.random.default_rng(5).standard_normal((6, 500)).astype(np.float32) * 3
    module, names = imported(program, x, framework), FILTERS[program]
    found = raised(module)
    for name in names:
        assert found.text.count(f"sample.{name} ") == 1
    assert "scf." not in found.text and "math.exp" not in found.text
    ours = plait.compile(found)(x)
    np.testing.assert_array_equal(ours, specified(x, names, P))
    theirs = plait.compile(module)(x) > -np.inf
    sure, maybe = (specified(x, names, P + sign * BAND) > -np.inf for sign in (-1, 1))
    assert not (sure & ~theirs).any() and not (theirs & ~maybe).any()


@pytest.mark.parametrize("program", [torch_top_k, jax_top_k], ids=lambda p: p.__name__)
def test_ties_of_top_k_stay(program):
    framework = pytest.importorskip(program.__name__.split("_")[0])
    x = np.round(normal(5, 300))
    module = imported(program, x, framework)
    ours, theirs = plait.compile(raised(module))(x), plait.compile(module)(x)
    np.testing.assert_array_equal(ours, theirs)
    assert ((theirs > -np.inf).sum(1) > K).any()


def drawn_of_top_k(jax, key, x):
    values, indices = jax.lax.top_k(x, K)
    place = jax.random.categorical(key, values)
    return jax.numpy.take_along_axis(indices, place[:, None], -1)[:, 0]


def drawn_of_top_p(jax, key, x):
    """As google-tunix has it."""
    jnp = jax.numpy
    weights, indices = jax.lax.top_k(jax.nn.softmax(x, -1), x.shape[-1])
    weights = jnp.where(jnp.cumsum(weights, -1) - weights > P, 0.0, weights)
    weights /= jnp.sum(weights, -1, keepdims=True)
    place = jax.random.categorical(key, jnp.log(weights))
    return jnp.take_along_axis(indices, place[:, None], -1)[:, 0]


@pytest.mark.parametrize("program", [drawn_of_top_k, drawn_of_top_p], ids=lambda p: p.__name__)
def test_draws_from_sorted_rows(program):
    """One keyed draw of the row; JAX's noise is that of places in the sorted row."""
    jax = pytest.importorskip("jax")
    x, key = normal(6, 300), jax.random.PRNGKey(3)
    module = plait.from_jax(lambda key, x: program(jax, key, x), key, x)
    assert "sample.draw" not in raised(module).text
    drawn = raised(module, "{keep-bits=false}")
    assert drawn.text.count("sample.draw") == 1 and "scf." not in drawn.text
    ours = plait.compile(drawn)(np.asarray(key), x)
    for b, row in enumerate(x):
        top = program is drawn_of_top_k
        kept = reference.top_k(row, K) if top else reference.top_p(row, P)
        assert ours[b] == reference.draw(kept, reference.random(3, 0, b, 0)).token


def test_what_is_not_a_filter_stays():
    """A threshold that is not of this row, another mass, another constant."""
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    def other(x, y):
        top = jax.lax.top_k(x, K)[0]
        values = jnp.sort(x, -1)[..., ::-1]
        before = jnp.sum(jnp.cumsum(jax.nn.softmax(values * 2, -1), -1) < P, -1, keepdims=True)
        return (
            jnp.where(y < top[..., -1:], -jnp.inf, y),
            jnp.where(x > top[..., -1:], -jnp.inf, x),
            jnp.where(x < top[..., -1:], 0.0, x),
            jnp.where(x < jnp.take_along_axis(values, before, -1), -jnp.inf, x),
        )

    x, y = normal(2, 100), normal(2, 100) + 1
    module = plait.from_jax(other, x, y)
    assert "sample." not in raised(module).text
