"""Fourier transforms, linear equations, complex numbers and places of torch, against torch."""

import pytest

import plait

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")

F = torch.nn.functional


def check(model, *args):
    want = model(*args)
    got = plait.compile(plait.from_torch(model, args))(*args)
    flat = torch.utils._pytree.tree_leaves
    for result, value in zip(flat(got), flat(want), strict=True):
        torch.testing.assert_close(
            result, value.resolve_conj().resolve_neg(), rtol=1e-4, atol=2e-5, equal_nan=True
        )


def numbers(*shape):
    torch.manual_seed(0)
    return torch.randn(*shape)


def test_fourier():
    def model(x, z):
        fft = torch.fft
        window = torch.hann_window(16)
        wave = dict(n_fft=16, hop_length=4, window=window)
        spectrum = torch.stft(x.reshape(-1), return_complex=True, **wave)
        return [
            fft.fft(x, n=10, dim=1, norm="ortho"), fft.ifft(x, norm="forward"), fft.fft2(z),
            fft.irfft(fft.rfft(x, norm="ortho")), fft.irfft(fft.rfft(x), n=5), fft.ifft2(z),
            fft.fftn(x, dim=(1, 2)), fft.irfftn(fft.rfftn(x)), fft.hfft(fft.ihfft(x)),
            fft.fftshift(x), spectrum.abs(), torch.istft(spectrum, **wave),
            torch.stft(x.reshape(-1), return_complex=True, onesided=False, **wave),
        ]  # fmt: skip

    check(model, numbers(5, 5, 5), torch.complex(numbers(4, 6), numbers(6, 4).mT))


def test_linear_equations_and_norms():
    def model(x, y):
        linalg = torch.linalg
        positive = x @ x.mT + torch.eye(5)
        return [
            linalg.inv(x), linalg.solve(x, y), linalg.solve(x, y[0]), linalg.solve(x, x[:, 0]),
            linalg.solve(x, x, left=False), torch.inverse(x.double()), linalg.det(x),
            linalg.cholesky(positive), linalg.cholesky(positive, upper=True), linalg.slogdet(x),
            linalg.norm(x), linalg.norm(x, "fro", dim=(0, 1)), linalg.matrix_norm(x, 1),
            linalg.norm(x[0], float("inf")), linalg.norm(x, dim=1, ord=3),
        ]  # fmt: skip

    check(model, numbers(4, 5, 5), numbers(4, 5, 3) + 1)


@pytest.mark.parametrize(
    "op, message", [("inv", "the matrix is singular"), ("cholesky", "not positive definite")]
)
def test_equations_without_an_answer(op, message):
    model = getattr(torch.linalg, op)
    exe = plait.compile(plait.from_torch(lambda x: model(x), (torch.eye(3),)))
    assert torch.equal(exe(torch.eye(3)), torch.eye(3))
    with pytest.raises(plait.PlaitError, match=message):
        exe(torch.zeros(3, 3))


def test_complex_numbers():
    def model(x, z):
        return [
            z.abs(), z.angle(), x.angle(), z * z, z + 1, 2 - z, z / z, z / 2, 2 / z, z.conj() * 2,
            z + z.flip(0), z - z[0], z + x[0, :1], x[0, 0] - z[0, 0], torch.add(z, z, alpha=2j),
            z[:, :1] * z[0], z.real, z.imag, z.sum(0), z.sum(), z.mean(), z.exp(), z.log(), -z,
            z @ z.mT,
            (z * z.conj()).real, z.reciprocal(), torch.exp(1j * x), torch.polar(x, x) * x,
        ]  # fmt: skip

    check(model, numbers(3, 5), torch.complex(numbers(4, 6), numbers(6, 4).mT))


def test_complex_constants_and_truth():
    x = torch.tensor([[1 + 2j, 0], [complex("nan+1j"), complex("infj")], [0.5, -3j]])

    def model(x):
        y = x.flip(0)
        pair = (torch.logical_and, torch.logical_or, torch.logical_xor)
        return [
            torch.full((2, 3), 1 - 2j), x.index_fill(0, torch.tensor([1]), 3j),
            *(f(x, y) for f in pair), x.logical_not(), x.isnan(), x.isinf(), x[0].diag_embed(),
        ]  # fmt: skip

    check(model, x)


def test_sums_of_products():
    x, a, b = numbers(3, 4), numbers(2, 3, 5), numbers(2, 5, 4)

    def model(x, a, b):
        whole = [(v * 9).to(torch.int64) for v in (x, a, b)]
        return [torch.addbmm(x, a, b, beta=0.5, alpha=2), torch.addbmm(*whole, alpha=3)]

    check(model, x, a, b)


def test_complex_powers():
    def model(z):
        numbers = (0, 1, 2, 3.0, -1, -2, 0.5, -1.5, 1 + 2j)
        return [*(z**n for n in numbers), z**z, 2**z, (2 - 1j) ** z]

    z = torch.complex(numbers(3, 4), numbers(4, 3).mT)
    check(model, z)
    check(lambda z: (z**-1, z**0.5, z ** (1 + 2j)), torch.zeros_like(z))


@pytest.mark.parametrize("align_corners", [False, True])
def test_antialiased_interpolation(align_corners):
    def model(x):
        how = dict(antialias=True, align_corners=align_corners)
        return [
            *(
                F.interpolate(x, size=size, mode=mode, **how)
                for mode in ("bilinear", "bicubic")
                for size in ((7, 9), (7, 30), (40, 2))
            ),
            F.interpolate(x, scale_factor=0.4, mode="bilinear", **how),
            F.interpolate(x, scale_factor=(0.3, 1.7), mode="bicubic", **how),
        ]

    check(model, numbers(2, 3, 17, 23))


def test_pools_of_one_sample():
    x = numbers(2, 6, 7)
    pools = torch.nn.functional.avg_pool2d, torch.nn.functional.adaptive_avg_pool2d
    check(lambda x: [pool(x, 2) for pool in pools], x)
    check(lambda x: torch.ops.aten.avg_pool2d(x[None], [3], [2], [1], False, True, 5), x)


def test_pools_whose_cells_differ():
    def model(x):
        return [
            F.adaptive_max_pool2d(x, (5, 4), return_indices=True),
            F.adaptive_max_pool2d(x[0], (2, 13)), F.adaptive_max_pool2d(x, 1),
            F.adaptive_max_pool1d(x[0], 3),
        ]  # fmt: skip

    check(model, numbers(2, 3, 17, 13))


def test_places_and_counts():
    def model(x, i):
        return [
            x.roll(0, 0), x.roll(3), x.roll((-2, 7), (1, 2)), x.roll((1, 1), (1, 1)),
            x.new_full((2, 0), 3.0), x[:, 5:].sum(1), x.signbit(), (-0.0 * x).signbit(),
            torch.histc(x, 4, -1, 1), torch.histc(x), torch.bincount(i), i.bincount(x[0, 0], 9),
            x.repeat_interleave(i, 0), F.one_hot(i, 5),
        ]  # fmt: skip

    check(model, numbers(5, 5, 5), torch.tensor([1, 2, 0, 3, 1]))


def test_kernels_of_constants():
    """A tensor that a function or a module only holds."""
    held = numbers(3, 4)
    check(lambda x: [x + held.sort()[0], x + held.cumsum(0)], numbers(3, 4))
