"""GPT-2 in flax nnx: prefill and greedy decode with a KV cache, against JAX.

A small one runs always; ``-m full`` runs the 124 million parameters of the paper, seeded.
"""

import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

import plait

jax = pytest.importorskip("jax")
nnx = pytest.importorskip("flax.nnx")
jnp = jax.numpy


class Size(NamedTuple):
    vocabulary: int = 211
    width: int = 48
    heads: int = 3
    layers: int = 2
    context: int = 24


GPT2_124M = Size(50257, 768, 12, 12, 128)


class Block(nnx.Module):
    def __init__(self, size, rngs):
        self.heads, width = size.heads, size.width
        self.norm1 = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.norm2 = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.qkv = nnx.Linear(width, 3 * width, rngs=rngs)
        self.project = nnx.Linear(width, width, rngs=rngs)
        self.up = nnx.Linear(width, 4 * width, rngs=rngs)
        self.down = nnx.Linear(4 * width, width, rngs=rngs)

    def __call__(self, x, cache, start):
        batch, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]
        cache = {
            name: jax.lax.dynamic_update_slice(cache[name], new, (0, start, 0, 0))
            for name, new in (("k", k), ("v", v))
        }
        seen = jnp.arange(cache["k"].shape[1]) <= start + jnp.arange(length)[:, None]
        y = jax.nn.dot_product_attention(q, cache["k"], cache["v"], mask=seen[None, None])
        x = x + self.project(y.reshape(x.shape))
        return x + self.down(nnx.gelu(self.up(self.norm2(x)))), cache


class GPT2(nnx.Module):
    def __init__(self, size, rngs):
        self.size = size
        self.tokens = nnx.Embed(size.vocabulary, size.width, rngs=rngs)
        self.positions = nnx.Embed(size.context, size.width, rngs=rngs)
        self.blocks = nnx.List([Block(size, rngs) for _ in range(size.layers)])
        self.norm = nnx.LayerNorm(size.width, epsilon=1e-5, rngs=rngs)

    def __call__(self, tokens, caches, start):
        """Logits of the last position, and the caches with these tokens in them."""
        x = self.tokens(tokens) + self.positions(start + jnp.arange(tokens.shape[1]))
        new = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, cache = block(x, cache, start)
            new.append(cache)
        return self.tokens.attend(self.norm(x[:, -1])), new


@pytest.fixture(scope="module")
def model():
    return GPT2(Size(), nnx.Rngs(0))


def _empty_caches(size):
    shape = (2, size.context, size.heads, size.width // size.heads)
    return [{"k": jnp.zeros(shape), "v": jnp.zeros(shape)} for _ in range(size.layers)]


def _generate(size, prefill, step, prompt, count):
    """Greedy tokens and their logits."""
    logits, caches = prefill(prompt, _empty_caches(size), np.int32(0))
    tokens, history = [], []
    for position in range(prompt.shape[1], prompt.shape[1] + count):
        history.append(np.asarray(logits))
        tokens.append(jnp.argmax(logits, -1))
        logits, caches = step(tokens[-1][:, None], caches, np.int32(position))
    return np.asarray(tokens), np.asarray(history)


def _by_command(executable, args, folder):
    """What `plait run` gives for a package of it, as leaves; every call is a process."""
    folder.mkdir(exist_ok=True)
    package = folder / "model.plait"
    if not package.exists():
        executable.save(package)
    command = [sys.executable, "-m", "plait.cli", "run", str(package)]
    for index, leaf in enumerate(jax.tree.leaves(args)):
        np.save(folder / f"{index}.npy", leaf)
        command += ["-i", str(folder / f"{index}.npy")]
    output = folder / "out.npz"
    subprocess.run([*command, "-o", str(output)], check=True, capture_output=True)
    with np.load(output) as out:
        return list(out.values())


@pytest.mark.parametrize("size", [Size(), pytest.param(GPT2_124M, marks=pytest.mark.full)])
def test_prefill_and_decode(size, tmp_path):
    model = GPT2(size, nnx.Rngs(0))
    prompt = jax.random.randint(jax.random.key(0), (2, 5), 0, size.vocabulary)

    def forward(tokens, caches, start):
        return model(tokens, caches, start)

    start, caches = np.int32(0), _empty_caches(size)
    prefill = plait.compile(plait.from_jax(forward, prompt, caches, start))
    step = plait.compile(plait.from_jax(forward, prompt[:, :1], caches, start))
    jitted = jax.jit(forward)
    want_tokens, want = _generate(size, jitted, jitted, prompt, 12)
    got_tokens, got = _generate(size, prefill, step, prompt, 12)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(got_tokens, want_tokens)

    def command(executable):
        def call(*args):
            leaves = _by_command(executable, args, tmp_path / str(args[0].shape[1]))
            return jax.tree.unflatten(jax.tree.structure(jax.eval_shape(forward, *args)), leaves)

        return call

    run_tokens, run = _generate(size, command(prefill), command(step), prompt, 3)
    np.testing.assert_array_equal(run_tokens, got_tokens[:3])
    np.testing.assert_array_equal(run, got[:3])


def test_training_step_and_command(model, tmp_path):
    """The gradient of all parameters, and the same through a package and `plait run`."""
    graph, state = nnx.split(model)
    parameters = nnx.to_pure_dict(state)
    prompt = jnp.asarray([[5, 77, 210, 3, 9], [1, 2, 3, 4, 5]], jnp.int32)

    def loss(parameters, tokens):
        nnx.replace_by_pure_dict(state, parameters)
        logits, _ = nnx.merge(graph, state)(tokens, _empty_caches(model.size), 0)
        return -jnp.mean(jax.nn.log_softmax(logits)[:, 7])

    def train(parameters, tokens):
        value, slope = jax.value_and_grad(loss)(parameters, tokens)
        return jax.tree.map(lambda p, s: p - 0.1 * s, parameters, slope), value

    want = jax.jit(train)(parameters, prompt)
    executable = plait.compile(plait.from_jax(train, parameters, prompt))
    got = executable(parameters, prompt)
    assert jax.tree.structure(got) == jax.tree.structure(want)
    jax.tree.map(lambda g, w: np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5), got, want)

    for result, leaf in zip(
        _by_command(executable, (parameters, prompt), tmp_path), jax.tree.leaves(got), strict=True
    ):
        np.testing.assert_array_equal(result, leaf)
