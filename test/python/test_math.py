"""The vector functions of f32 against NumPy in float64, in units in the last place."""

import ml_dtypes
import numpy as np
import pytest

import plait

#: Greatest errors: what the description of math-expand-to-arith states.
LIMITS = {"exp": 0.9, "exp2": 0.9, "expm1": 1.5, "log": 0.9, "log2": 1.2, "log1p": 1.6,
          "tanh": 1.4, "erf": 1.0, "rsqrt": 1.5, "sin": 1.6, "cos": 1.6,
          "sigmoid": 2.2}  # fmt: skip
#: Where exp(-x) overflows, a sigmoid is 0.
SMALLEST = {"sigmoid": 1.1754944e-38}


def exact(name, x):
    """The function in float64."""
    x = x.astype(np.float64)
    with np.errstate(all="ignore"):
        if name == "rsqrt":
            return 1 / np.sqrt(x)
        if name == "sigmoid":
            return 1 / (1 + np.exp(-x))
        if name == "erf":
            torch = pytest.importorskip("torch")
            return torch.erf(torch.from_numpy(x)).numpy()
        return getattr(np, name)(x)


def function(name, shape, element="f32"):
    tensor = f"tensor<{shape}x{element}>"
    body = f"%y = math.{name} %x : {tensor}"
    if name == "sigmoid":  # As the imports of torch and JAX have it.
        body = (
            f"%one = arith.constant dense<1.0> : {tensor}\n%n = arith.negf %x : {tensor}\n"
            f"%e = math.exp %n : {tensor}\n%s = arith.addf %e, %one : {tensor}\n"
            f"%y = arith.divf %one, %s : {tensor}"
        )
    return plait.compile(
        f"func.func @main(%x: {tensor}) -> {tensor} {{ {body}\nreturn %y : {tensor} }}"
    )


@pytest.fixture(scope="module")
def samples():
    """Every 4099th bit pattern of f32, and what is special."""
    bits = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32)
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 88.7228, 88.7229, -87.34, -103.97,
                        1e-45, -1e-45, 1.1754944e-38, 3.4028235e38], np.float32)  # fmt: skip
    return np.concatenate([bits.view(np.float32), special])


@pytest.mark.parametrize("name", LIMITS)
def test_ulp(name, samples):
    got = function(name, len(samples))(samples)
    want = exact(name, samples)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    with np.errstate(over="ignore"):
        rounded = want.astype(np.float32)
    infinite = np.isinf(rounded) | np.isinf(got)
    # An overflow may come one unit early or late.
    assert (np.abs(want[infinite]) > 3.4028234e38).all()
    np.testing.assert_array_equal(np.sign(got[infinite]), np.sign(want[infinite]))
    plain = ~np.isnan(want) & ~infinite
    small = plain & (np.abs(want) < SMALLEST.get(name, 0))
    assert (np.abs(got[small] - want[small]) < SMALLEST.get(name, 0)).all()
    plain &= ~small
    unit = np.spacing(np.abs(rounded[plain])).astype(np.float64)
    error = np.abs(got[plain].astype(np.float64) - want[plain]) / unit
    assert error.max() <= LIMITS[name], (samples[plain][error.argmax()], error.max())
    zero = samples == 0
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]))


@pytest.mark.parametrize("fact", ["", " {plait.nonpositive}"])
def test_approximate_exp(fact, samples):
    x = samples[~(samples > 0)] if fact else samples
    tensor = f"tensor<{len(x)}xf32>"
    got = plait.compile(
        f"func.func @main(%x: {tensor}) -> {tensor} {{\n"
        f"%y = math.exp %x fastmath<afn>{fact} : {tensor}\nreturn %y : {tensor} }}"
    )(x)
    want = exact("exp", x)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = want.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(rounded))
    plain = np.isfinite(rounded)
    unit = np.spacing(np.abs(rounded[plain])).astype(np.float64)
    error = np.abs(got[plain].astype(np.float64) - want[plain]) / unit
    limit = 2.8 + 0.05 * np.abs(x[plain].astype(np.float64))
    assert (error <= limit).all(), (x[plain][(error - limit).argmax()], error.max())
    assert (got[x == 0] == 1).all()


@pytest.mark.parametrize("name", ["exp", "tanh", "erf", "log"])
@pytest.mark.parametrize("element, dtype", [("f16", np.float16), ("bf16", ml_dtypes.bfloat16)])
def test_half_is_rounded_once(name, element, dtype):
    x = np.arange(0, 2**16, 7, dtype=np.uint16).view(dtype)
    got = function(name, len(x), element)(x).astype(np.float32)
    with np.errstate(all="ignore"):
        want = exact(name, x.astype(np.float32)).astype(np.float32).astype(dtype)
        unit = np.abs(np.spacing(want.astype(dtype))).astype(np.float32)
        close = np.abs(got - want.astype(np.float32)) <= unit
        same = (got == want.astype(np.float32)) | (np.isnan(got) & np.isnan(want))
    assert (close | same).all()


def test_a_tail_has_the_bits_of_a_vector():
    x = np.linspace(-5, 5, 67, dtype=np.float32)
    for name in LIMITS:
        whole = function(name, 67)(x)
        for size in [1, 3, 16, 33]:
            np.testing.assert_array_equal(function(name, size)(x[:size]), whole[:size])
