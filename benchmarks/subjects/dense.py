"""Dense layers and models, against torch eager, inductor, XLA, ONNX Runtime and IREE."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F
from measure import Case, Peer
from peers import of_torch, without_gradients

import plait
from subjects import models


class MatMul(torch.nn.Module):
    def forward(self, a, b):
        return a @ b


def matmul(random):
    def in_jax(_, a, b):
        return a @ b

    size = 1024
    peers = of_torch(MatMul(), [random(size, size), random(size, size)], in_jax)
    return [Case(f"matmul {size}", peers, flops=2 * size**3)]


def mlp(random):
    def in_jax(parameters, x):
        for at in range(0, 6, 2):
            x = x @ parameters[at].T + parameters[at + 1]
            x = jax.nn.relu(x) if at < 4 else x
        return x

    size, batch = 1024, 64
    linear = [torch.nn.Linear(size, size) for _ in range(3)]
    relu = torch.nn.ReLU()
    model = torch.nn.Sequential(linear[0], relu, linear[1], relu, linear[2])
    peers = of_torch(model, [random(batch, size)], in_jax)
    return [Case(f"MLP 3x{size}, batch {batch}", peers, flops=6 * batch * size**2)]


def softmax(random):
    x = random(64, 32000)
    peers = of_torch(torch.nn.Softmax(-1), [x], lambda _, x: jax.nn.softmax(x, -1))
    return [Case("softmax 64x32000", peers, bytes=2 * x.nbytes)]


def _normalised(x, scale, shift):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + shift


def layernorm(random):
    x = random(512, 768)
    peers = of_torch(torch.nn.LayerNorm(768), [x], lambda p, x: _normalised(x, *p))
    return [Case("layer norm 512x768", peers, bytes=2 * x.nbytes)]


class Attention(torch.nn.Module):
    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)


def _attention(q, k, v):
    scores = jnp.einsum("bhsd,bhtd->bhst", q, k) / math.sqrt(q.shape[-1])
    return jnp.einsum("bhst,bhtd->bhsd", jax.nn.softmax(scores, -1), v)


def attention(random):
    heads, steps, width = 12, 512, 64
    arrays = [random(1, heads, steps, width) for _ in range(3)]
    peers = of_torch(Attention(), arrays, lambda _, *qkv: _attention(*qkv))
    flops = 4 * heads * steps**2 * width
    return [Case(f"attention {heads} heads, S{steps} D{width}", peers, flops=flops)]


class Encoder(torch.nn.Module):
    """nn.TransformerEncoderLayer (post-norm, gelu), spelt out: torch fuses that one by hand."""

    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.up, self.down = torch.nn.Linear(width, inner), torch.nn.Linear(inner, width)
        self.first, self.second = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)

    def forward(self, x):
        batch, steps, width = x.shape
        qkv = self.qkv(x).view(batch, steps, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = self.first(x + self.out(mixed))
        return self.second(x + self.down(F.gelu(self.up(x))))


def encoder(random):
    width, heads, inner, steps = 768, 12, 3072, 128

    def in_jax(parameters, x):
        wqkv, bqkv, wo, bo, wu, bu, wd, bd, g1, b1, g2, b2 = parameters
        qkv = (x @ wqkv.T + bqkv).reshape(1, steps, 3, heads, width // heads)
        mixed = _attention(*qkv.transpose(2, 0, 3, 1, 4))
        mixed = mixed.transpose(0, 2, 1, 3).reshape(x.shape)
        x = _normalised(x + mixed @ wo.T + bo, g1, b1)
        up = jax.nn.gelu(x @ wu.T + bu, approximate=False)
        return _normalised(x + up @ wd.T + bd, g2, b2)

    peers = of_torch(Encoder(width, heads, inner), [random(1, steps, width)], in_jax)
    flops = 2 * steps * width * (4 * width + 2 * inner + 2 * steps)
    return [Case(f"encoder layer d{width} ff{inner} gelu S{steps}", peers, flops=flops)]


class Narrow(torch.nn.Module):
    """A linear layer in bf16; or of int8 weights, by torch's kernel for them."""

    def __init__(self, columns, depth, kind):
        super().__init__()
        self.kind = kind
        weight = torch.randn(columns, depth, dtype=torch.bfloat16)
        if kind != "bf16":
            weight = torch.randint(-127, 128, (columns, depth), dtype=torch.int8)
        self.register_buffer("weight", weight)
        self.register_buffer("scale", torch.rand(columns, dtype=torch.bfloat16))

    def forward(self, x):
        if self.kind == "int8 x int8":
            return torch._int_mm(x, self.weight.t())
        if self.kind == "int8 weights":
            return torch.ops.aten._weight_int8pack_mm(x, self.weight, self.scale).float()
        return F.linear(x, self.weight).float()


def _rounded(mine, theirs):
    """Agreement up to the rounding of results, and of scaled weights, to bf16."""
    error = float(np.abs(mine - theirs).max() / np.abs(theirs).max())
    assert error < 2**-7, f"differs by {error:.1e}"
    return f"to {error:.0e}"


def narrow(random):
    jobs = [("bf16", 1024, 1024), ("int8 weights", 1024, 1024), ("int8 x int8", 1024, 1024),
            ("bf16", 1, 4096), ("int8 weights", 1, 4096)]  # fmt: skip
    for kind, rows, size in jobs:
        model = Narrow(size, size, kind)
        x = torch.from_numpy(random(rows, size)).to(torch.bfloat16)
        if kind == "int8 x int8":
            x = torch.randint(-127, 128, (rows, size), dtype=torch.int8)
        compiled = plait.compile(plait.from_torch(model, (x,)))
        case = Case(
            f"{kind} {size}, batch {rows}",
            [
                Peer("plait", lambda x=x, compiled=compiled: compiled(x).numpy()),
                *(
                    Peer(name, without_gradients(call, (x,)), _rounded)
                    for name, call in [("torch eager", model), ("inductor", torch.compile(model))]
                ),
            ],
        )
        if rows == 1:
            case.bytes = size**2 * model.weight.itemsize
        else:
            case.flops = 2 * rows * size**2
        yield case


#: Layers of ResNet-50: channels in and out, image size, kernel, stride.
RESNET50 = [
    (3, 64, 224, 7, 2), (64, 64, 56, 1, 1), (64, 64, 56, 3, 1), (64, 256, 56, 1, 1),
    (128, 128, 56, 3, 2), (512, 128, 28, 1, 1), (256, 256, 14, 3, 1), (1024, 256, 14, 1, 1),
    (512, 512, 7, 3, 1), (2048, 512, 7, 1, 1),
]  # fmt: skip


def conv(random):
    for into, out, size, kernel, stride in RESNET50:
        padding = kernel // 2

        def in_jax(parameters, x, stride=stride, padding=padding):
            around = [(padding, padding)] * 2
            return jax.lax.conv_general_dilated(x, parameters[0], (stride, stride), around)

        model = torch.nn.Conv2d(into, out, kernel, stride, padding, bias=False)
        result = (size + 2 * padding - kernel) // stride + 1
        yield Case(
            f"conv {into}x{size}x{size} to {out}, {kernel}x{kernel} / {stride}",
            of_torch(model, [random(1, into, size, size)], in_jax),
            flops=2 * out * result**2 * into * kernel**2,
        )


MAKERS = [matmul, mlp, softmax, layernorm, attention, encoder, narrow, conv, *models.MAKERS]


def cases(prefix):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    for make in MAKERS:
        if make.__name__.startswith(prefix):
            yield from make(lambda *shape: rng.standard_normal(shape, np.float32))
