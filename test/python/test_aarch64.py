"""Kernels of every family as objects for AArch64, which this machine need not be."""

import struct

import pytest

import plait
from plait import compiler, verification
from plait.module import Module
from plait.worker import run_tool

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

EM_AARCH64 = 183


def attend(q, k, v):
    k, v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def transcendental(x):
    functions = "exp exp2 expm1 log log2 log1p tanh erf rsqrt sin cos sigmoid".split()
    return sum(getattr(torch, name)(x) for name in functions)


class Linear8(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.ones(70, 96, dtype=torch.int8))

    def forward(self, x):
        return x @ self.weight.to(x.dtype)


DENSE = {
    "linear": (nn.Sequential(nn.Linear(96, 130), nn.GELU()), [(37, 96)]),
    "vector": (nn.Linear(96, 130), [(1, 96)]),
    "bf16": (nn.Linear(96, 130).bfloat16(), [(37, 96)]),
    "int8": (Linear8(), [(5, 70)]),
    "batches": (lambda x, y: x @ y, [(3, 17, 20), (3, 20, 33)]),
    "convolution": (nn.Conv2d(16, 24, 3, stride=2, padding=1), [(1, 16, 19, 19)]),
    "depthwise": (nn.Conv2d(16, 16, 3, padding=1, groups=16), [(1, 16, 19, 19)]),
    "grouped": (nn.Conv2d(16, 32, 3, groups=4), [(1, 16, 19, 19)]),
    "softmax": (nn.Softmax(-1), [(40, 333)]),
    "norm": (nn.LayerNorm(100), [(40, 100)]),
    "attention": (attend, [(1, 4, 50, 32), (1, 2, 50, 32), (1, 2, 50, 32)]),
    "functions": (transcendental, [(999,)]),
    "columns": (lambda x: (x.T + 1, x.sum(0), x.amax(0), x > 0), [(70, 50)]),
}
LOGITS, ROW = "tensor<2x1000xf32>", "tensor<2xf32>"
STRANDS = {
    "sampling": f"""
      func.func @main(%x: {LOGITS}, %t: {ROW}, %k: tensor<2xi32>, %p: {ROW}, %bits: tensor<2xi64>)
          -> tensor<2xi32> {{
        %0 = sample.temperature %x, %t : {LOGITS}, {ROW}
        %1 = sample.top_k %0, %k : {LOGITS}, tensor<2xi32>
        %2 = sample.top_p %1, %p : {LOGITS}, {ROW}
        %y:4 = sample.draw %2, %bits : {LOGITS}, tensor<2xi64>
        return %y#0 : tensor<2xi32>
      }}""",
    "spiking": """
      func.func @main(%x: tensor<10x2x70xf32>, %w: tensor<70x128xf32>, %v: tensor<2x128xf32>,
                      %a: tensor<f32>) -> tensor<10x2x2xi64> {
        %i, %n, %s = spike.list_events %x
            : tensor<10x2x70xf32> to tensor<10x2x70xi32>, tensor<10x2xi32>, tensor<2xi64>
        %z, %v1 = spike.scan
            events(%i, %n, %w : tensor<10x2x70xi32>, tensor<10x2xi32>, tensor<70x128xf32>)
            state(%v : tensor<2x128xf32>) integrator impulse decay(%a : tensor<f32>)
            threshold(%a : tensor<f32>) compare gt reset value at now encoding packed
            : tensor<10x2x2xi64>
        return %z : tensor<10x2x2xi64>
      }""",
}


def module_of(name):
    if name in STRANDS:
        return Module(STRANDS[name])
    model, shapes = DENSE[name]
    dtype = torch.bfloat16 if name == "bf16" else torch.float32
    return plait.from_torch(model, tuple(torch.randn(shape, dtype=dtype) for shape in shapes))


@pytest.mark.parametrize("name", [*DENSE, *STRANDS])
def test_kernels_have_an_object(name):
    module = module_of(name)
    passes = verification.pass_list(tuple(compiler.stages_of("cpu", module).values()))
    passes = [text.replace("vector-bits=0", "vector-bits=128") for text in passes]
    lowered = compiler.run_stages(module.text.encode(), passes)
    assert b"llvm.x86" not in lowered
    options = ["--mlir-to-object", "--mtriple=aarch64-unknown-linux-gnu", "--mcpu=neoverse-n1"]
    code = run_tool("plait-translate", options, lowered)
    assert code[:4] == b"\x7fELF" and struct.unpack_from("<H", code, 18) == (EM_AARCH64,)
