"""Dynamic sizes, batch and length together, against torch."""

import pytest

import plait

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
nn, Dim = torch.nn, torch.export.Dim

b, s = Dim("b", max=64), Dim("s", max=64)
e = torch.einsum
W = torch.linspace(-1, 1, 8 * 6).reshape(8, 6)

#: Views, linears and einsums with two dynamic sizes, batch and length; x is (b, s, 8).
DYNAMIC = {
    "linear": lambda x: nn.functional.linear(x, W.T),
    "linear4": lambda x: nn.functional.linear(x.unsqueeze(1).expand(-1, 3, -1, -1), W.T),
    "merge": lambda x: x.view(-1, 8),
    "merge all": lambda x: x.reshape(-1),
    "merge and split": lambda x: (x.view(-1, 2), x.view(x.shape[0], -1, 4)),
    "merge last": lambda x: x.reshape(x.shape[0], -1),
    "split": lambda x: x.view(x.shape[0], x.shape[1], 2, 4),
    "heads": lambda x: x.view(x.shape[0], -1, 2, 4).transpose(1, 2),
    "heads back": lambda x: x.view(x.shape[0], -1, 2, 4).transpose(1, 2)
    .transpose(1, 2).reshape(x.shape[0], x.shape[1], 8),
    "merge heads": lambda x: x.view(*x.shape[:2], 2, 4).transpose(1, 2).reshape(-1, x.shape[1], 4),
    "exchange": lambda x: x.view(x.shape[1], x.shape[0], 8) + 1,
    "regroup": lambda x: x.reshape(x.shape[1] * 2, x.shape[0], 4),
    "flatten": lambda x: x.flatten(0, 1) @ W,
    "stack": lambda x: torch.stack([x, x], 1).flatten(0, 1),
    "unsqueeze": lambda x: x.unsqueeze(1).squeeze(1).view(-1, 1, 8),
    "interleave": lambda x: x.repeat_interleave(2, 1),
    "matmul": lambda x: x @ x.transpose(1, 2),
    "bmm": lambda x: torch.bmm(x, x.transpose(1, 2)).softmax(-1),
    "einsum": lambda x: e("bsk,kn->bsn", x, W),
    "einsum pair": lambda x: e("bik,bjk->bij", x, x),
    "einsum heads": lambda x: e("bshd,bthd->bhst", *[x.view(*x.shape[:2], 2, 4)] * 2),
    "einsum sum": lambda x: e("bsk->k", x),
    "bytes": lambda x: torch.bmm(x.to(torch.int8), x.to(torch.int8).mT),
    "concat": lambda x: torch.cat([x, x.flip(1)], 1).reshape(-1, 8),
    "mean": lambda x: x.mean((0, 1)) + x.reshape(-1, 8).amax(0),
    "norm": lambda x: nn.functional.layer_norm(x, (8,)).view(-1, 8),
    "group norm": lambda x: nn.functional.group_norm(x.mT, 2),
    "pooled at": lambda x: x[torch.arange(x.shape[0]), x.sum(-1).argmax(-1)],
    "pooled apart": lambda x: x[torch.arange(x.shape[0]), :, torch.arange(x.shape[0]) % 8],
    "greater": lambda x: torch.ones(max(x.shape[0], x.shape[1] + 2), 3),
    "lesser": lambda x: torch.ones(min(x.shape[0], x.shape[1] + 2), 3),
    "one": lambda x: torch.ones(1, 8)[max(0, 1 - x.shape[1]):] + x,
    "number": lambda x: x * (0.5 * x.shape[1] + 1),
    "roll": lambda x: x.roll((2, -1), (0, 1)),
    "to a multiple": lambda x: nn.functional.pad(x, (0, 0, 0, -x.shape[1] % 4)),
    "greatest": lambda x: nn.functional.adaptive_max_pool2d(x, 1),
    "attention": lambda x: nn.functional.scaled_dot_product_attention(
        *[x.view(*x.shape[:2], 2, 4).transpose(1, 2)] * 3
    ).transpose(1, 2).reshape(*x.shape[:2], -1).view(-1, 8),
    "rows": lambda x: x[torch.arange(x.shape[0]), torch.arange(x.shape[0]) % x.shape[1]],
}  # fmt: skip


def test_dynamic_views():
    """All in one module: one compilation for every size."""

    def model(x):
        return [view(x) for view in DYNAMIC.values()]

    torch.manual_seed(0)
    module = plait.from_torch(model, (torch.randn(3, 5, 8),), dynamic_shapes=({0: b, 1: s},))
    exe = plait.compile(module, check="first")
    for sizes in [(3, 5), (5, 3), (2, 2), (7, 13), (1, 1), (1, 11), (11, 1), (64, 2)]:
        x = torch.randn(*sizes, 8)
        for name, got, want in zip(DYNAMIC, exe(x), model(x), strict=True):
            torch.testing.assert_close(
                got, want, rtol=1e-5, atol=2e-5, msg=f"{name} {sizes}: " + "{}"
            )


def test_reflection():
    """Sizes of at least two: a line is reflected within itself."""
    model = nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")
    shapes = ({0: b, 2: Dim("h", min=2, max=64), 3: Dim("w", min=2, max=64)},)
    exe = plait.compile(plait.from_torch(model, (torch.randn(2, 3, 9, 6),), dynamic_shapes=shapes))
    for sizes in [(1, 2, 3), (3, 17, 12), (5, 64, 2)]:
        x = torch.randn(sizes[0], 3, *sizes[1:])
        torch.testing.assert_close(exe(x), model(x), rtol=1e-5, atol=2e-5)


def test_a_size_squared():
    """Where two sizes are one, torch writes what they make together as a power."""

    def model(x, w):
        return e("abck,kn->abcn", x, w)

    shapes = ({0: b, 2: b}, {1: b})
    x, w = torch.randn(7, 16, 7, 32), torch.randn(32, 7)
    exe = plait.compile(plait.from_torch(model, (x, w), dynamic_shapes=shapes), check="first")
    for size in (7, 1, 20):
        exe(torch.randn(size, 16, size, 32), torch.randn(32, size))


def test_check_first_is_for_every_size():
    """A model that only goes wrong for other sizes than the first is found out."""

    def model(x):
        return x * 2

    module = plait.from_torch(model, (torch.randn(3),), dynamic_shapes=({0: Dim("n")},))
    exe = plait.compile(module, check="first")
    exe(torch.randn(4))
    object.__setattr__(module, "reference", lambda x: x * (2 if len(x) != 5 else 3))
    with pytest.raises(
        plait.CheckError, match=r"result 0 differs .* for arguments of shapes \[\(5,"
    ):
        exe(torch.randn(5))
    exe(torch.randn(4))


AUTO = Dim.AUTO
GUARDED = {
    "view": (lambda x: x.view(-1, 4), (4, 6), {0: AUTO}, [(8, 6), (5, 6)]),
    "view of two": (lambda x: x.view(-1, 3), (4, 6), {0: Dim("m"), 1: Dim("n")}, [(5, 3), (5, 5)]),
    "branch": (
        lambda x: x + 1 if x.shape[0] * x.shape[1] > 20 else x - 1,
        (4, 6),
        {0: AUTO, 1: AUTO},
        [(7, 3), (2, 6)],
    ),
}


@pytest.mark.parametrize("name", GUARDED)
def test_what_a_trace_assumes_of_sizes_is_checked(name):
    """A call of sizes for which the model does something else, or fails, is an error."""
    model, shape, dynamic, (good, bad) = GUARDED[name]
    x = torch.randn(shape)
    exe = plait.compile(plait.from_torch(model, (x,), dynamic_shapes=(dynamic,)))
    for right in (x, torch.randn(good)):
        torch.testing.assert_close(exe(right), model(right))
    with pytest.raises(plait.ArgumentError, match=r"expects .*x\.shape\[0\]"):
        exe(torch.randn(bad))


def test_sizes_that_the_data_decides_are_checked():
    x = torch.randn(12)

    def model(x, mask):
        return x[mask].view(-1, 2), x[mask].view(4, 2)

    mask = torch.arange(12) % 3 > 0
    exe = plait.compile(plait.from_torch(model, (x, mask)))
    torch.testing.assert_close(exe(x, mask), model(x, mask))
    for wrong in (mask.new_ones(12), torch.arange(12) < 3):
        with pytest.raises(plait.ArgumentError, match="expects"):
            exe(x, wrong)


half, d = Dim("half", min=1, max=32), Dim("d", min=3, max=64)
DERIVED = {
    "even": (lambda x: x.view(-1, 2).sum(1), [2 * half], [(6,), (10,), (64,)], [(7,), (66,)]),
    "pair": (
        lambda x, y: torch.cat([x, x]) + y, [b, 2 * b], [(3, 6), (5, 10)], [(4, 7), (4, 1), (4, 9)],
    ),
    "shifted": (lambda x, y: (x.sum(), y * 2), [d, d - 1], [(6, 5), (3, 2)], [(6, 6), (2, 1)]),
    "own": (lambda x: x[1:].view(-1, 3).sum(0), [3 * half + 1], [(7,), (13,)], [(8,), (1,)]),
    "inferred": (lambda x, y: x[:-1] + y, [Dim.AUTO] * 2, [(6, 5), (9, 8)], [(9, 9), (9, 1)]),
    "halved": (lambda x: x.view(2, -1) * 2, [2 * half], [(6,), (2,)], [(5,)]),
}  # fmt: skip


@pytest.mark.parametrize("name", DERIVED)
def test_sizes_computed_from_others(name):
    """What `2 * d` or `d - 1` says of sizes is checked at every call."""
    model, dims, right, wrong = DERIVED[name]
    right, wrong = ([tuple(map(torch.randn, sizes)) for sizes in cases] for cases in (right, wrong))
    module = plait.from_torch(model, right[0], dynamic_shapes=tuple({0: dim} for dim in dims))
    exe = plait.compile(module, check="first")
    for args in right:
        torch.testing.assert_close(exe(*args), model(*args))
    for args in wrong:
        with pytest.raises(plait.ArgumentError, match="expects"):
            exe(*args)


@pytest.mark.parametrize("name", ["encoder", "llama"])
def test_dynamic_models(name):
    from test_torch import LlamaBlock

    torch.manual_seed(0)
    if name == "llama":
        model = LlamaBlock().eval()
    else:
        model = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True).eval()
    shapes = ({0: b, 1: s},)
    exe = plait.compile(plait.from_torch(model, (torch.randn(2, 5, 64),), dynamic_shapes=shapes))
    for sizes in [(2, 5), (1, 1), (3, 17), (1, 64), (13, 2)]:
        x = torch.randn(*sizes, 64)
        with torch.no_grad():
            torch.testing.assert_close(exe(x), model(x), rtol=1e-5, atol=5e-6)
