"""Sampling on 1 and 32 rows, against torch, transformers and JAX.

The peers draw from random streams of their own, so tokens cannot be equal:
Plait's tokens are compared with its NumPy specification, and must be among
the candidates that a peer keeps.
"""

import jax
import numpy as np
import torch
import transformers
from measure import Case, Peer

from plait.sampling import KeyedSampler, SimpleTokenSampler

T, K, P = 0.8, 50, 0.9


def by_topk(logits):
    """torch: top-k first, so that only k values are sorted and summed."""
    values, indices = torch.topk(logits / T, K)
    probabilities = torch.softmax(values, -1)
    before = probabilities.cumsum(-1) - probabilities
    return torch.where(before < P, probabilities, 0), indices


def by_sort(logits):
    """torch: the whole row is sorted."""
    values, indices = torch.sort(logits / T, descending=True)
    values[:, K:] = -torch.inf
    probabilities = torch.softmax(values, -1)
    before = probabilities.cumsum(-1) - probabilities
    return torch.where(before < P, probabilities, 0), indices


WARPERS = transformers.LogitsProcessorList(
    [
        transformers.TemperatureLogitsWarper(T),
        transformers.TopKLogitsWarper(K),
        transformers.TopPLogitsWarper(P),
    ]
)


def by_warpers(logits):
    probabilities = torch.softmax(WARPERS(None, logits), -1)
    return probabilities, torch.arange(logits.shape[-1]).expand_as(logits)


def _filtered(name, logits, kept):
    """A peer that draws from what ``kept`` keeps."""

    def call():
        probabilities, indices = kept(logits)
        return indices.gather(-1, torch.multinomial(probabilities, 1))[:, 0]

    def check(mine, _):
        probabilities, indices = kept(logits)
        mine = torch.from_numpy(mine)[:, None]
        inside = ((indices == mine) & (probabilities > 0)).any(-1)
        assert inside.all(), f"{int((~inside).sum())} tokens were not kept"
        return "tokens kept"

    return Peer(name, call, check)


def _specification(logits, key):
    def check(mine, theirs):
        assert np.array_equal(mine, theirs), "tokens differ"
        return "bit for bit"

    return Peer("numpy spec", lambda: SimpleTokenSampler.sample(logits, **key), check)


def _in_range(mine, theirs):
    assert np.shape(mine) == np.shape(theirs)
    return "other stream"


def chain(batch, logits, sampler):
    key = dict(temperature=T, top_k=K, top_p=P, seed=1, position=np.arange(batch))
    tensor = torch.from_numpy(logits)
    peers = [Peer("plait", lambda: sampler(logits, **key)), _specification(logits, key)]
    roads = [("torch topk", by_topk), ("torch sort", by_sort), ("transformers", by_warpers)]
    peers += [_filtered(name, tensor, kept) for name, kept in roads]
    return Case(f"T k p, {batch}x{logits.shape[1]}", peers, bytes=logits.nbytes)


def categorical(batch, logits, sampler):
    key = dict(temperature=T, seed=1, position=np.arange(batch))
    tensor, placed = torch.from_numpy(logits), jax.device_put(logits)
    draw = jax.jit(lambda key, logits: jax.random.categorical(key, logits / T))
    random = jax.random.key(1)

    def in_torch():
        return torch.multinomial(torch.softmax(tensor / T, -1), 1)[:, 0]

    peers = [
        Peer("plait", lambda: sampler(logits, **key)),
        _specification(logits, key),
        Peer("torch multinomial", in_torch, _in_range),
        Peer("jax categorical", lambda: draw(random, placed).block_until_ready(), _in_range),
    ]
    return Case(f"categorical, {batch}x{logits.shape[1]}", peers, bytes=logits.nbytes)


def cases(prefix):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    for make in (chain, categorical):
        if not make.__name__.startswith(prefix):
            continue
        for vocab in (32000, 151936):
            sampler = KeyedSampler(vocab)
            for batch in (1, 32):
                logits = 3 * rng.standard_normal((batch, vocab), np.float32)
                yield make(batch, logits, sampler)
