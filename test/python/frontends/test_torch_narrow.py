"""Layers with narrow elements, as torch says them, against float64 with an error model."""

import numpy as np
import pytest

import plait

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")


class Linear(torch.nn.Module):
    """A linear layer with a bias in its own element type."""

    def __init__(self, columns, depth, dtype):
        super().__init__()
        self.layer = torch.nn.Linear(depth, columns, dtype=dtype)

    def forward(self, x):
        return self.layer(x)

    def exact(self):
        return self.layer.weight.double(), self.layer.bias.double()


class Int8Weights(torch.nn.Module):
    """Weights of int8 with a scale per column, dequantised in one of the usual ways."""

    def __init__(self, columns, depth, dtype, form):
        super().__init__()
        weight = torch.randint(-128, 128, (columns, depth), dtype=torch.int8)
        self.register_buffer("weight", weight)
        self.register_buffer("scale", torch.rand(columns).to(dtype) / 64)
        self.form = form

    def forward(self, x):
        if self.form == "packed":
            return torch.ops.aten._weight_int8pack_mm(x, self.weight, self.scale)
        wide = self.weight.to(x.dtype)
        if self.form == "scaled weights":
            return x @ (wide * self.scale[:, None]).t()
        if self.form == "linear":
            return torch.nn.functional.linear(x, wide * self.scale[:, None])
        return torch.nn.functional.linear(x, wide) * self.scale

    def exact(self):
        return self.weight.double() * self.scale.double()[:, None], 0


F32, BF16, F16 = torch.float32, torch.bfloat16, torch.float16
MODELS = {
    "bf16": (BF16, lambda n, k: Linear(n, k, BF16)),
    "f16": (F16, lambda n, k: Linear(n, k, F16)),
    **{
        f"int8 {form} {dtype}": (dtype, lambda n, k, d=dtype, f=form: Int8Weights(n, k, d, f))
        for form, dtype in [
            ("scaled weights", F32), ("linear", BF16), ("scaled sums", F32), ("packed", BF16)
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize("rows", [1, 7, 100, None])
@pytest.mark.parametrize("name", MODELS)
def test_layer(name, rows):
    dtype, make = MODELS[name]
    torch.manual_seed(0)
    columns, depth = 72, 131
    model = make(columns, depth).eval()
    shapes = ({0: torch.export.Dim("rows", max=64)},) if rows is None else None
    example = torch.randn(rows or 5, depth).to(dtype)
    compiled = plait.compile(plait.from_torch(model, (example,), dynamic_shapes=shapes))
    weight, bias = (torch.as_tensor(value).detach().numpy() for value in model.exact())
    for count in [rows] if rows else [1, 5, 33]:
        x = torch.randn(count, depth).to(dtype)
        got = compiled(x)
        assert got.dtype == dtype
        exact = x.double().numpy()
        want = exact @ weight.T + bias
        # A rounding per product and sum in f32, of the scaled weight and of the result.
        size = np.abs(exact) @ np.abs(weight.T) + np.abs(bias)
        unit = torch.finfo(dtype).eps / 2
        limit = (depth + 3) * 2.0**-24 * size + 2 * unit * (size + np.abs(want)) + 1e-7
        assert (np.abs(got.double().numpy() - want) <= limit).all()


@pytest.mark.parametrize("rows", [1, 40])
def test_int8_products_are_exact(rows):
    class Products(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("weight", torch.randint(-128, 128, (130, 48), dtype=torch.int8))

        def forward(self, x):
            return torch._int_mm(x, self.weight)

    model = Products()
    x = torch.randint(-128, 128, (rows, 130), dtype=torch.int8)
    x[0], model.weight[:, 0] = -128, -128
    got = plait.compile(plait.from_torch(model, (x,)))(x)
    assert torch.equal(got, (x.double() @ model.weight.double()).int())


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int16])
def test_narrow_products_wrap(dtype):
    x, y = (torch.randint(-128, 128, shape).to(dtype) for shape in ((7, 130), (130, 9)))
    got = plait.compile(plait.from_torch(torch.mm, (x, y)))(x, y)
    assert torch.equal(got, x @ y)


@pytest.mark.parametrize("name", [name for name in MODELS if "int8" in name])
def test_weights_stay_narrow(name):
    """No copy of int8 weights in the type of the sums, in memory or prepacked."""
    dtype, make = MODELS[name]
    module = plait.from_torch(make(64, 128).eval(), (torch.randn(1, 128).to(dtype),))
    lowered = plait.compile(module, to="lowered")
    wide = [f"tensor<{shape}x{of}>" for shape in ("64x128", "128x64") for of in ("f32", "bf16")]
    assert "tensor<64x128xi8>" in lowered
    assert not any(text in lowered for text in wide)


def test_halves_and_numbers_beyond_them():
    """torch multiplies and divides by a number that is no half in float32."""

    def model(x):
        return [x / 1e6, x * 1e6, 1e6 / x, x * 1e-9, x + 1e5, x / 2.5]

    x = torch.tensor([1.0, -3.5, 60000.0, 1e-4, 0.0]).half()
    for got, want in zip(plait.compile(plait.from_torch(model, (x,)))(x), model(x), strict=True):
        torch.testing.assert_close(got, want, rtol=2e-3, atol=1e-7, equal_nan=True)
