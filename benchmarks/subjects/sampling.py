"""Sampling on 1, 32 and 256 rows of three vocabularies, in f32 and bf16.

The peers draw from random streams of their own, so tokens cannot be equal:
Plait's tokens are compared with its NumPy specification on one row, and must
be among the candidates that a peer keeps, but for bf16, where the peers round
probabilities to bf16.
"""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import torch
import transformers
from measure import Case, Peer

import plait
from plait.sampling import reference

T, K, P = 0.8, 50, 0.9
BATCHES, VOCABULARIES = (1, 32, 256), (32000, 128256, 151936)

#: What a case's chain has: temperature, top-k, top-p, a draw.
CHAINS = {
    "greedy": (False, False, False, False),
    "categorical": (True, False, False, True),
    "topk": (True, True, False, True),
    "topp": (True, False, True, True),
    "topk-topp": (True, True, True, True),
}


def compiled(form, element):
    """Plait's code for a chain, on any batch and vocabulary."""
    places = (
        ("temperature", "temperature", "f32"),
        ("top_k", "k", "i32"),
        ("top_p", "p", "f32"),
        ("draw", "bits", "i64"),
    )
    used = [place for place, there in zip(places, form, strict=True) if there]
    arguments = "".join(f", %{name}: tensor<?x{kind}>" for _, name, kind in used)
    operands = " ".join(f"{word}(%{name} : tensor<?x{kind}>)" for word, name, kind in used)
    logits = f"tensor<?x?x{element}>"
    return plait.compile(f"""
        func.func @main(%x: {logits}{arguments}) -> (tensor<?xi32>, tensor<?xi32>) {{
          %tokens, %flags = sample.fused %x {operands} : {logits}
          return %tokens, %flags : tensor<?xi32>, tensor<?xi32>
        }}""")


def specified(form, row, bits):
    """The token of the NumPy specification."""
    if form[0]:
        row = reference.temperature(row, T)
    if form[1]:
        row = reference.top_k(row, K)
    if form[2]:
        row = reference.top_p(row, P)
    return (reference.draw(row, bits) if form[3] else reference.greedy(row))[0]


# What a peer keeps: probabilities, and the tokens that they are of.


def topk(logits, form):
    """torch.topk first, so that only k values are sorted and summed."""
    values, indices = torch.topk(logits / T, K)
    probabilities = torch.softmax(values, -1)
    if form[2]:
        before = probabilities.cumsum(-1) - probabilities
        probabilities = torch.where(before < P, probabilities, 0)
    return probabilities, indices


def sorted_logits(logits, form):
    """vLLM's torch road: logits sorted upwards, masked, and put back."""
    values, indices = (logits / T).sort(dim=-1, descending=False)
    if form[1]:
        values.masked_fill_(values < values[:, -K, None], -torch.inf)
    if form[2]:
        mask = values.softmax(-1).cumsum(-1) <= 1 - P
        mask[:, -1] = False
        values.masked_fill_(mask, -torch.inf)
    kept = values.scatter(-1, indices, values).softmax(-1)
    return kept, torch.arange(kept.shape[-1]).expand_as(kept)


def sorted_probabilities(logits, form):
    """SGLang's torch road: probabilities sorted downwards, and drawn from so."""
    values, indices = torch.softmax(logits / T, -1).sort(dim=-1, descending=True)
    before = values.cumsum(-1) - values
    if form[1]:
        values[:, K:] = 0
    if form[2]:
        values[before > P] = 0
    return values, indices


def warped(logits, form):
    """The chain of transformers."""
    warpers = [transformers.TemperatureLogitsWarper(T)]
    warpers += [transformers.TopKLogitsWarper(K)] if form[1] else []
    warpers += [transformers.TopPLogitsWarper(P)] if form[2] else []
    kept = torch.softmax(transformers.LogitsProcessorList(warpers)(None, logits), -1)
    return kept, torch.arange(kept.shape[-1]).expand_as(kept)


def drawing(name, logits, form, kept):
    """A peer that draws from what ``kept`` keeps."""

    def call():
        probabilities, indices = kept(logits, form)
        return indices.gather(-1, torch.multinomial(probabilities, 1))[:, 0]

    def check(mine, _):
        if logits.dtype != torch.float32:
            return "other stream"
        probabilities, indices = kept(logits, form)
        mine = torch.from_numpy(mine)[:, None]
        outside = ~((indices == mine) & (probabilities > 0)).any(-1)
        # The first token behind the mass is a matter of rounding.
        assert outside.float().mean() <= 0.02, f"{int(outside.sum())} tokens were not kept"
        return f"tokens kept but {int(outside.sum())}" if outside.any() else "tokens kept"

    return Peer(name, call, check)


def equal(mine, theirs):
    assert np.array_equal(mine, np.asarray(theirs)), "tokens differ"
    return "equal tokens"


def in_range(mine, theirs):
    assert np.shape(mine) == np.shape(theirs)
    return "other stream"


def peers_of(name, form, logits):
    tensor = torch.from_numpy(logits.astype(np.float32))
    if logits.dtype != np.float32:
        tensor = tensor.bfloat16()
    placed = jax.device_put(jnp.asarray(logits))
    if name == "greedy":
        best = jax.jit(lambda logits: jnp.argmax(logits, -1))
        yield Peer("torch argmax", lambda: tensor.argmax(-1).numpy(), equal)
        yield Peer("jax argmax", lambda: best(placed).block_until_ready(), equal)
    elif name == "categorical":
        draw = jax.jit(lambda key, logits: jax.random.categorical(key, logits / T))
        random = jax.random.key(1)
        yield Peer(
            "torch multinomial",
            lambda: torch.multinomial(torch.softmax(tensor / T, -1), 1)[:, 0],
            in_range,
        )
        yield Peer("jax categorical", lambda: draw(random, placed).block_until_ready(), in_range)
    else:
        if form[1]:
            yield drawing("torch topk", tensor, form, topk)
        yield drawing("sort as vLLM", tensor, form, sorted_logits)
        yield drawing("sort as SGLang", tensor, form, sorted_probabilities)
        yield drawing("transformers", tensor, form, warped)


def case(name, element, batch, vocab, code):
    form = CHAINS[name]
    rng = np.random.default_rng(0)
    logits = 3 * rng.standard_normal((batch, vocab), np.float32)
    if element == "bf16":
        logits = logits.astype(ml_dtypes.bfloat16)
    bits = rng.integers(0, 2**64, batch, dtype=np.uint64)
    operands = (
        np.full(batch, T, np.float32),
        np.full(batch, K, np.int32),
        np.full(batch, P, np.float32),
        bits.view(np.int64),
    )
    operands = [operand for operand, there in zip(operands, form, strict=True) if there]

    def call():
        return code(logits, *operands)[0]

    want = specified(form, logits[0].astype(np.float32), int(bits[0]))
    assert call()[0] == want, "differs from the specification"
    peers = [Peer("plait", call), *peers_of(name, form, logits)]
    title = f"{name} {element}, {batch}x{vocab}"
    return Case(title, peers, bytes=logits.nbytes, percentiles=True)


def cases(prefix):
    """``prefix`` is the start of a chain, or of that, an element type and a batch."""
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    for name, form in CHAINS.items():
        for element in ("f32", "bf16"):
            code = None
            for batch in BATCHES:
                for vocab in VOCABULARIES:
                    if f"{name} {element}, {batch}x{vocab}".startswith(prefix):
                        code = code or compiled(form, element)
                        yield case(name, element, batch, vocab, code)
