"""torch models against torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import plait
from plait.worker import run_tool

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
nn, F = torch.nn, torch.nn.functional
FRONTENDS = Path(__file__).parents[2] / "Frontends"


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(64, 128), nn.Linear(128, 10)

    def forward(self, x):
        return self.down(F.gelu(self.up(x)))


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class LlamaBlock(nn.Module):
    """RMSNorm, rotary grouped-query attention, SwiGLU."""

    def __init__(self, width=64, heads=4, kv_heads=2, hidden=128):
        super().__init__()
        self.group, self.head = heads // kv_heads, width // heads
        self.q, self.o = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, kv_heads * self.head, bias=False)
        self.v = nn.Linear(width, kv_heads * self.head, bias=False)
        self.gate, self.up = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, width, bias=False)
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)
        angles = torch.arange(64)[:, None] * 10000 ** (-torch.arange(0, self.head, 2) / self.head)
        angles = torch.cat([angles, angles], -1)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def rope(self, x):
        length, (a, b) = x.shape[2], x.chunk(2, -1)
        return x * self.cos[:length] + torch.cat([-b, a], -1) * self.sin[:length]

    def forward(self, x):
        batch, length, width = x.shape
        y = self.norm1(x)
        q, k, v = (
            f(y).view(batch, length, -1, self.head).transpose(1, 2)
            for f in (self.q, self.k, self.v)
        )
        k, v = (z.repeat_interleave(self.group, 1) for z in (self.rope(k), v))
        y = F.scaled_dot_product_attention(self.rope(q), k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(batch, length, width))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Residual(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.skip = nn.Identity()
        if stride != 1:
            self.skip = nn.Sequential(nn.Conv2d(before, after, 1, stride), nn.BatchNorm2d(after))

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.skip(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 7, 2, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        )  # fmt: skip
        self.body = nn.Sequential(Residual(16, 16, 1), Residual(16, 32, 2))
        self.head = nn.Linear(32, 10)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean((2, 3)))


MODELS = {
    "mlp": (MLP, (4, 64)),
    "encoder": (lambda: nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), (2, 10, 64)),
    "llama": (LlamaBlock, (2, 9, 64)),
    "resnet": (ResNet, (2, 3, 32, 32)),
}


@pytest.mark.parametrize("name", MODELS)
def test_model(name):
    torch.manual_seed(0)
    make, shape = MODELS[name]
    model, x = make().eval(), torch.randn(shape)
    module = plait.from_torch(model, (x,))
    assert "dense_resource" not in module.text and 'dense<"0x' not in module.text
    exe = plait.compile(module)
    with torch.no_grad():
        want = model(x)
    got = exe(x)
    assert isinstance(got, torch.Tensor)
    # Sums are reassociated; activations are of order one.
    torch.testing.assert_close(got, want, rtol=1e-5, atol=2e-6)
    as_numpy = exe(x.numpy())
    assert isinstance(as_numpy, np.ndarray)
    np.testing.assert_array_equal(as_numpy, got.numpy())
    assert exe.copies == 0


def test_dynamic_batch_and_length():
    """A linear over two dynamic sizes: torch-mlir alone gets it wrong."""
    torch.manual_seed(0)
    model, dim = MLP().eval(), torch.export.Dim
    shapes = ({0: dim("batch", max=8), 1: dim("length", max=64)},)
    exe = plait.compile(plait.from_torch(model, (torch.randn(2, 5, 64),), dynamic_shapes=shapes))
    for batch, length in [(2, 5), (3, 17), (8, 64)]:
        x = torch.randn(batch, length, 64)
        torch.testing.assert_close(exe(x), model(x), rtol=1e-5, atol=2e-6)
    with pytest.raises(plait.ArgumentError, match="to 8, got 9"):
        exe(torch.randn(9, 5, 64))


def test_a_worker_that_dies_is_an_exception():
    """The next model gets a new worker."""
    from plait.frontends import torch as front
    from plait.worker import start_python

    start_python(front._WORKER).process.kill()
    with pytest.raises(plait.FrontendError, match=r"_torch_worker died \(SIGKILL"):
        while True:  # Until the process is gone a request may still be written.
            start_python(front._WORKER).ask(b"")
    assert plait.from_torch(lambda x: x + 1, (torch.ones(2),)).text


def test_a_main_module_that_imports_torch_late(tmp_path):
    """Pickle finds torch's constants in the first module that has them: here the main one."""
    script = tmp_path / "main.py"
    script.write_text(
        "import multiprocessing, torch, plait\n"
        "copy = lambda x: x.to(torch.float64, memory_format=torch.contiguous_format).bfloat16()\n"
        "x = torch.randn(3)\n"
        "assert torch.equal(plait.compile(plait.from_torch(copy, (x,)))(x), copy(x))\n"
    )
    subprocess.run([sys.executable, script], check=True)


def test_structures():
    def model(pair, options):
        a, b = pair
        return {"sum": a + b, "rest": [a * options["scale"], (a > b,)], "none": None}

    a, b, scale = torch.randn(3), torch.randn(3), torch.tensor(2.0)
    args = ((a, b), {"scale": scale})
    got = plait.compile(plait.from_torch(model, args))(*args)
    torch.testing.assert_close(got, model(*args))
    with pytest.raises(plait.ArgumentError, match=r"arguments\[1\]: expects a dict with keys"):
        plait.compile(plait.from_torch(model, args))((a, b), {"other": scale})


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.bfloat16])
def test_dtypes(dtype):
    x = torch.tensor([0, 1, 1, 0]).to(dtype)
    exe = plait.compile(plait.from_torch(lambda x: (x, x == x.flip(0)), (x,)))
    same, symmetric = exe(x)
    assert same.dtype == dtype and symmetric.dtype == torch.bool
    assert torch.equal(same, x) and symmetric.all()


def test_embedding_index_out_of_range():
    model = nn.Embedding(10, 4)
    exe = plait.compile(plait.from_torch(model, (torch.tensor([1, 9]),)))
    torch.testing.assert_close(exe(torch.tensor([3, 0])), model(torch.tensor([3, 0])))
    with pytest.raises(plait.ArgumentError, match="index must be smaller"):
        exe(torch.tensor([1, 10]))


def test_empty_tensor():
    exe = plait.compile(plait.from_torch(lambda x: (x + 1, x.sum(0)), (torch.zeros(0, 3),)))
    grown, total = exe(torch.zeros(0, 3))
    assert grown.shape == (0, 3) and torch.equal(total, torch.zeros(3))


@pytest.mark.parametrize(
    "model, args, message",
    [
        (lambda x: torch.linalg.qr(x), (torch.eye(4),), r"aten.linalg_qr at .*test_torch.py.*line"),
        (lambda x: torch.rand(3) + x, (torch.ones(3),), r"aten.rand at .*test_torch.py.*line \d+"),
        (lambda x: x + 1, (object(),), r"args\[0\]: expects a tensor or a constant, got object"),
        (lambda x: x + 1, torch.ones(3), "expects a tuple of arguments, got Tensor"),
        (lambda x: x if x.sum() > 0 else -x, (torch.randn(3),), "torch.export cannot trace"),
        (lambda x: (x, x.shape[0]), (torch.ones(3),), "returns a number"),
    ],
    ids=["linear algebra", "random", "object", "no tuple", "control flow", "size"],
)  # fmt: skip
def test_refused(model, args, message):
    shapes = ({0: torch.export.Dim("n")},) if "number" in message else None
    with pytest.raises(plait.FrontendError, match=message):
        plait.from_torch(model, args, dynamic_shapes=shapes)


def test_constants_and_keywords():
    def model(x, scale, /, offset, *, negate=False, bias=None):
        y = x * scale + offset
        y = -y if negate else y
        return y if bias is None else y + bias, 7

    x, y = torch.randn(3), torch.randn(3)
    exe = plait.compile(plait.from_torch(model, (x, 2.5), {"negate": True, "offset": y}))
    torch.testing.assert_close(exe(x, 2.5, offset=y, negate=True), (-(x * 2.5 + y), 7))
    with pytest.raises(plait.ArgumentError, match=r"arguments\[1\]: compiled for the constant 2.5"):
        exe(x, 3.5, offset=y, negate=True)
    with pytest.raises(plait.ArgumentError, match=r"negate.*: compiled for the constant True"):
        exe(x, 2.5, offset=y, negate=1)
    with pytest.raises(plait.ArgumentError, match="expects no keyword arguments, got x"):
        plait.compile(plait.from_torch(lambda x: x + 1, (x,)))(x=x)


def test_a_function_of_torch_itself():
    x = torch.rand(5)
    exe = plait.compile(plait.from_torch(torch.sub, (x, x * x), {"alpha": 2}), check="first")
    torch.testing.assert_close(exe(x, x * x, alpha=2), x - 2 * x * x)


def test_check_first():
    model, x = MLP().eval(), torch.randn(4, 64)
    exe = plait.compile(plait.from_torch(model, (x,)), check="first")
    torch.testing.assert_close(exe(x), model(x), rtol=1e-5, atol=2e-6)
    model.up.bias.data += 1  # Shared: both see it.
    torch.testing.assert_close(exe(x), model(x), rtol=1e-5, atol=2e-6)
    exe = plait.compile(plait.from_torch(model, (x,)), check="first")
    model.forward = lambda x: x[:, :10]
    with pytest.raises(plait.CheckError, match="result 0 differs from the original model"):
        exe(x)


@pytest.mark.parametrize("name", MODELS)
def test_text_is_as_committed(name):
    """What the tests behind the waist read is what these versions of torch give."""
    make, shape = MODELS[name]
    module = plait.from_torch(make().eval(), (torch.zeros(shape),))
    text = run_tool("plait-opt", [], module.text.encode()).decode()
    committed = (FRONTENDS / f"torch-{name}.mlir").read_text()
    assert text == "".join(line for line in committed.splitlines(True) if not line.startswith("//"))
