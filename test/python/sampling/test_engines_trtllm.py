"""The preset of TensorRT-LLM against its source, written once more, and against its own code."""

import math

import numpy as np
import oracles
import pytest
from test_engines import LOGITS, V, adversarial, agree, bfloat16, normal, processed, weights_of

from plait.sampling import Sampler, SamplingParams

torch = pytest.importorskip("torch")

TRTLLM = [
    dict(temperature=0.7, min_p=0.02, top_k=200, top_p=0.9),
    dict(temperature=1.3, top_k=50),
    dict(temperature=0.9, top_p=0.999),
    dict(temperature=0.8, min_p=0.1),
    dict(temperature=0),
]
#: Everything that changes logits before the temperature.
TRTLLM_BEFORE = dict(
    logit_bias={3: 1.5, 12: -2.0, 14: 4.0}, repetition_penalty=1.3, presence_penalty=0.4,
    frequency_penalty=0.125, bad_words_token_ids=[[5], [11, 14], [12, 13, 15]],
    no_repeat_ngram_size=3, min_tokens=4, stop_token_ids=[9],
)  # fmt: skip


@pytest.mark.parametrize("make", [normal, adversarial, bfloat16])
@pytest.mark.parametrize("params", TRTLLM, ids=lambda p: "-".join(p))
def test_trtllm_order(params, make, capsys):
    """All that it does, in its order; the words cross from the prompt into the output."""
    x = make()
    history = np.random.default_rng(3).integers(10, 16, (len(x), 30)).tolist()
    past = dict(prompt=[row[:28] for row in history], output=[row[28:] for row in history])
    for changes in ({}, TRTLLM_BEFORE):
        request = SamplingParams(**params, **changes)
        theirs = [
            oracles.tensorrt_llm(row, h[:28], h[28:], request)
            for row, h in zip(x, history, strict=True)
        ]
        logits, weights = map(np.stack, zip(*theirs, strict=True))
        if changes:
            before = processed("trtllm", x, changes, **past)
            sane = x != -oracles.LARGEST  # It keeps these from overflowing.
            np.testing.assert_array_equal((before == -np.inf)[sane], (logits == -np.inf)[sane])
            assert ((before == -np.inf) & (x > -np.inf)).sum() > 12
            # It subtracts presence and frequency penalties as one sum.
            np.testing.assert_allclose(before[sane], logits[sane], rtol=3e-7, atol=3e-7)
        if params["temperature"] == 0:
            sampler = Sampler(request, V, preset="trtllm")
            tokens = sampler.specification(x, **past).tokens
            np.testing.assert_array_equal(tokens, weights.argmax(1))
            continue
        with np.errstate(over="ignore"):
            positive = weights_of(logits / np.float32(params["temperature"])) > 0
        agree("trtllm", x, {**changes, **params}, weights > 0, capsys, weighs=positive, **past)
        # The distribution: the temperature is where it is there.
        ours = processed("trtllm", x, {**changes, **params}, **past)
        both = (weights > 0) & (ours > -np.inf)
        a, b = (np.where(both, w, 0) for w in (weights_of(ours), weights))
        a, b = (w / w.sum(1, keepdims=True) for w in (a, b))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@LOGITS
@pytest.mark.parametrize("params", TRTLLM[:-1], ids=lambda p: "-".join(p))
def test_trtllm_itself(params, make, capsys):
    """The functions of its TorchSampler, from a checkout on the path."""
    path = oracles.folder("tensorrt_llm") / "_torch/pyexecutor/sampler/ops/vanilla.py"
    names = ["top_k_top_p_sampling_batch", "occurrence_penalized_logits"]
    sample, penalize = oracles.functions(path, names, {"torch": torch, "math": math})
    x = make()
    history = np.random.default_rng(3).integers(10, 16, (len(x), 30)).tolist()
    count = torch.stack([torch.tensor(row).bincount(minlength=V) for row in history])
    penalties = {name: TRTLLM_BEFORE[f"{name}_penalty"] for name in
                 ("repetition", "presence", "frequency")}  # fmt: skip
    logits = penalize(
        torch.from_numpy(x), count=count, seen_for_repetition=count > 0,
        seen_for_presence=count > 0, **{name: torch.tensor(v) for name, v in penalties.items()},
    )  # fmt: skip
    past = dict(prompt=[row[:28] for row in history], output=[row[28:] for row in history])
    changes = {f"{name}_penalty": value for name, value in penalties.items()}
    before, sane = processed("trtllm", x, changes, **past), x != -oracles.LARGEST
    np.testing.assert_allclose(before[sane], logits.numpy()[sane], rtol=3e-7, atol=3e-7)
    mine = [
        oracles.tensorrt_llm(row, h[:28], h[28:], SamplingParams(**changes, **params))
        for row, h in zip(x, history, strict=True)
    ]
    np.testing.assert_array_equal(np.stack([row for row, _ in mine]), logits.numpy())
    tokens, probs = sample(logits, **params)
    positive = weights_of((logits / params["temperature"]).numpy()) > 0
    agree("trtllm", x, {**changes, **params}, probs.numpy() > 0, capsys, weighs=positive, **past)
    assert (probs.gather(1, tokens[:, None]) > 0).all()
