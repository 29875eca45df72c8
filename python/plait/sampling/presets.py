"""The order of each engine's processors, and how it treats ties and counts.

Read from the engines' code: vLLM 0.32, SGLang 0.5.23, transformers 5.23,
TensorRT-LLM's TorchSampler and llama.cpp (of llama-cpp-python 0.3.36). A
preset reproduces order, definitions and tie rules; the arithmetic is Plait's
own, so what an engine decides inside its own rounding may differ.
"""

from typing import NamedTuple

from plait.errors import ArgumentError
from plait.sampling.chain import Step, Value


class Preset(NamedTuple):
    """The chain of an engine.

    Attributes:
        name: of the preset.
        steps: all that it can do, in order.
        pick: the pick it uses, one of :data:`plait.sampling.chain.PICKS`.
        greedy_below: lower temperatures are 0.
        source: the code that says so.
        words_after: what the start of a bad word is looked for at the end of: the ``output``, or
            the ``history`` of prompt and output.
    """

    name: str
    steps: tuple[Step, ...]
    pick: str
    greedy_below: float
    source: str
    words_after: str = "output"


def _list(name, element="i32"):
    return Value(name, "list", element)


def _repetition(counts, *attributes):
    operands = (Value("repetition_penalty"), Value(counts, "counts", "i32"))
    return Step("repetition_penalty", operands, attributes)


def _additive(kind, counts):
    operands = (Value(f"{kind}_penalty"), Value(counts, "counts", "i32"))
    return Step(f"{kind}_penalty", operands)


def _one(op, name=None, element="f32", attributes=()):
    return Step(op, (Value(name or op, "row", element),), attributes)


_BITMASK = Step("bitmask", (_list("bitmask"),))
_BIAS = Step("logit_bias", (_list("bias_ids"), _list("bias_values", "f32")))
_ALLOW = Step("allow", (_list("allowed"),))
_BAN = Step("ban", (_list("banned"),))
_NGRAM = Step("no_repeat_ngram", (_list("history"), Value("no_repeat_ngram_size", "row", "i32")))
_DRY = Step(
    "dry",
    (
        _list("history"),
        _list("dry_sequence_breakers"),
        Value("dry_multiplier"),
        Value("dry_base"),
        Value("dry_allowed_length", "row", "i32"),
    ),
)
PLAIN_TEMPERATURE = _one("temperature")
_DYNAMIC = Step(
    "dynamic_temperature",
    (Value("temperature_low"), Value("temperature_high"), Value("dynatemp_exponent")),
    feature="temperature",
)
_TOP_K = _one("top_k", element="i32")
_TOP_K_TIES = _one("top_k", element="i32", attributes=("keep_ties",))
_TOP_P = _one("top_p")
_TOP_P_FULL = Step("top_p", (Value("top_p"), Value("full", "full")))
_MIN_P = _one("min_p")
_TYPICAL = _one("typical_p")
_EPSILON = _one("epsilon", "epsilon_cutoff")
_ETA = _one("eta", "eta_cutoff")
_SIGMA = _one("top_n_sigma")
_XTC = Step("xtc", (Value("xtc_probability"), Value("xtc_threshold"), Value("bits", "bits", "i64")))

#: The order of :class:`plait.sampling.SimpleTokenSampler`, with everything else around it.
PLAIT = Preset(
    "plait",
    (
        _BITMASK, _BIAS, _ALLOW, _BAN, _repetition("history"), _additive("frequency", "output"),
        _additive("presence", "output"), _NGRAM, _DRY, _SIGMA, _DYNAMIC, _TOP_K, _TOP_P, _MIN_P,
        _TYPICAL, _EPSILON, _ETA, _XTC,
    ),
    "draw",
    0.0,
    "",
)  # fmt: skip

#: Penalties of output tokens, but repetition of prompt and output; 1/penalty is multiplied.
VLLM = Preset(
    "vllm",
    (
        _BITMASK, _BIAS, _ALLOW, _repetition("history", "reciprocal"),
        _additive("frequency", "output"), _additive("presence", "output"), _BAN, PLAIN_TEMPERATURE,
        _MIN_P, _TOP_K, _TOP_P,
    ),
    "murmur3_vllm",
    1e-5,
    "vllm/v1/worker/gpu/sample/sampler.py, penalties.py, gumbel.py; "
    "vllm/v1/sample/ops/topk_topp_triton.py",
)  # fmt: skip

#: The additive penalties come before repetition; top-p takes its mass from the full softmax. The
#: engine sorts, and so counts noise by place, where any request of a batch is filtered; here each
#: request is as it is there alone.
SGLANG = Preset(
    "sglang",
    (
        _additive("frequency", "output"), _additive("presence", "output"), _BAN,
        _repetition("output"), _BITMASK, _BIAS, PLAIN_TEMPERATURE, _TOP_K, _TOP_P_FULL, _MIN_P,
    ),
    "sglang",
    1e-6,
    "sglang/srt/sampling/sampling_batch_info.py, penaltylib; sglang/srt/layers/sampler.py, "
    "top_k_top_p_min_p_sampling_from_probs_torch and multinomial_with_seed",
)  # fmt: skip

#: Top-k keeps what ties with the last.
TRANSFORMERS = Preset(
    "transformers",
    (
        _BIAS, _repetition("history"), _NGRAM, _BAN, _ALLOW, PLAIN_TEMPERATURE, _TOP_K_TIES, _TOP_P,
        _MIN_P, _TYPICAL, _EPSILON, _ETA,
    ),
    "draw",
    0.0,
    "transformers/generation/utils.py, _get_logits_processor; generation/logits_process.py",
    "history",
)  # fmt: skip

#: All penalties count the prompt.
TRTLLM = Preset(
    "trtllm",
    (
        _BITMASK, _BIAS, _repetition("history"), _additive("presence", "history"),
        _additive("frequency", "history"), _NGRAM, _BAN, PLAIN_TEMPERATURE, _MIN_P, _TOP_K_TIES,
        _TOP_P,
    ),
    "draw",
    1e-4,
    "tensorrt_llm/_torch/pyexecutor/sampler: ops/vanilla.py, penalties.py, token_ban.py",
    "history",
)  # fmt: skip

#: The temperature is last; penalties look at the last 64 tokens.
LLAMACPP = Preset(
    "llamacpp",
    (
        _BITMASK, _BIAS, _repetition("window"), _additive("frequency", "window"),
        _additive("presence", "window"), _DRY, _SIGMA, _TOP_K, _TYPICAL, _TOP_P, _MIN_P, _XTC,
        _DYNAMIC,
    ),
    "draw",
    0.0,
    "llama.cpp common/common.h, common_params_sampling; src/llama-sampler.cpp",
)  # fmt: skip

PRESETS = {p.name: p for p in (PLAIT, VLLM, SGLANG, TRANSFORMERS, TRTLLM, LLAMACPP)}
#: How many tokens ``window`` holds: llama.cpp's ``penalty_last_n``.
WINDOW = 64


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ArgumentError: there is none.
    """
    if name not in PRESETS:
        raise ArgumentError(f"preset: expects {', '.join(PRESETS)}, got {name}")
    return PRESETS[name]
