"""Dense layers, against torch eager, NumPy and jax.jit."""

import jax
import jax.numpy as jnp
import numpy as np
import torch
from measure import Case, Peer

import plait


def _peers(threads, model, arrays, in_numpy=None, in_jax=None):
    """Plait's code for a torch model, the model itself, and other roads."""
    tensors = tuple(torch.from_numpy(array) for array in arrays)
    compiled = plait.compile(plait.from_torch(model, tensors))

    @torch.no_grad()
    def eager():
        return model(*tensors)

    peers = [Peer("plait", lambda: compiled(*arrays))]
    peers += [Peer("torch eager", eager, count) for count in sorted({1, threads})]
    if in_numpy:
        peers.append(Peer("numpy", lambda: in_numpy(*arrays), threads))
    if in_jax:
        jitted, placed = jax.jit(in_jax), [jax.device_put(array) for array in arrays]
        peers.append(Peer("jax.jit", lambda: jitted(*placed).block_until_ready(), threads))
    return peers


class _Function(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *arguments):
        return self.function(*arguments)


def matmul(threads, random):
    def plain(a, b):
        return a @ b

    size = 1024
    return Case(
        "matmul 1024, A B",
        _peers(threads, _Function(plain), [random(size, size), random(size, size)], plain, plain),
        flops=2 * size**3,
    )


def matmul_transposed(threads, random):
    def transposed(a, b):
        return a @ b.T

    size = 1024
    arrays = [random(size, size), random(size, size)]
    return Case(
        "matmul 1024, A B'",
        _peers(threads, _Function(transposed), arrays, transposed, transposed),
        flops=2 * size**3,
    )


def mlp(threads, random):
    layers = [torch.nn.Linear(784, 512), torch.nn.Linear(512, 512), torch.nn.Linear(512, 10)]
    relu = torch.nn.ReLU()
    model = torch.nn.Sequential(layers[0], relu, layers[1], relu, layers[2])
    weights = [(la.weight.detach().numpy().T, la.bias.detach().numpy()) for la in layers]

    def in_numpy(x):
        for weight, bias in weights[:-1]:
            x = np.maximum(x @ weight + bias, 0)
        return x @ weights[-1][0] + weights[-1][1]

    return Case(
        "MLP 784-512-512-10, batch 64",
        _peers(threads, model, [random(64, 784)], in_numpy),
        flops=2 * 64 * (784 * 512 + 512 * 512 + 512 * 10),
    )


def encoder(threads, random):
    model = torch.nn.TransformerEncoderLayer(768, 12, 3072, batch_first=True).eval()
    return Case(
        "TransformerEncoderLayer d768 S128",
        _peers(threads, model, [random(1, 128, 768)]),
        flops=2 * 128 * 768 * (4 * 768 + 2 * 3072 + 2 * 128),
    )


def softmax(threads, random):
    def in_numpy(x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    array = random(64, 32000)
    return Case(
        "softmax 64x32000",
        _peers(
            threads,
            torch.nn.Softmax(dim=-1),
            [array],
            in_numpy,
            lambda x: jax.nn.softmax(jnp.asarray(x), axis=-1),
        ),
        bytes=2 * array.nbytes,
    )


def matvec(threads, random):
    model = torch.nn.Linear(576, 49152, bias=False)
    weight = model.weight.detach().numpy()
    return Case(
        "matvec 576x49152 (SmolLM2's head)",
        _peers(threads, model, [random(1, 576)], lambda x: x @ weight.T),
        flops=2 * weight.size,
        bytes=weight.nbytes,
    )


MAKERS = [matmul, matmul_transposed, mlp, encoder, softmax, matvec]


def cases(threads, prefix):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    for make in MAKERS:
        if make.__name__.startswith(prefix):
            yield make(threads, lambda *shape: rng.standard_normal(shape, np.float32))
