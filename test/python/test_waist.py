"""What the `opt` stage leaves of imported models, and that it computes the same."""

import re

import numpy as np
import pytest

import plait

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
nn, F = torch.nn, torch.nn.functional


class Ops:
    """The linalg ops of a module's text."""

    def __init__(self, text):
        self.text = text
        self.generics = re.findall(r"linalg\.generic \{.*?iterator_types = \[(.*?)\]", text)
        maps = dict(re.findall(r"^(#map\d*) = affine_map<\(.*?\) -> \((.*)\)>$", text, re.M))
        self.copies = 0
        for op in re.finditer(
            r"linalg\.generic \{indexing_maps = \[(#map\d*), (#map\d*)\][^\n]*\n"
            r"\s*\^bb0\(%(\w+): [^\n]*\n\s*linalg\.yield %(\w+) ",
            text,
        ):
            self.copies += op[3] == op[4] and maps[op[1]] != maps[op[2]]
        self.contractions = len(
            re.findall(r"= arith\.mulf %in, %in_\d+ [^\n]*\n\s*%\d+ = arith\.addf %out, ", text)
        )


def opt(model, *args, **options):
    """The module of a model, and what is left of it after `opt`."""
    module = plait.from_torch(model.eval(), args, **options)
    return module, Ops(plait.compile(module, to="opt"))


def agrees(module, model, *args, tolerance=2e-5):
    """Results are near those of the same model in float64.

    ``tolerance`` is relative to the largest result; eager f32 itself is checked
    against it.
    """
    got = plait.compile(module)(*args)
    wide = [a.double() if a.is_floating_point() else a for a in args]
    with torch.no_grad():
        eager = model(*args)
        exact = model.double()(*wide)
    model.float()
    for mine, theirs, truth in zip(*(leaves(x) for x in (got, eager, exact)), strict=True):
        scale = np.abs(truth).max() + 1e-30
        assert np.abs(theirs - truth).max() / scale < tolerance
        assert np.abs(mine - truth).max() / scale < tolerance


def leaves(result):
    result = result if isinstance(result, (tuple, list)) else [result]
    return [np.asarray(r.detach() if hasattr(r, "detach") else r) for r in result]


class Rotary(nn.Module):
    """Grouped-query attention with rotary embeddings."""

    def __init__(self, heads=4, kv_heads=2, head=16, length=12):
        super().__init__()
        self.heads, self.kv_heads, self.head = heads, kv_heads, head
        width = heads * head
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, kv_heads * head, bias=False)
        self.v = nn.Linear(width, kv_heads * head, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        angles = torch.outer(torch.arange(length), 10000 ** -(torch.arange(0, head, 2) / head))
        angles = torch.cat([angles, angles], -1)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def rope(self, x):
        a, b = x.chunk(2, -1)
        return x * self.cos + torch.cat((-b, a), -1) * self.sin

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (
            f(x).view(batch, length, -1, self.head).transpose(1, 2)
            for f in (self.q, self.k, self.v)
        )
        q, k = self.rope(q), self.rope(k)
        group = self.heads // self.kv_heads
        k, v = (t.repeat_interleave(group, 1) for t in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(batch, length, width))


class Residual(nn.Module):
    """Two convolutions with batch norms, the first with a bias, around a shortcut."""

    def __init__(self, channels=8):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))
        for norm in self.norms:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2)

    def forward(self, x):
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(y)) + x)


@pytest.mark.parametrize("batch", [1, 2])
def test_encoder_layer(batch):
    torch.manual_seed(0)
    model = nn.TransformerEncoderLayer(
        64, 4, 128, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    x = torch.randn(batch, 16, 64)
    module, left = opt(model, x)
    assert "f64" not in left.text
    assert left.copies == 0
    # Six contractions, each with at most one epilogue.
    assert left.contractions == 6
    assert len(left.generics) < 45
    agrees(module, model, x)


@pytest.mark.parametrize("batch", [1, 2])
def test_rotary_attention(batch):
    torch.manual_seed(0)
    model, x = Rotary(), torch.randn(batch, 12, 64)
    module, left = opt(model, x)
    assert left.copies == 0
    # Of queries, keys and values the weights are put together, nothing that is computed.
    assert not re.search(r"tensor\.concat dim\(\d\) (?!%arg)", left.text)
    # The mask is a comparison of indices, and no tensor of booleans is left.
    assert "xi1>" not in left.text
    agrees(module, model, x)


def test_batch_norm():
    torch.manual_seed(0)
    model, x = Residual(), torch.randn(2, 8, 9, 9)
    module, left = opt(model, x)
    assert "cf.assert" not in left.text
    assert left.text.count("arith.subf") == 1  # The first mean from the bias, per channel.
    agrees(module, model, x)


def test_masked_attention():
    """Rows with everything masked are zero, as in torch."""

    class Masked(nn.Module):
        def forward(self, q, k, v, mask):
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 8, 16) for _ in range(3))
    mask = torch.rand(2, 1, 8, 8) > 0.5
    mask[0, 0, 3] = False
    module, left = opt(Masked(), q, k, v, mask)
    # Scores, softmax's sum and maximum, values: no reduction of booleans.
    assert sum("reduction" in kinds for kinds in left.generics) == 4
    got = np.asarray(plait.compile(module)(q, k, v, mask))
    with torch.no_grad():
        expected = F.scaled_dot_product_attention(
            q.double(), k.double(), v.double(), attn_mask=mask
        )
    assert np.abs(got[0, :, 3]).max() == 0
    np.testing.assert_allclose(got, expected, atol=2e-6)


def test_variance_of_large_means():
    """Two passes in f32 keep a variance that one pass would lose."""

    class Variance(nn.Module):
        def forward(self, x):
            return torch.var(x, -1)

    torch.manual_seed(0)
    x = torch.randn(4, 256) + 1000
    module, left = opt(Variance(), x)
    assert "f64" not in left.text
    np.testing.assert_allclose(plait.compile(module)(x), x.double().var(-1), rtol=1e-5)


def test_own_f64_stays():
    class Wide(nn.Module):
        def forward(self, x):
            return x.double().sum(-1).float()

    x = torch.tensor([[2.0**24, 1.0, 1.0, -(2.0**24)]])
    module, left = opt(Wide(), x)
    assert "f64" in left.text
    assert np.asarray(plait.compile(module)(x)) == [2.0]


class Projections(nn.Module):
    """Queries, keys and values of grouped heads, and a gate that one op reads with its pair."""

    def __init__(self, bias, width=64):
        super().__init__()
        self.q = nn.Linear(width, width, bias)
        self.k, self.v = (nn.Linear(width, 24, bias) for _ in range(2))
        self.gate, self.up = (nn.Linear(width, 40, bias) for _ in range(2))

    def forward(self, x):
        return self.q(x), self.k(x), self.v(x), F.silu(self.gate(x)) * self.up(x)


@pytest.mark.parametrize("rows", [1, 37, None])
@pytest.mark.parametrize("bias", [True, False])
def test_products_of_one_input(bias, rows):
    """One contraction, with the bits of each alone."""
    torch.manual_seed(0)
    model = Projections(bias)
    shapes = ({0: torch.export.Dim("rows", max=64)},) if rows is None else None
    module, left = opt(model, torch.randn(rows or 5, 64), dynamic_shapes=shapes)
    assert left.contractions == 3
    for count in [rows] if rows else [1, 5, 40]:
        x = torch.randn(count, 64)
        agrees(module, model, x)
        got = plait.compile(module)(x)
        for layer, result in zip((model.q, model.k, model.v), got, strict=False):
            assert torch.equal(plait.compile(plait.from_torch(layer, (x,)))(x), result)


def test_jax_attention():
    jax = pytest.importorskip("jax")
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, 8, h, 16), np.float32) for h in (4, 2, 2))
    w = rng.standard_normal((4, 16, 32), np.float32)

    def block(q, k, v, w):
        y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        return jax.nn.gelu(jax.numpy.einsum("bshd,hdo->bso", y, w))

    module = plait.from_jax(block, q, k, v, w)
    left = Ops(plait.compile(module, to="opt"))
    assert left.copies == 0
    got = np.asarray(plait.compile(module)(q, k, v, w))
    np.testing.assert_allclose(got, np.asarray(block(q, k, v, w)), rtol=2e-5, atol=2e-5)


class Images(nn.Module):
    """Convolutions that are worth channels last, between ops that carry images."""

    def __init__(self, kind, channels=64):
        super().__init__()
        groups = channels if kind == "depthwise" else 1
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, groups=groups)
        self.third = nn.Conv2d(channels, channels, 3, stride=2, dilation=2, padding=2)
        self.last = nn.Conv2d(channels, channels, 1)
        self.kind = kind

    def forward(self, x):
        y = torch.relu(self.norm(self.first(x)))
        y = y + self.second(F.pad(y, (1, 0, 0, 1)))[:, :, 1:, :-1]
        y = F.max_pool2d(y, 3, 2, 1) if self.kind == "pool" else y
        y = self.third(y) * x.mean((2, 3), keepdim=True)
        z = self.last(y)
        return (z, y.sum(1), F.avg_pool2d(z, 2)) if self.kind == "outputs" else z.mean((2, 3))


@pytest.mark.parametrize("kind", ["plain", "depthwise", "pool", "outputs"])
@pytest.mark.parametrize("batch", [1, 3])
def test_images_with_channels_last(kind, batch):
    torch.manual_seed(0)
    model, x = Images(kind).eval(), torch.randn(batch, 64, 11, 14)
    module, ops = opt(model, x)
    assert re.search(rf"tensor<{batch}x11x14x64xf32>", ops.text)
    agrees(module, model, x)


@pytest.mark.parametrize("size", [(7, 7), (5, 9), (28, 28), (1, 33)])
@pytest.mark.parametrize("batch, stride, padding", [(1, 1, 0), (3, 1, 0), (2, 2, 0), (1, 1, 1)])
def test_pointwise_convolution_reads_channels_first(size, batch, stride, padding):
    """Only its weight and its result are transposed; its bias is not spread."""
    torch.manual_seed(0)
    layer = nn.Conv2d(192, 40, 1, stride, padding)
    model, x = nn.Sequential(layer, nn.ReLU()), torch.randn(batch, 192, *size)
    module, ops = opt(model, x)
    assert ops.copies == 2
    assert re.search(rf"ins\([^)]*tensor<{batch}x192x\d+x\d+xf32>.*x40xf32>\)", ops.text)
    agrees(module, model, x)
