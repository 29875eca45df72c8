"""Groups that run tile by tile, against torch in float64."""

import copy

import numpy as np
import pytest

import plait

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


def check(model, *shapes, dynamic=None, calls=(), atol=2e-5):
    """Compiles ``model`` for ``shapes`` and compares with float64, for each of ``calls`` too."""
    torch.manual_seed(0)
    if isinstance(model, nn.Module):
        for parameter in model.eval().parameters():
            nn.init.normal_(parameter, std=0.1)
    first = tuple(torch.randn(shape) for shape in shapes)
    options = {"dynamic_shapes": dynamic} if dynamic else {}
    compiled = plait.compile(plait.from_torch(model, first, **options))
    for inputs in [first, *(tuple(torch.randn(shape) for shape in call) for call in calls)]:
        got = compiled(*(value.numpy() for value in inputs))
        with torch.no_grad():
            exact = copy.deepcopy(model).double() if isinstance(model, nn.Module) else model
            want = exact(*(value.double() for value in inputs))
        got, want = (x if isinstance(x, (tuple, list)) else [x] for x in (got, want))
        for one, other in zip(got, want, strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=2e-5, atol=atol)


class Gated(nn.Module):
    """Two contractions with one reader."""

    def __init__(self, width, hidden):
        super().__init__()
        self.gate, self.up = nn.Linear(width, hidden), nn.Linear(width, hidden, bias=False)

    def forward(self, x):
        return functional.silu(self.gate(x)) * self.up(x)


@pytest.mark.parametrize(
    "rows, width, columns", [(64, 256, 1024), (130, 200, 1007), (1, 512, 4096)]
)
@pytest.mark.parametrize("function", ["relu", "gelu", "none"])
def test_linear_with_epilogue(rows, width, columns, function):
    last = {"relu": nn.ReLU(), "gelu": nn.GELU(), "none": nn.Identity()}[function]
    check(nn.Sequential(nn.Linear(width, columns), last), (rows, width), atol=1e-4)


def test_contractions_that_share_a_reader():
    check(Gated(192, 520), (2, 77, 192), atol=1e-4)


def test_a_result_that_is_also_read_outside():
    linear = nn.Linear(256, 512)

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = linear

        def forward(self, x, y):
            z = self.linear(x)
            return z, torch.relu(z) + y, z.sum(0)

    check(Both(), (100, 256), (100, 512), atol=2e-4)


@pytest.mark.parametrize("rows, columns", [(64, 3200), (37, 5003), (512, 96)])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.softmax(x, -1),
        lambda x: torch.logsumexp(x * 0.5, -1),
        lambda x: functional.layer_norm(x + 1, x.shape[-1:]),
        lambda x: (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6), x.amax(-1)),
        lambda x: x.var(0),
    ],
    ids=["softmax", "logsumexp", "layernorm", "rmsnorm", "columns"],
)
def test_rows(function, rows, columns):
    check(function, (rows, columns))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.softmax(x, -1),
        lambda x: torch.log_softmax(x, -1),
        lambda x: torch.where((x == -torch.inf).all(-1, True), 0, torch.softmax(x, -1)),
    ],
    ids=["softmax", "log_softmax", "masked"],
)
def test_rows_with_nan_and_infinities(function):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((70, 37)).astype(np.float32)
    x[range(37), range(37)] = np.nan
    x[37:40] = np.array([np.nan, np.inf, -np.inf])[:, None]
    # Next to the largest and smallest numbers, in every pair.
    special = np.array([np.nan, np.inf, -np.inf, 3.4e38, -3.4e38], np.float32)
    x[40:65] = np.repeat(special, 5)[:, None]
    x[40:65, rng.integers(37)] = np.tile(special, 5)
    compiled = plait.compile(plait.from_torch(function, (torch.tensor(x),)))
    want = function(torch.tensor(x)).numpy()
    assert np.isnan(want).any()
    np.testing.assert_allclose(compiled(x), want, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("queries, keys, width", [(70, 70, 32), (128, 96, 64), (1, 300, 64)])
@pytest.mark.parametrize("mask", ["none", "causal", "additive", "bool"])
def test_attention(mask, queries, keys, width):
    if mask == "causal" and queries != keys:
        pytest.skip("a causal mask is square")

    def attend(q, k, v):
        bias = None
        if mask in ("additive", "bool"):
            at = torch.arange(queries)[:, None] + 3 >= torch.arange(keys)[None]
            bias = at if mask == "bool" else torch.where(at, 0.0, -10.0).to(q.dtype)
        return functional.scaled_dot_product_attention(q, k, v, bias, is_causal=mask == "causal")

    check(attend, (2, 6, queries, width), (2, 6, keys, width), (2, 6, keys, width))


@pytest.mark.parametrize("queries, keys", [(131, 131), (200, 333), (333, 200), (513, 513)])
def test_causal_attention_of_shared_heads(queries, keys):
    def attend(q, k, v):
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

    check(attend, (2, 6, queries, 40), (2, 2, keys, 40), (2, 2, keys, 40))


def test_causal_attention_of_any_length():
    def attend(q, k, v):
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    length = torch.export.Dim("length", min=2, max=4096)
    calls = [[(1, 9, n, 64)] * 3 for n in (2, 37, 515)]
    check(attend, *[(1, 9, 130, 64)] * 3, dynamic=({2: length},) * 3, calls=calls)


@pytest.mark.parametrize("hidden", [-np.inf, torch.finfo(torch.float32).min])
@pytest.mark.parametrize("queries", [1, 16, 100])
def test_attention_over_a_cache_filled_up_to_a_position(queries, hidden):
    """Rows see the keys up to their own; the rest of the cache holds anything."""

    def attend(q, k, v, position):
        places = position + torch.arange(queries)
        seen = torch.arange(600) <= places[:, None]
        mask = torch.where(seen, 0.0, hidden)
        scores = q @ k.transpose(-1, -2) * 0.125 + mask
        return torch.softmax(scores, -1) @ v

    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 8, n, 64) for n in (queries, 600, 600))
    compiled = plait.compile(plait.from_torch(attend, (q, k, v, torch.tensor(3))))
    for position in (0, 3, 31, 32, 477, 600 - queries, 1000):
        want = attend(q.double(), k.double(), v.double(), torch.tensor(position))
        got = compiled(q, k, v, torch.tensor(position))
        torch.testing.assert_close(got.double(), want, rtol=2e-5, atol=2e-5)
    # Before the first key: the lowest number hides every key alike.
    for position in (-1, -50):
        want = attend(q.double(), k.double(), v.double(), torch.tensor(position))
        got = compiled(q, k, v, torch.tensor(position))
        torch.testing.assert_close(got.double(), want, rtol=2e-5, atol=2e-5, equal_nan=True)


def repeated(x, times):
    """Every head ``times`` times, as transformers' ``repeat_kv``."""
    batch, heads, length, width = x.shape
    copies = x[:, :, None].expand(batch, heads, times, length, width)
    return copies.reshape(batch, heads * times, length, width)


@pytest.mark.parametrize("shared", ["no", "enable_gqa", "repeat_kv"])
def test_keys_that_are_hidden_from_a_strip_are_not_read(shared):
    def attend(q, k, v):
        if shared == "repeat_kv":
            k, v = repeated(k, 3), repeated(v, 3)
        return functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, enable_gqa=shared == "enable_gqa"
        )

    heads = 6 if shared == "no" else 2
    q, k, v = (torch.randn(2, h, 256, 64) for h in (6, heads, heads))
    want = attend(q, k, v)
    k[:, :, 128:], v[:, :, 128:] = torch.nan, torch.nan
    got = plait.compile(plait.from_torch(attend, (q, k, v)))(q, k, v)
    torch.testing.assert_close(got[:, :, :96], want[:, :, :96], rtol=2e-5, atol=2e-5)
    assert got[:, :, 128:].isnan().all()


def test_attention_with_shared_heads_that_returns_its_weights():
    def attend(q, k, v):
        weights = torch.softmax(q @ k.repeat_interleave(3, 1).transpose(-1, -2) * 0.2, -1)
        return (weights @ v.repeat_interleave(3, 1)).transpose(1, 2).flatten(2), weights

    check(attend, (1, 9, 80, 32), (1, 3, 80, 32), (1, 3, 80, 32))


def test_attention_over_a_growing_cache():
    def attend(q, k, v):
        return functional.scaled_dot_product_attention(q, k, v)

    length = torch.export.Dim("length", min=2, max=4096)
    check(
        attend,
        (1, 8, 16, 64),
        (1, 8, 200, 64),
        (1, 8, 200, 64),
        dynamic=(None, {2: length}, {2: length}),
        calls=[[(1, 8, 16, 64), (1, 8, n, 64), (1, 8, n, 64)] for n in (2, 33, 777)],
    )


def test_dynamic_rows():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.up, self.down = nn.LayerNorm(96), nn.Linear(96, 512), nn.Linear(512, 96)

        def forward(self, x):
            return x + self.down(functional.gelu(self.up(self.norm(x))))

    rows = torch.export.Dim("rows", min=2, max=4096)
    calls = [[(n, 96)] for n in (2, 130, 513)]
    check(Block(), (64, 96), dynamic=({0: rows},), calls=calls, atol=2e-4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.t().contiguous() * 2,
        lambda x: (torch.sin(x), torch.sin(x) + x.exp()),
        lambda x: x.reshape(30, 10, 501).permute(2, 0, 1) + 1,
    ],
    ids=["transposed", "two", "permuted"],
)
def test_elementwise(function):
    check(function, (300, 501))


@pytest.mark.parametrize("stride, dilation, groups", [(1, 2, 1), (2, 1, 1), (1, 1, 16)])
def test_windows_of_a_tile(stride, dilation, groups):
    conv = nn.Conv2d(32, 64, 3, stride, dilation, dilation, groups)
    check(nn.Sequential(conv, nn.ReLU()), (2, 32, 29, 40), atol=1e-4)


class Borders(nn.Module):
    """What is padded is an argument, read by the pad alone, or read elsewhere too."""

    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.alone = nn.Conv2d(channels, channels, 5, padding=2)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.last = nn.Conv2d(channels, channels, 3, padding=(0, 2))

    def forward(self, x):
        shared = torch.relu(self.alone(torch.relu(self.first(x))))
        around = functional.pad(shared, (1, 0, 0, 2), value=-2.0)
        return self.last(self.pool(shared)), around


@pytest.mark.parametrize("size", [7, 28, 33])
def test_borders(size):
    check(Borders(32), (1, 32, size, size), atol=2e-3)


def test_borders_of_any_number_of_images():
    batch = torch.export.Dim("batch", min=1, max=64)
    calls = [((1, 16, 20, 21),), ((5, 16, 20, 21),)]
    check(Borders(16), (3, 16, 20, 21), dynamic=({0: batch},), calls=calls, atol=2e-3)
