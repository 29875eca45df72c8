"""What one request asks of the sampler."""

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from plait.errors import ArgumentError

#: The greatest float32, and the least above 0, which parameters are rounded to.
_LARGEST, _LEAST = (2 - 2.0**-23) * 2.0**127, 2.0**-149


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """The parameters of one request, by the names that vLLM uses, then by their origin's.

    Every default is off. What a parameter does, exactly, is in the function of
    the same name in :mod:`plait.sampling.reference`; in which order is the
    preset's (:mod:`plait.sampling.presets`).

    Attributes:
        temperature: from 0 (greedy) on.
        top_k: 0 or less is off.
        top_p: 1 or more is off.
        min_p: 0 or less is off.
        repetition_penalty: greater than 0; 1 is off.
        presence_penalty: subtracted from tokens seen.
        frequency_penalty: subtracted once per occurrence.
        seed: unsigned 64-bit. vLLM draws one where it is None; here it is 0.
        logit_bias: token ids to what is added to their logits.
        allowed_token_ids: nothing else can be drawn.
        bad_words_token_ids: sequences of ids that may not be completed; under the presets
            ``transformers`` and ``trtllm`` also where they began in the prompt.
        min_tokens: ``stop_token_ids`` are banned before so many tokens.
        stop_token_ids: see ``min_tokens``; stopping is the engine's.
        typical_p: transformers, llama.cpp; 1 or more is off.
        epsilon_cutoff: transformers; 0 is off.
        eta_cutoff: transformers; 0 is off.
        no_repeat_ngram_size: transformers, TensorRT-LLM; 0 is off.
        top_n_sigma: llama.cpp; 0 or less is off.
        xtc_probability: llama.cpp; 0 is off.
        xtc_threshold: llama.cpp; above 0.5 is off.
        dry_multiplier: llama.cpp; 0 is off.
        dry_base: llama.cpp.
        dry_allowed_length: llama.cpp.
        dry_sequence_breakers: token ids that no repeat spans.
        dynatemp_range: llama.cpp; 0 is off.
        dynatemp_exponent: llama.cpp.

    Raises:
        ArgumentError: a value out of its range, naming it.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int = 0
    logit_bias: Mapping[int, float] | None = None
    allowed_token_ids: Sequence[int] | None = None
    bad_words_token_ids: Sequence[Sequence[int]] = ()
    min_tokens: int = 0
    stop_token_ids: Sequence[int] = ()

    typical_p: float = 1.0
    epsilon_cutoff: float = 0.0
    eta_cutoff: float = 0.0
    no_repeat_ngram_size: int = 0

    top_n_sigma: float = 0.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_sequence_breakers: Sequence[int] = ()
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is float:
                number = isinstance(value, numbers.Real) and abs(value) <= _LARGEST
                _check(number and not isinstance(value, bool), field.name, "a finite number", value)
            elif field.type is int:
                whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
                high = 2**64 if field.name == "seed" else 2**31
                inside = whole and (0 if field.name == "seed" else -(2**31)) <= value < high
                _check(inside, field.name, "an integer of its range", value)
        _check(self.temperature >= 0, "temperature", "0 or more", self.temperature)
        _check(
            self.repetition_penalty >= _LEAST,
            "repetition_penalty",
            "more than 0",
            self.repetition_penalty,
        )
        _check(self.dynatemp_range >= 0, "dynatemp_range", "0 or more", self.dynatemp_range)
        bias = self.logit_bias or {}
        _check(isinstance(bias, Mapping), "logit_bias", "a mapping", bias)
        named = [("logit_bias", bias)]
        for name in ("allowed_token_ids", "stop_token_ids", "dry_sequence_breakers"):
            if (ids := getattr(self, name)) is None and name == "allowed_token_ids":
                continue
            ids = () if ids is None else ids
            _check(isinstance(ids, Iterable), name, "token ids", ids)
            object.__setattr__(self, name, tuple(ids))
            named.append((name, getattr(self, name)))
        words = () if self.bad_words_token_ids is None else self.bad_words_token_ids
        nested = isinstance(words, Iterable) and all(isinstance(w, Iterable) for w in words)
        _check(nested, "bad_words_token_ids", "sequences of token ids", words)
        object.__setattr__(self, "bad_words_token_ids", tuple(map(tuple, words)))
        named += [("bad_words_token_ids", word) for word in self.bad_words_token_ids]
        for name, ids in named:
            for token in ids:
                fits = isinstance(token, numbers.Integral) and 0 <= token < 2**31
                _check(fits, name, "token ids", token)
        for value in bias.values():
            number = isinstance(value, numbers.Real) and not math.isnan(value)
            _check(number, "logit_bias", "numbers", value)
        if self.allowed_token_ids is not None:
            _check(len(self.allowed_token_ids), "allowed_token_ids", "at least one id", "none")
        _check(all(self.bad_words_token_ids), "bad_words_token_ids", "no empty sequence", "one")


def _check(good, name, expected, got):
    if not good:
        raise ArgumentError(f"{name}: expects {expected}, got {got}")
