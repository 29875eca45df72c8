"""Every preset against the engine's own code.

Survivors are equal outside a band: an engine's set must hold what survives
with each threshold made stricter by ``BAND`` and nothing that does not with it
made laxer, because floats decide in between. The numbers are printed.
"""

import ast
import dataclasses

import numpy as np
import oracles
import pytest

from plait.sampling import Sampler, SamplingParams, generators

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

BAND = 1e-5
#: What a stricter threshold is: more of it, or less of it.
STRICTER = {
    "top_p": -1, "typical_p": -1, "top_n_sigma": -1, "min_p": 1, "epsilon_cutoff": 1,
    "eta_cutoff": 1,
}  # fmt: skip
V = 3000


def normal(rows=6, vocab=V, seed=0, scale=3):
    return (np.random.default_rng(seed).standard_normal((rows, vocab)) * scale).astype(np.float32)


def bfloat16(rows=6, vocab=V, seed=0):
    """Rows with many ties."""
    return torch.from_numpy(normal(rows, vocab, seed)).bfloat16().float().numpy()


def adversarial():
    """A steep slope, one spike, dense values, wide ones, removed ones, the least float."""
    rng = np.random.default_rng(1)
    at = rng.permutation(V)
    rows = [
        at * -0.6,
        np.where(at == 7, 60, rng.standard_normal(V)),
        at * 1e-4,
        rng.standard_normal(V) * 100,
        np.where(at % 2, -np.inf, rng.standard_normal(V) * 2),
        np.where(at % 3, np.finfo(np.float32).min, rng.standard_normal(V) * 2),
    ]
    return np.array(rows, np.float32)


LOGITS = pytest.mark.parametrize("make", [normal, adversarial], ids=["normal", "adversarial"])


def processed(preset, x, params, **more):
    """The rows after the preset's chain, by the specification."""
    sampler = Sampler(SamplingParams(**params), x.shape[1], preset=preset)
    return np.stack([rows[-1] for rows in sampler.trace(x, **more)])


def native(preset, x, params, **more):
    """Native code draws what the specification does."""
    sampler = Sampler(SamplingParams(**params), x.shape[1], preset=preset)
    exact = sampler.specification(x, **more).tokens
    np.testing.assert_array_equal(sampler(x, **more).tokens, exact)


def banded(preset, x, params, band, **more):
    """What survives for certain, and what may."""

    def by(sign):
        moved = {
            name: value * (1 + sign * STRICTER[name] * band) if name in STRICTER else value
            for name, value in params.items()
        }
        return processed(preset, x, moved, **more) > -np.inf

    return by(1), by(-1)


def agree(preset, x, params, theirs, capsys, band=BAND, weighs=True, **more):
    """Checks survivors, and prints how many were in the band and how many differ.

    Where the engine gives weights, only those count that are more than 0 in its floats.
    """
    sure, maybe = (kept & weighs for kept in banded(preset, x, params, band, **more))
    ours = (processed(preset, x, params, **more) > -np.inf) & weighs
    assert not (sure & ~theirs).any(), "the engine removes what must stay"
    assert not (theirs & ~maybe).any(), "the engine keeps what must go"
    inside, differ = int((maybe & ~sure).sum()), int((ours != theirs).sum())
    with capsys.disabled():
        print(
            f"\n{preset} {params}: {theirs.sum()} kept, {inside} in the band, {differ} differ",
            end="",
        )


def weights_of(x):
    return torch.softmax(torch.from_numpy(x), dim=-1).numpy()


# transformers, always.


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, vocab_size=V, initializer_range=1.0,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


def of_transformers(model, x, history, **options):
    """The rows after the processors that transformers itself puts together."""
    config = transformers.GenerationConfig(do_sample=True, eos_token_id=9, **options)
    model._prepare_special_tokens(config, device="cpu")
    empty = transformers.LogitsProcessorList()
    chain = model._get_logits_processor(
        config, input_ids_seq_length=4, device="cpu", logits_processor=empty
    )
    return chain(torch.tensor(history), torch.from_numpy(x.copy())).numpy()


CASES = [
    dict(top_k=50),
    dict(top_p=0.9),
    dict(top_p=0.999),
    dict(min_p=0.05),
    dict(typical_p=0.9),
    dict(epsilon_cutoff=1e-3),
    dict(eta_cutoff=1e-3),
    dict(temperature=0.7, top_k=200, top_p=0.9, min_p=0.01),
]


@LOGITS
@pytest.mark.parametrize("params", CASES, ids=lambda p: "-".join(p))
def test_transformers_keeps_the_same(model, params, make, capsys):
    x = make()
    theirs = of_transformers(model, x, [[1]] * len(x), **{"top_k": 0, **params}) > -np.inf
    agree("transformers", x, params, theirs, capsys)


@pytest.mark.parametrize("params", [dict(top_k=50), dict(top_p=0.9)], ids=lambda p: "-".join(p))
def test_transformers_ties(model, params):
    """Tied values: its sort is not stable, so the values that stay are compared."""
    x = bfloat16()
    theirs = of_transformers(model, x, [[1]] * len(x), **{"top_k": 0, **params})
    ours = processed("transformers", x, params)
    np.testing.assert_array_equal(np.sort(ours, axis=1), np.sort(theirs, axis=1))


def test_transformers_processed_logits(model):
    """Bias, repetition, n-grams, bad words and minimum length: the same floats."""
    rng = np.random.default_rng(3)
    x = normal(rows=20)
    history = rng.integers(10, 16, (20, 9)).tolist()
    theirs = of_transformers(
        model, x, history, top_k=0, temperature=0.7, repetition_penalty=1.3, no_repeat_ngram_size=3,
        sequence_bias={(3,): 1.5, (12,): -2.0}, bad_words_ids=[[5], [11, 14]], min_new_tokens=7,
    )  # fmt: skip
    params = dict(
        temperature=0.7, repetition_penalty=1.3, no_repeat_ngram_size=3,
        logit_bias={3: 1.5, 12: -2.0}, bad_words_token_ids=[[5], [11, 14]], min_tokens=7,
        stop_token_ids=[9],
    )  # fmt: skip
    past = dict(prompt=[row[:4] for row in history], output=[row[4:] for row in history])
    ours = processed("transformers", x, params, **past)
    assert (ours == -np.inf).sum() > 40
    np.testing.assert_array_equal(ours, theirs)
    native("transformers", x, params, **past)


def test_transformers_greedy_generation(model):
    """The same tokens, step by step, as generate() without sampling."""
    options = dict(repetition_penalty=1.4, no_repeat_ngram_size=2)
    prompt = torch.tensor([[5, 17, 900, 23]])
    config = dict(max_new_tokens=24, do_sample=False, pad_token_id=0, eos_token_id=None)
    theirs = model.generate(prompt, **config, **options)[0, 4:].tolist()
    params = SamplingParams(temperature=0, **options)
    sampler = Sampler(params, V, preset="transformers")
    output = []
    with torch.no_grad():
        for _ in range(24):
            ids = torch.tensor([[*prompt[0].tolist(), *output]])
            logits = model(ids).logits[:, -1].numpy()
            draw = sampler.specification(logits, prompt=prompt.numpy(), output=[output])
            output.append(int(draw.tokens[0]))
    assert output == theirs


# vLLM.


def test_parameters_have_the_names_of_vllm():
    """And its defaults, but the seed, which it draws if there is none."""
    tree = ast.parse((oracles.folder("vllm") / "sampling_params.py").read_text())
    (known,) = (node for node in tree.body if getattr(node, "name", None) == "SamplingParams")
    theirs = {node.name: None for node in known.body if isinstance(node, ast.FunctionDef)}
    theirs |= {
        node.target.id: getattr(node.value, "value", None)
        for node in known.body if isinstance(node, ast.AnnAssign)
    }  # fmt: skip
    names = [field.name for field in dataclasses.fields(SamplingParams)]
    names = names[: names.index("typical_p")]
    assert len(names) == 13 and set(names) <= set(theirs)
    ours = SamplingParams()
    different = {name for name in names if (getattr(ours, name) or None) != (theirs[name] or None)}
    assert different == set()


def of_vllm(x, k, p):
    sort, = oracles.functions(
        oracles.folder("vllm") / "v1/sample/ops/topk_topp_sampler.py",
        ["apply_top_k_top_p_pytorch"],
        {"torch": torch, "apply_top_k_only": None},
    )  # fmt: skip
    tensor = torch.from_numpy(x.copy())
    return sort(tensor, k and torch.full((len(x),), k), p and torch.full((len(x),), p)).numpy()


FILTERS = [dict(top_k=50), dict(top_p=0.9), dict(top_k=200, top_p=0.9), dict(top_p=0.999)]


@LOGITS
@pytest.mark.parametrize("params", FILTERS, ids=lambda p: "-".join(p))
def test_vllm_sort(params, make, capsys):
    x = make()
    theirs = of_vllm(x, params.get("top_k"), params.get("top_p")) > -np.inf
    agree("vllm", x, params, theirs, capsys)


def of_qrita(x, k, p):
    """vLLM's Triton kernel, interpreted."""
    path = oracles.folder("vllm") / "v1/sample/ops/topk_topp_triton.py"
    names = ["_update_min_larger_stats", "_topk_topp_kernel", "_NORMAL_CDF_TO_SIGMA_TABLE"]
    names += ["_PERCENTILE_TO_STD_TABLE"]
    # The interpreter's loop variables are Python integers.
    plain = lambda text: text.replace("row_id.to(tl.int64)", "row_id")  # noqa: E731
    module = oracles.kernels(path, names, plain)
    tensor = torch.from_numpy(x.copy())
    vocab = x.shape[1]
    module._topk_topp_kernel[(1,)](
        tensor, tensor.stride(0), torch.empty(1, vocab),
        torch.tensor(module._PERCENTILE_TO_STD_TABLE),
        torch.tensor(module._NORMAL_CDF_TO_SIGMA_TABLE),
        torch.full((len(x),), k or vocab, dtype=torch.int32), torch.full((len(x),), p or 1.0),
        len(x), VOCAB_SIZE=vocab, MASK_VALUE=float("-inf"), BLOCK_SIZE=8192, BLOCK_SIZE_TRUNC=4096,
        TOPK_ENABLED=k is not None, TOPP_ENABLED=p is not None, SPLIT_COVERS_PONLY=False,
    )  # fmt: skip
    return tensor.numpy()


@pytest.mark.parametrize("make", [normal, bfloat16])
@pytest.mark.parametrize("params", FILTERS[:3], ids=lambda p: "-".join(p))
def test_vllm_triton(params, make, capsys):
    """Also its choice among ties: the lowest index.

    With both filters the kernel can stop a token early, 1e-3 of the mass
    before p, where vLLM's own torch code does not.
    """
    x = make()
    theirs = of_qrita(x, params.get("top_k"), params.get("top_p")) > -np.inf
    agree("vllm", x, params, theirs, capsys, 1e-3 if len(params) == 2 else BAND)


def test_vllm_penalties():
    path = oracles.folder("vllm") / "v1/worker/gpu/sample/penalties.py"
    module = oracles.kernels(path, ["_penalties_kernel"])
    rng = np.random.default_rng(5)
    x = normal(4)
    prompt, output = rng.integers(0, 99, (4, 20)), rng.integers(50, 120, (4, 30))
    bits = np.zeros((4, -(-V // 32)), np.uint32)
    counts = np.zeros((4, V), np.int32)
    for b in range(4):
        np.bitwise_or.at(
            bits[b], prompt[b] // 32, np.uint32(1) << (prompt[b] % 32).astype(np.uint32)
        )
        np.add.at(counts[b], output[b], 1)
    tensor, rows = torch.from_numpy(x.copy()), torch.arange(4)
    full = [torch.full((4,), value) for value in (1.3, 0.25, 0.5)]
    packed = torch.from_numpy(bits.view(np.int32))
    module._penalties_kernel[(4, 1)](
        tensor, tensor.stride(0), rows, torch.zeros(4, dtype=torch.int32),
        torch.zeros(4, dtype=torch.int64), *full, packed, packed.stride(0),
        torch.from_numpy(counts), V, V, BLOCK_SIZE=8192,
    )  # fmt: skip
    params = dict(repetition_penalty=1.3, frequency_penalty=0.25, presence_penalty=0.5)
    ours = processed("vllm", x, params, prompt=prompt, output=output)
    np.testing.assert_array_equal(ours, tensor.numpy())
    native("vllm", x, params, prompt=prompt, output=output)


def gumbel_of_vllm(x, temperatures, seeds, positions):
    """The tokens of its Gumbel kernel, interpreted."""
    names = "_murmur3_rotl32 _murmur3_mix _murmur3_fmix32 murmur3_hash32 murmur3_uniform32"
    names += " murmur3_uniform64 _uniform64_from_random53 _log1p_neg_stable gumbel_noised_argmax"
    names += " gumbel_block_argmax _gumbel_sample_kernel gumbel_sample _DRAFT_NOISE_SALT"
    path = oracles.folder("vllm") / "v1/worker/gpu/sample/gumbel.py"
    module = oracles.kernels(path, names.split())
    return module.gumbel_sample(
        torch.from_numpy(x.copy()), torch.arange(len(x)), torch.from_numpy(temperatures),
        torch.from_numpy(seeds), torch.from_numpy(positions), apply_temperature=True,
        is_drafting=False,
    ).numpy()  # fmt: skip


@pytest.mark.parametrize("rows, filters", [(200, {}), (50, dict(top_k=40, top_p=0.9))])
def test_vllm_tokens(rows, filters, capsys):
    """Seeded draws, from whole and from filtered rows."""
    vocab = 1000
    x = normal(rows, vocab, seed=8)
    rng = np.random.default_rng(9)
    seeds, positions = rng.integers(0, 2**62, rows), np.arange(rows) + 7
    temperatures = rng.choice(np.array([0, 0.7, 1, 1.5], np.float32), rows)
    params = [
        SamplingParams(temperature=float(t), seed=int(s), **filters)
        for t, s in zip(temperatures, seeds, strict=True)
    ]
    sampler = Sampler(params, vocab, preset="vllm", logprobs=True)
    ours = sampler.specification(x, position=positions)
    if filters:
        divided = x / np.where(temperatures == 0, np.float32(1), temperatures)[:, None]
        x = of_vllm(divided, filters["top_k"], filters["top_p"])
        temperatures = (temperatures > 0).astype(np.float32)
    theirs = gumbel_of_vllm(x, temperatures, seeds, positions)
    different = np.flatnonzero(ours.tokens != theirs)
    with capsys.disabled():
        print(f"\nvllm tokens, {filters}: {len(different)} of {rows} differ", end="")
    # Its logarithm is that of float32.
    assert (ours.margins[different] < 1e-5).all()


# SGLang.


def of_sglang(x, k, p, m=None, seeds=None, positions=None):
    """What its PyTorch backend keeps, and with seeds the tokens it draws."""
    path = oracles.folder("sglang") / "srt/layers/sampler.py"
    names = ["multinomial_with_seed", "top_k_top_p_min_p_sampling_from_probs_torch"]
    seeded, both = oracles.functions(path, names, {"torch": torch, "murmur_hash32": murmur})
    probs = torch.softmax(torch.from_numpy(x), dim=-1)
    if k is None and p is None:
        return seeded(probs.log(), seeds, positions).flatten().numpy()
    rows = len(x)
    tokens, weights, ids, _ = both(
        probs, torch.full((rows,), k or x.shape[1]), torch.full((rows,), p or 1.0),
        torch.full((rows,), m or 0.0), m is not None, seeds, positions, return_filtered_probs=True,
    )  # fmt: skip
    if seeds is not None:
        return tokens.numpy()
    kept = torch.zeros(x.shape, dtype=torch.bool)
    return kept.scatter(1, ids.long(), weights > 0).numpy()


def murmur(seed, positions, columns):
    """SGLang's hash kernel, interpreted."""
    path = oracles.folder("sglang") / "kernels/ops/sampling/murmur_hash.py"
    names = ["rotl32", "fmix32", "murmur3_mix", "murmur_hash32_kernel"]
    # The interpreter has no annotated assignments to typed scalars.
    module = oracles.kernels(path, names, lambda text: text.replace(": tl.uint32 =", " ="))
    hashed = torch.empty(len(seed), len(columns), dtype=torch.uint32)
    module.murmur_hash32_kernel[(len(seed), -(-len(columns) // 1024))](
        seed.view(torch.int64), positions, columns, hashed, len(seed), len(columns), BLOCK_SIZE=1024
    )
    return hashed


@LOGITS
@pytest.mark.parametrize(
    "params", [*FILTERS, dict(top_k=200, top_p=0.9, min_p=0.01)], ids=lambda p: "-".join(p)
)
def test_sglang_keeps_the_same(params, make, capsys):
    x = make()
    theirs = of_sglang(x, params.get("top_k"), params.get("top_p"), params.get("min_p"))
    agree("sglang", x, params, theirs, capsys, weighs=weights_of(x) > 0)


@pytest.mark.parametrize("params", [{}, *FILTERS], ids=lambda p: "-".join(p))
def test_sglang_tokens(params, capsys):
    """Seeded draws: the noise of a filtered row is that of places, of another that of tokens."""
    rows, vocab = 200, 1000
    x = normal(rows, vocab, seed=10)
    seeds = torch.from_numpy(np.random.default_rng(1).integers(0, 2**62, rows))
    filters = params.get("top_k"), params.get("top_p")
    theirs = of_sglang(x, *filters, seeds=seeds, positions=torch.arange(rows))
    requests = [SamplingParams(seed=int(seed), **params) for seed in seeds]
    sampler = Sampler(requests, vocab, preset="sglang", logprobs=True)
    ours = sampler.specification(x, position=np.arange(rows))
    different = np.flatnonzero(ours.tokens != theirs)
    with capsys.disabled():
        print(f"\nsglang tokens, {params}: {len(different)} of {rows} differ", end="")
    assert (ours.margins[different] < 1e-5).all()
    np.testing.assert_array_equal(sampler(x, position=np.arange(rows)).tokens, ours.tokens)


def test_sglang_noise_has_an_end():
    """The greatest hash, which token 8 has here, counts as the one before it."""
    x = np.zeros((1, 12), np.float32)
    x[0, 0] = 30
    key = dict(seeds=torch.tensor([4]), positions=torch.tensor([326889709]))
    sampler = Sampler(SamplingParams(seed=4), 12, preset="sglang")
    assert generators.murmur3(4, 326889709, 8) == 2**32 - 1
    assert of_sglang(x, None, None, **key) == sampler.specification(x, 326889709).tokens == 0


# FlashInfer's reference functions.


class Recorder:
    """torch, whose ``multinomial`` keeps what it was to draw from."""

    def __init__(self):
        self.rows = []

    def __getattr__(self, name):
        return getattr(torch, name)

    def multinomial(self, weights, *_, **__):
        self.rows.append(weights)
        return torch.zeros(1, dtype=torch.int64)


@LOGITS
def test_flashinfer_top_k_first(make, capsys):
    path = oracles.folder("flashinfer") / "trace/templates/sampling.py"
    recorder, x = Recorder(), make()
    (both,) = oracles.functions(path, ["_top_k_top_p_sampling_reference"], {"torch": recorder})
    full = torch.full((len(x),), 200), torch.full((len(x),), 0.9)
    both(torch.softmax(torch.from_numpy(x), dim=-1), *full)
    theirs = torch.stack(recorder.rows).numpy() > 0
    agree("vllm", x, dict(top_k=200, top_p=0.9), theirs, capsys, weighs=weights_of(x) > 0)


@LOGITS
@pytest.mark.parametrize("params", [dict(top_k=50), dict(top_p=0.9)], ids=lambda p: "-".join(p))
def test_flashinfer(params, make, capsys):
    names = ["_top_k_renorm_probs_reference", "_top_p_renorm_probs_reference"]
    path = oracles.folder("flashinfer") / "trace/templates/sampling.py"
    top_k, top_p = oracles.functions(path, names, {"torch": torch})
    x = make()
    probs = torch.softmax(torch.from_numpy(x), dim=-1)
    theirs = top_k(probs, 50) if "top_k" in params else top_p(probs, 0.9)
    agree("vllm", x, params, theirs.numpy() > 0, capsys, weighs=weights_of(x) > 0)


# llama.cpp.

LLAMA = {
    "top_k": lambda v: ("top_k", v),
    "top_p": lambda v: ("top_p", v, 1),
    "min_p": lambda v: ("min_p", v, 1),
    "typical_p": lambda v: ("typical", v, 1),
    "top_n_sigma": lambda v: ("top_n_sigma", v),
    "temperature": lambda v: ("temp", v),
}


@pytest.mark.parametrize("make", [normal, adversarial, bfloat16])
@pytest.mark.parametrize(
    "params",
    [
        dict(top_k=50),
        dict(top_p=0.9),
        dict(min_p=0.05),
        dict(top_n_sigma=1.5),
        dict(typical_p=0.9),
        dict(top_n_sigma=3.0, top_k=100, top_p=0.95, min_p=0.05, temperature=0.8),
    ],
    ids=lambda p: "-".join(p),
)
def test_llamacpp_keeps_the_same(params, make, capsys):
    if "typical_p" in params and make is bfloat16:
        pytest.skip("llama.cpp's order among equally typical tokens is that of an unstable sort")
    llama, x = oracles.Llama(), make()
    if "top_n_sigma" in params:  # Distances count up to 1024.
        x = x[np.ptp(np.where(np.isinf(x), x.max(1, keepdims=True), x) / 1024, axis=1) < 1]
    if "typical_p" in params:  # Its entropy is NaN where a probability is 0.
        x = x[(weights_of(x) > 0).all(1)]
    chain = [LLAMA[name](value) for name, value in params.items()]
    theirs = np.stack([llama(row, *chain)[0] for row in x])
    if make is not bfloat16:
        agree("llamacpp", x, params, theirs > -np.inf, capsys)
    else:
        ours = processed("llamacpp", x, params)
        np.testing.assert_array_equal(np.sort(ours, axis=1), np.sort(theirs, axis=1))


def test_llamacpp_penalties_and_dry():
    llama, x = oracles.Llama(), normal(8, 300)
    history = np.random.default_rng(2).integers(0, 6, (8, 90))
    params = dict(
        repetition_penalty=1.25, frequency_penalty=0.125, presence_penalty=0.5, dry_multiplier=0.75,
        dry_base=1.75, dry_allowed_length=2,
    )  # fmt: skip
    past = dict(prompt=history[:, :40], output=history[:, 40:])
    ours = processed("llamacpp", x, params, **past)
    native("llamacpp", x, params, **past)
    chain = [
        ("penalties", 300, 64, 1.25, 0.125, 0.5),
        ("dry", None, 0.75, 1.75, 2, 90, None, 0),
    ]
    for row, tokens, mine in zip(x, history, ours, strict=True):
        theirs, _ = llama(row, *chain, history=tokens.tolist())
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-5)


def test_llamacpp_greedy_tokens():
    llama, x = oracles.Llama(), bfloat16(20, 500)
    history = np.random.default_rng(4).integers(0, 500, (20, 64))
    theirs = [
        llama(row, ("penalties", 500, 64, 1.25, 0.0, 0.0), ("greedy",), history=tokens.tolist())[1]
        for row, tokens in zip(x, history, strict=True)
    ]
    sampler = Sampler(
        SamplingParams(temperature=0, repetition_penalty=1.25), 500, preset="llamacpp"
    )
    ours = sampler.specification(x, prompt=history[:, :9], output=history[:, 9:])
    assert ours.tokens.tolist() == theirs


def test_llamacpp_xtc():
    llama, x = oracles.Llama(), normal(20, 300, seed=7, scale=1.5)
    for probability in (1.0, 0.0):
        params = dict(xtc_probability=probability, xtc_threshold=0.05)
        ours = processed("llamacpp", x, params) > -np.inf
        theirs = [llama(row, ("xtc", probability, 0.05, 1, 0))[0] for row in x]
        np.testing.assert_array_equal(ours, np.stack(theirs) > -np.inf)


def test_llamacpp_dynamic_temperature():
    llama, x = oracles.Llama(), normal(8, 300)
    ours = processed(
        "llamacpp", x, dict(temperature=0.9, dynatemp_range=0.5, dynatemp_exponent=1.5)
    )
    theirs = np.stack([llama(row, ("temp_ext", 0.9, 0.5, 1.5))[0] for row in x])
    np.testing.assert_allclose(ours, theirs, rtol=2e-6)


# xgrammar.


def test_xgrammar_bitmask():
    oracles.folder("xgrammar")
    import xgrammar

    x = normal(5, 1001)
    words = np.random.default_rng(1).integers(-(2**31), 2**31, (5, 32)).astype(np.int32)
    tensor = torch.from_numpy(x.copy())
    xgrammar.apply_token_bitmask_inplace(tensor, torch.from_numpy(words))
    sampler = Sampler(SamplingParams(), 1001, preset="vllm", bitmask=True)
    ours = np.stack([rows[-1] for rows in sampler.trace(x, bitmask=words)])
    np.testing.assert_array_equal(ours, tensor.numpy())
