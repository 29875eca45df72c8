"""Draws from torch's generator become keyed ones, or are refused by name."""

import re

import numpy as np
import pytest
import typer.testing
from test_raise import K, P, imported, normal, raised, torch_top_k, torch_top_p

import plait
from plait.cli import app
from plait.sampling import draw_keys, raise_to_sample, reference


def multinomial(torch, x):
    return torch.multinomial(x.softmax(-1), 1)[:, 0]


def multinomial_of_weights(torch, x):
    return torch.multinomial(x.exp(), 1)


def multinomial_of_bfloat16(torch, x):
    return torch.multinomial(x.softmax(-1).bfloat16(), 1)


def draw_of_vllm(torch, x):
    """random_sample of vLLM."""
    q = torch.empty_like(probs := x.softmax(dim=-1, dtype=torch.float32))
    q.exponential_()
    return probs.div_(q).argmax(dim=-1).view(-1)


def draw_of_distributions(torch, x):
    return torch.distributions.Categorical(logits=x).sample()


def draw_of_gpt_fast(torch, x):
    """sample of gpt-fast, with its top-k."""
    x = x / max(0.7, 1e-5)
    pivot = torch.topk(x, min(K, x.size(-1)))[0].select(-1, -1).unsqueeze(-1)
    probs = torch.softmax(torch.where(x < pivot, -float("Inf"), x), dim=-1)
    q = torch.empty_like(probs).exponential_(1)
    return torch.argmax(probs / q, dim=-1, keepdim=True).to(dtype=torch.int)


def draw_of_llama(torch, x):
    """sample_top_p of Llama."""
    probs, indices = torch.sort(torch.softmax(x, dim=-1), dim=-1, descending=True)
    mask = torch.cumsum(probs, dim=-1) - probs > P
    probs[mask] = 0.0
    probs.div_(probs.sum(dim=-1, keepdim=True))
    return torch.gather(indices, -1, torch.multinomial(probs, num_samples=1))


def draw_of_nano_gpt(torch, x):
    """generate of nanoGPT: the logits of the last position, top-k by assignment."""
    x = x[:, None, :].repeat(1, 3, 1)[:, -1, :] / 0.7
    v, _ = torch.topk(x, min(K, x.size(-1)))
    x[x < v[:, [-1]]] = -float("Inf")
    return torch.multinomial(torch.nn.functional.softmax(x, dim=-1), num_samples=1)


def draw_of_transformers(torch, x):
    """_sample of transformers, with top-k and top-p."""
    x = torch_top_p(torch, torch_top_k(torch, x))
    probs = torch.nn.functional.softmax(x, dim=-1)
    return torch.multinomial(probs, num_samples=1).squeeze(1)


def gumbel_max(torch, x):
    return (x - torch.empty_like(x).exponential_().log()).argmax(-1)


def two_draws(torch, x):
    p = x.softmax(-1)
    return torch.cat([torch.multinomial(p, 1), torch.multinomial(p, 1)], -1)


#: The row that each draws from.
DRAWS = {
    multinomial: lambda row: row,
    multinomial_of_weights: lambda row: row,
    multinomial_of_bfloat16: None,
    draw_of_vllm: lambda row: row,
    draw_of_distributions: lambda row: row - np.logaddexp.reduce(row),
    draw_of_gpt_fast: lambda row: reference.top_k(row / np.float32(0.7), K, True),
    draw_of_llama: lambda row: reference.top_p(row, P),
    draw_of_nano_gpt: lambda row: reference.top_k(row / np.float32(0.7), K, True),
    draw_of_transformers: lambda row: reference.top_p(reference.top_k(row, K, True), P),
    gumbel_max: lambda row: row,
    two_draws: lambda row: row,
}


@pytest.mark.parametrize("program", DRAWS, ids=lambda program: program.__name__)
def test_draws_of_torch(program):
    """One keyed draw of the row, by the keys that the program takes now."""
    torch = pytest.importorskip("torch")
    # Without ties: which of equal logits stays is torch's own affair.
    x = np.random.default_rng(5).standard_normal((6, 300)).astype(np.float32) * 3
    module = imported(program, x, torch)
    drawn = raised(module, keep_bits=False)
    lanes = (0, 2) if program is two_draws else (0,)
    assert drawn.text.count("sample.draw") == len(lanes)
    executable = plait.compile(drawn)
    key = draw_keys(6, seed=range(6), position=9, session_id=2)
    ours = executable(x, **key).reshape(6, -1)
    assert ours.dtype == (np.int32 if program is draw_of_gpt_fast else np.int64)
    if (row_of := DRAWS[program]) is not None:
        if program not in (multinomial_of_weights, draw_of_llama, draw_of_distributions):
            assert "math.exp" not in drawn.text or program is draw_of_gpt_fast
        for b, row in enumerate(x):
            for lane, token in zip(lanes, ours[b], strict=True):
                bits = reference.random(b, 2, b, 9, lane=lane)
                assert token == reference.draw(row_of(row), bits).token
    # A row's key decides, not its place.
    order = np.array([3, 5, 0, 1, 4, 2])
    moved = executable(x[order], **{name: value[order] for name, value in key.items()})
    np.testing.assert_array_equal(moved.reshape(6, -1), ours[order])


def race(torch, x):
    return (x.softmax(-1) / torch.empty_like(x).exponential_()).argmax(-1)


@pytest.mark.parametrize("shape", [(300,), (2, 3, 300)], ids=["vector", "sequences"])
def test_draws_of_torch_from_other_shapes(shape):
    """The rows are the last dimension's; a vector is one row."""
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(6).standard_normal(shape).astype(np.float32) * 3
    rows = x.reshape(-1, 300)
    drawn = raised(imported(race, x, torch), keep_bits=False)
    assert drawn.text.count("sample.draw") == 1
    ours = plait.compile(drawn)(x, **draw_keys(len(rows), seed=4, position=1))
    want = [reference.draw(r, reference.random(4, 0, b, 1)).token for b, r in enumerate(rows)]
    np.testing.assert_array_equal(ours, np.reshape(want, shape[:-1]))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_best_of_a_top_k_of_torch(dtype):
    """topk(1), with ties of both zeros, infinities, a row without candidates and one with a NaN."""
    torch = pytest.importorskip("torch")
    rows = [[1, 3, 3, 2], [-1, -0.0, 0.0, -3], [np.inf, 1, np.inf, 2], [-np.inf] * 4]
    x = torch.tensor([*rows, [2, np.nan, 5, 1]], dtype=getattr(torch, dtype))
    program = lambda x: (*torch.topk(x, 1), torch.topk(x, 1, largest=False)[0])  # noqa: E731
    values, indices, least = plait.compile(plait.from_torch(program, (x,)))(x)
    for ours, theirs in ((values, program(x)[0]), (least, program(x)[2])):
        assert ours.dtype == x.dtype
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)
    assert indices[:, 0].tolist() == [1, 1, 0, 0, 1]
    best = raised(plait.from_torch(lambda x: torch.topk(x, 1).indices, (x,)))
    assert "sample.greedy" in best.text and "stablehlo.sort" not in best.text
    assert plait.compile(best)(x)[:3].equal(indices[:3])


#: What the error names, and the program.
NO_DRAWS = {
    "gumbel_softmax": lambda torch, x: torch.nn.functional.gumbel_softmax(x, hard=True),
    "exponential_": lambda torch, x: x + torch.empty_like(x).exponential_(),
    "aten.rand_like": lambda torch, x: (x - (-torch.rand_like(x).log()).log()).argmax(-1),
    "aten.rand": lambda torch, x: x + torch.distributions.Gumbel(0, 1).sample(x.shape),
    "aten.multinomial": lambda torch, x: torch.distributions.Categorical(logits=x).sample((2,)),
}


@pytest.mark.parametrize("name", NO_DRAWS)
def test_noise_that_decides_no_draw_is_refused(name):
    """At import, by the name and the line of the program."""
    torch = pytest.importorskip("torch")
    with pytest.raises(plait.errors.FrontendError) as error:
        imported(NO_DRAWS[name], normal(2, 9), torch)
    assert re.search(rf"^  {re.escape(name)} at File .*test_raise.py", str(error.value), re.M)
    assert "draw with plait.sampling" in str(error.value)


def test_a_distribution_checks_its_parameters_again_after_an_import():
    torch = pytest.importorskip("torch")
    imported(draw_of_distributions, normal(2, 9), torch)
    with pytest.raises(ValueError, match="the constraint"):
        torch.distributions.Categorical(probs=torch.tensor([-1.0, 2.0]))


@pytest.mark.parametrize(
    "program", [multinomial, multinomial_of_weights, multinomial_of_bfloat16, draw_of_llama],
    ids=lambda program: program.__name__,
)  # fmt: skip
def test_draws_of_torch_are_as_torch_s(program):
    """Of 2**15 draws each, torch's own and ours: one distribution, by chi-square."""
    torch = pytest.importorskip("torch")
    stats = pytest.importorskip("scipy.stats")
    row, count = np.linspace(-2, 2, 24, dtype=np.float32), 2**15
    x = np.tile(row, (count, 1))
    executable = plait.compile(raise_to_sample(imported(program, x, torch), keep_bits=False))
    torch.manual_seed(1)
    tokens = executable(x, **draw_keys(count, seed=5)), program(torch, torch.from_numpy(x)).numpy()
    table = np.array([np.bincount(part.ravel(), minlength=24) for part in tokens])
    table = table[:, table.sum(0) > 0]
    assert table.shape[1] >= 12
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_a_generator_of_torch_needs_keys():
    torch = pytest.importorskip("torch")
    errors = plait.errors
    module = imported(multinomial, normal(2, 9), torch)
    with pytest.raises(errors.CompileError, match=r"has a state(.|\n)*keep-bits=false"):
        raise_to_sample(module)
    with pytest.raises(errors.CompileError, match=r"test_raise.py(.|\n)*raise_to_sample"):
        plait.compile(module)
    drawn = raise_to_sample(module, keep_bits=False)
    with pytest.raises(errors.ArgumentError, match="seed"):
        plait.compile(drawn)(normal(2, 9))
    # More than one sample, and a loop, which would draw with the same key again.
    with pytest.raises(errors.FrontendError, match=r"aten.multinomial(.|\n)*plait.sampling"):
        plait.from_torch(lambda x: torch.multinomial(x.softmax(-1), 2), (torch.zeros(2, 9),))

    def loop(i, x):
        step = lambda i, x: (i + 1, x + torch.multinomial(x.softmax(-1), 1))  # noqa: E731
        return torch._higher_order_ops.while_loop(lambda i, x: i < 3, step, (i, x))[1]

    module = plait.from_torch(loop, (torch.tensor(0), torch.zeros(2, 9)))
    with pytest.raises(errors.CompileError, match="outside of control flow"):
        raise_to_sample(module, keep_bits=False)


def test_keys_are_keyword_arguments():
    torch = pytest.importorskip("torch")

    def program(x, *, t):
        return torch.multinomial((x / t).softmax(-1), 1)

    x = torch.from_numpy(normal(3, 20))
    module = plait.from_torch(program, (x,), {"t": torch.tensor(0.5)})
    executable = plait.compile(raise_to_sample(module, keep_bits=False))
    tokens = executable(x, t=torch.tensor(0.5), **draw_keys(3, seed=8))[:, 0]
    rows = x.numpy() / np.float32(0.5)
    want = [reference.draw(r, reference.random(8, 0, b, 0)).token for b, r in enumerate(rows)]
    assert tokens.tolist() == want
    seed = plait.from_torch(lambda x, *, seed: multinomial(torch, x + seed), (x,), {"seed": x})
    with pytest.raises(plait.errors.ArgumentError, match="'seed'"):
        raise_to_sample(seed, keep_bits=False)


def test_a_file_is_raised(tmp_path):
    """`plait run` and `plait compile` with --keep-bits and --no-keep-bits."""
    torch = pytest.importorskip("torch")
    x = normal(4, 30)
    path, out = tmp_path / "draw.mlir", tmp_path / "out.npz"
    path.write_text(imported(multinomial, x, torch).text)
    values = {"x": x, **draw_keys(4, seed=3, position=1)}
    files = []
    for name, value in values.items():
        files += ["-i", str(tmp_path / f"{name}.npy")]
        signed = value if name == "x" else value.astype(value.dtype.name.lstrip("u"))
        np.save(files[-1], signed)
    runner = typer.testing.CliRunner()
    done = runner.invoke(app, ["run", str(path), *files, "-o", str(out), "--no-keep-bits"])
    assert done.exit_code == 0, done
    want = [reference.draw(r, reference.random(3, 0, b, 1)).token for b, r in enumerate(x)]
    assert np.load(out)["arr_0"].tolist() == want
    shown = runner.invoke(app, ["compile", str(path), "--to", "import", "--no-keep-bits"])
    assert "sample.draw" in shown.output
    refused = runner.invoke(app, ["compile", str(path), "--keep-bits"])
    assert "keep-bits=false" in str(refused.exception)
