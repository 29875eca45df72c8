"""The JAX front: programs compiled to the CPU and run against JAX itself."""

from typing import NamedTuple

import numpy as np
import pytest

import plait

jax = pytest.importorskip("jax")
jnp = jax.numpy
lax = jax.lax

_RNG = np.random.default_rng(7)
_X = jnp.asarray(_RNG.standard_normal((6, 10)).astype(np.float32))
_W = jnp.asarray(_RNG.standard_normal((10, 10)).astype(np.float32) / 4)
_I = jnp.asarray([5, 2, 2, -1], jnp.int32)
_KEY = jnp.asarray([3, 4], jnp.uint32)


def _key(data):
    return jax.random.wrap_key_data(data)


def _scatter(x, i, mode):
    numbers = lax.ScatterDimensionNumbers((1, 2), (), (0,))
    return lax.scatter_add(x, i[:, None], jnp.ones((4, 3, 10)), numbers, mode=mode)


_EXACT = {
    "while": (
        lambda x: lax.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, -s[1]), (0, x)),
        _X,
    ),
    "swap": (lambda x: lax.fori_loop(0, 3, lambda _, s: (s[1], s[0] * 2), (x, x + 1)), _X),
    "switch": (
        lambda x: [
            lax.switch(i, [lambda y: y, jnp.negative, lambda y: y * 2], x) for i in (0, 1, 2, 9)
        ],
        _X,
    ),
    "set": (lambda x, i: x.at[i].set(jnp.arange(40.0).reshape(4, 10)), _X, _I),
    "drop": (lambda x, i: x.at[i + 4].max(9.0, mode="drop"), _X, _I),
    "windows": (lambda x, i: _scatter(x, i, "drop"), _X, _I),
    "batched": (jax.vmap(lambda x, i: x.at[i].add(1)), jnp.zeros((3, 5), jnp.int32), _I[:3, None]),
    "sort": (lambda x: (jnp.sort(x, 0), jnp.sort(x, 1), jnp.sort(x.ravel())), _X),
    "nan": (jnp.sort, jnp.asarray([1, np.nan, -0.0, 0.0, -np.inf, -np.nan, 2], jnp.float32)),
    "stable": (lambda i: lax.sort((i % 3, jnp.arange(40)), num_keys=1), jnp.arange(40) * 7),
    "unsigned": (lambda i: jnp.sort(i.astype(jnp.uint32)), _I),
    "topk": (lambda x: lax.top_k(x, 3), _X),
    "argsort": (lambda x: jnp.argsort(x, -1, descending=True), _X),
    "argmax": (lambda x: (jnp.argmax(x, 0), x > 0), _X),
    "slice": (lambda x, i: lax.dynamic_slice(x, (i, i), (2, 3)), _X, 9),
    "gather": (lambda x, i: (x[i], jnp.take(x, i, axis=1, mode="clip")), _X, _I),
    "saturate": (
        lambda x: [x.astype(t) for t in ("int8", "uint8", "int32", "uint32", "bool")],
        jnp.asarray([np.nan, np.inf, -np.inf, 3e9, -3e9, -0.7, 300, -129], jnp.float32),
    ),
    "nothing": (
        lambda x: (
            x[6:],
            x[:0].sum(0),
            jnp.concatenate([x[:0], x]),
            x.at[_I[:0]].add(1.0),
            lax.pad(x[:0], 1.0, ((1, 2, 1), (0, 0, 0))),
            jnp.sort(x[:0]),
            x[:, :0] @ x[:0],
            lax.reduce_window(x[:0], -np.inf, lax.max, (2, 1), (1, 1), ((1, 1), (0, 0))),
        ),
        _X,
    ),
    "bf16": (lambda x: x.astype(jnp.bfloat16) * 3, _X),
    "split": (lambda k: jax.random.key_data(jax.random.split(_key(k), 3)), _KEY),
    "fold_in": (lambda k, i: jax.random.key_data(jax.random.fold_in(_key(k), i)), _KEY, 12),
    "seed": (lambda s: jax.random.key_data(jax.random.key(s)), 1234),
    "bits": (lambda k: jax.random.bits(_key(k), (5, 7)), _KEY),
    "uniform": (lambda k: jax.random.uniform(_key(k), (5, 7)), _KEY),
    "randint": (lambda k: jax.random.randint(_key(k), (33,), -5, 100), _KEY),
    "permutation": (lambda k: jax.random.permutation(_key(k), 20), _KEY),
}

_CLOSE = {
    "mlp": (lambda x: jax.nn.gelu(x @ _W + 1) @ _W, _X),
    "cond": (lambda x: lax.cond(x.sum() > 0, lambda y: y @ _W, jnp.sin, x), _X),
    "scan": (lambda x: lax.scan(lambda c, e: (jnp.tanh(c @ _W + e), c), jnp.zeros(10), x), _X),
    "cumsum": (lambda x: jnp.cumsum(x, 1), _X),
    "complex": (lambda x: jnp.abs(x + 1j * x), _X),
    "normal": (lambda k: jax.random.normal(_key(k), (64,)), _KEY),
    "conv": (
        lambda x: lax.conv(x.reshape(1, 1, 6, 10), jnp.ones((2, 1, 3, 3)), (1, 2), "SAME"),
        _X,
    ),
    "grad": (jax.grad(lambda x: jnp.sum(jax.nn.softmax(x @ _W) ** 2)), _X),
}


def _run(function, *args):
    got = plait.compile(plait.from_jax(function, *args))(*args)
    want = jax.jit(function)(*args)
    assert jax.tree.structure(got) == jax.tree.structure(want)
    return list(zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True))


@pytest.mark.parametrize("name", _EXACT)
def test_equal(name):
    for got, want in _run(*_EXACT[name]):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(np.asarray(got), np.asarray(want))


@pytest.mark.parametrize("name", _CLOSE)
def test_close(name):
    for got, want in _run(*_CLOSE[name]):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=2e-5, atol=2e-6)


def test_trees_and_typed_keys():
    def step(state, key, scale):
        noise = jax.random.uniform(key, state["w"].shape)
        return {"b": None, "a": [state["w"] + scale * noise, (state["n"] + 1,)]}

    state = {"w": _X, "n": np.int32(3)}
    pairs = _run(step, state, jax.random.key(1), 2.0)
    for got, want in pairs:
        np.testing.assert_allclose(got, want, rtol=1e-6)
    assert all(isinstance(got, jax.Array) for got, _ in pairs)


class State(NamedTuple):
    key: object
    count: jax.Array


def test_namedtuples_and_keys_as_results(tmp_path):
    def step(state, scale):
        keys = jax.random.split(state.key, 3)
        return State(keys[0], state.count + 1), jax.random.normal(keys[1], (4,)) * scale, keys

    state = State(jax.random.key(1), jnp.int32(3))
    executable = plait.compile(plait.from_jax(step, state, 2.0))
    executable.save(tmp_path / "step.plait")
    for run in (executable, plait.load(tmp_path / "step.plait")):
        got, want = run(state, 2.0), jax.jit(step)(state, 2.0)
        assert jax.tree.structure(got) == jax.tree.structure(want)
        assert got[0].key.dtype == want[0].key.dtype
        for index in (0, 2):
            got_keys, want_keys = (jax.tree.leaves(x[index])[0] for x in (got, want))
            data = [jax.random.key_data(x) for x in (got_keys, want_keys)]
            np.testing.assert_array_equal(*data)
        np.testing.assert_allclose(got[1], want[1], rtol=1e-6)


# A power of two, factors up to 61, a large prime (Bluestein), and one element.
@pytest.mark.parametrize("n", [1, 60, 67, 122, 1024])
def test_fft(n):
    x = np.asarray(_RNG.standard_normal((3, n)) + 1j * _RNG.standard_normal((3, n)), np.complex64)
    half = x[:, : n // 2 + 1]

    def all_kinds(fft, x, half):
        return fft.fft(x), fft.ifft(x), fft.rfft(x.real), fft.irfft(half, n)

    run = plait.compile(plait.from_jax(lambda x, half: all_kinds(jnp.fft, x, half), x, half))
    wide = [x.astype(np.complex128) for x in (x, half)]
    for got, want in zip(run(x, half), all_kinds(np.fft, *wide), strict=True):
        assert got.shape == want.shape
        scale = np.sqrt(np.mean(np.abs(want) ** 2))
        np.testing.assert_allclose(got / scale, want / scale, atol=4e-6, rtol=0)


def test_fft_of_several_dimensions():
    x = _RNG.standard_normal((4, 3, 5, 6))

    def model(fft, x):
        y = fft.rfftn(x, axes=(1, 2, 3))
        return y, fft.irfftn(y, (3, 5, 6), axes=(1, 2, 3)), fft.ifft2(y, axes=(0, 3))

    with jax.enable_x64(True):
        run = plait.compile(plait.from_jax(lambda x: model(jnp.fft, x), x))
    for got, want in zip(run(x), model(np.fft, x), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, atol=1e-13)


def test_closed_over_arrays_are_weights():
    inner = jax.jit(lambda x: x @ _W)
    module = plait.from_jax(lambda x: lax.fori_loop(0, 2, lambda _, y: inner(y), x), _X)
    assert [weight.shape for weight in module.weights] == [(10, 10)]
    np.testing.assert_allclose(plait.compile(module)(_X), _X @ _W @ _W, rtol=1e-4, atol=1e-5)


_STABLEHLO = """
func.func public @main(%x: tensor<3xui32>, %p: tensor<i1>) -> tensor<3xui32> {
  %0 = "stablehlo.if"(%p) ({
    %1 = stablehlo.add %x, %x : tensor<3xui32>
    stablehlo.return %1 : tensor<3xui32>
  }, {
    stablehlo.return %x : tensor<3xui32>
  }) : (tensor<i1>) -> tensor<3xui32>
  return %0 : tensor<3xui32>
}
"""


def test_stablehlo_text():
    run = plait.compile(plait.from_stablehlo(_STABLEHLO))
    x = np.asarray([1, 2, 2**31], np.uint32)
    assert run(x, np.True_).dtype == np.uint32
    np.testing.assert_array_equal(run(x, np.True_), [2, 4, 0])
    np.testing.assert_array_equal(run(x, np.False_), x)
    with pytest.raises(plait.ArgumentError, match="expects dtype uint32, got int32"):
        run(x.astype(np.int32), np.True_)
    with pytest.raises(plait.ArgumentError, match="expects shape"):
        run(x[:2], np.True_)


def test_zero_size():
    for got, want in _run(lambda x: (jnp.sort(x, 1), x.at[_I].add(1.0), x * 2), jnp.ones((6, 0))):
        assert got.shape == want.shape


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @main(", "not valid StableHLO"),
        ("func.func @f() { return }", "expects a function @main"),
        ("func.func @main(%x: index) { return }", "argument 0: expects a ranked tensor, got index"),
        ("func.func @main(%x: tensor<2xi4>) { return }", "no array holds elements of type 'i4'"),
    ],
)
def test_bad_text(text, message):
    with pytest.raises(plait.FrontendError, match=message):
        plait.from_stablehlo(text)


def test_refused_ops_are_named_with_their_lines():
    def model(x):
        y = jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x)
        return y + jnp.linalg.cholesky(jnp.eye(10))

    line = model.__code__.co_firstlineno + 1
    with pytest.raises(plait.FrontendError) as error:
        plait.from_jax(model, _X[0])
    callback = "stablehlo.custom_call @xla_ffi_python_cpu_callback"
    assert f"{callback} at {__file__}:{line}" in str(error.value)
    assert f"stablehlo.custom_call @lapack_spotrf_ffi at {__file__}:{line + 1}" in str(error.value)


def test_bad_functions():
    with pytest.raises(plait.FrontendError, match="jax cannot trace the function"):
        plait.from_jax(lambda x: x @ x, _X)
    with pytest.raises(plait.FrontendError, match="the results hold a Partial; expects arrays"):
        plait.from_jax(lambda x: jax.tree_util.Partial(jnp.sin, x), _X)
    with pytest.raises(plait.ArgumentError, match=r"expects dtype int32, got the float 1\.5"):
        plait.compile(plait.from_jax(lambda i: i + 1, 1))(1.5)


def test_what_jaxlib_leaves():
    """Fails when a version of jax moves: the ops left to us and what it refuses."""
    import re

    def ops(function, *args):
        text = plait.from_jax(function, *args).text
        return sorted(set(re.findall(r'"((?!stablehlo.return)stablehlo\.\w+)"', text)))

    assert ops(lambda x: lax.fori_loop(0, 5, lambda _, y: y * 2, x), _X) == ["stablehlo.while"]
    assert ops(lambda x: lax.cond(x[0, 0] > 0, jnp.sin, jnp.cos, x), _X) == ["stablehlo.case"]
    assert ops(lambda x: lax.top_k(x, 2), _X) == ["stablehlo.sort"]
    assert ops(lambda x: x.at[1].set(0), _X) == ["stablehlo.scatter"]
    assert ops(lambda k: jax.random.bits(_key(k)), _KEY) == ["stablehlo.while"]
    assert ops(lambda x: jax.nn.softmax(jnp.cumsum(x[_I] @ _W, 1)), _X) == []
