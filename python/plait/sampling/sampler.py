"""Per-request parameters, compiled once for a mixed batch."""

import functools
import time
from typing import NamedTuple

import numpy as np

from plait import arrays
from plait.errors import ArgumentError
from plait.module import Module
from plait.sampling import reference
from plait.sampling.chain import ELEMENTS, PICKS, arguments, as_rows, chain, row_pick, row_steps
from plait.sampling.keys import keys
from plait.sampling.metrics import Metrics
from plait.sampling.params import SamplingParams
from plait.sampling.presets import PLAIN_TEMPERATURE, WINDOW
from plait.sampling.presets import preset as _preset_of


class Draw(NamedTuple):
    """What one call drew, one of each per row.

    Attributes:
        tokens: int32; -1 where a row had no candidate.
        flags: int32, bits of :data:`plait.sampling.SAW_NAN` and
            :data:`plait.sampling.NO_CANDIDATE`.
        logprobs: float32, the token's log-probability among the candidates
            that reached the pick; None where the sampler does not give them.
        margins: float32, how far the decision was from another token; see
            :class:`plait.sampling.reference.Pick`; None as ``logprobs``.
    """

    tokens: np.ndarray
    flags: np.ndarray
    logprobs: np.ndarray | None = None
    margins: np.ndarray | None = None


#: The feature of a step: when a request asks for it.
_ASKED = {
    "logit_bias": lambda p: bool(p.logit_bias),
    "allow": lambda p: p.allowed_token_ids is not None,
    "ban": lambda p: bool(p.bad_words_token_ids or (p.min_tokens > 0 and p.stop_token_ids)),
    "repetition_penalty": lambda p: p.repetition_penalty != 1,
    "presence_penalty": lambda p: p.presence_penalty != 0,
    "frequency_penalty": lambda p: p.frequency_penalty != 0,
    "no_repeat_ngram": lambda p: p.no_repeat_ngram_size > 0,
    "dry": lambda p: p.dry_multiplier != 0 and p.dry_base >= 1,
    "temperature": lambda p: p.temperature != 1,
    "dynamic_temperature": lambda p: p.dynatemp_range > 0,
    "top_k": lambda p: p.top_k > 0,
    "top_p": lambda p: p.top_p < 1,
    "min_p": lambda p: p.min_p > 0,
    "typical_p": lambda p: p.typical_p < 1,
    "top_n_sigma": lambda p: p.top_n_sigma > 0,
    "xtc": lambda p: p.xtc_probability > 0 and p.xtc_threshold <= 0.5,
    "epsilon": lambda p: p.epsilon_cutoff > 0,
    "eta": lambda p: p.eta_cutoff > 0,
}


@functools.lru_cache(maxsize=64)
def _compiled(steps, pick, batch, vocab, dtype, logprobs):
    """The executable of a chain; the same one for every sampler that asks for it."""
    from plait.compiler import compile

    return compile(chain(steps, pick, batch, vocab, dtype, logprobs))


class Sampler:
    """Draws for a mixed batch, each row by the parameters of its request.

    One kernel serves all rows: it holds the steps that any of the requests
    asks for, and the others' parameters are neutral. The token of a row
    depends on its logits, parameters, history and key alone, never on the
    batch.

    Args:
        params: one :class:`SamplingParams` for all requests, or one per
            request.
        vocab: V, below 2**20.
        batch: how many rows a call has; None is any. With a list of
            parameters, a call's rows are the requests unless it says which.
        preset: ``plait``, ``vllm``, ``sglang``, ``transformers``, ``trtllm``
            or ``llamacpp``: the order of the steps, and how ties go.
        pick: how tokens are drawn, if not as the preset does: ``draw`` (by
            integer weight, one draw per row) or Gumbel noise of ``philox``,
            ``murmur3_vllm``, ``murmur3_sglang`` or ``jax_threefry``; ``sglang``
            counts the noise of ``murmur3_sglang`` by place, not by token, where
            a request has top-k, top-p or min-p, and sorts what these leave.
        bitmask: whether calls bring a grammar's bitmask.
        dtype: of the logits: float32, float16 or bfloat16.
        logprobs: whether draws come with log-probabilities and margins, which
            takes sums over all candidates where tokens alone may need none.

    Attributes:
        steps: the chain's steps, in order.
        pick: how tokens are drawn.
        metrics: what this sampler did; see :class:`plait.sampling.metrics.Metrics`.

    Raises:
        ArgumentError: a request asks for what the preset's engine does not
            have, or an argument is out of range.
    """

    def __init__(
        self, params, vocab, batch=None, *, preset="plait", pick=None, bitmask=False,
        dtype="float32", logprobs=False,
    ):  # fmt: skip
        self.params = [params] if isinstance(params, SamplingParams) else list(params)
        if not self.params:
            raise ArgumentError("params: expects at least one request, got none")
        self._shared = isinstance(params, SamplingParams)
        self.vocab, self.batch, self.dtype, self.logprobs = vocab, batch, dtype, logprobs
        self._preset = _preset_of(preset)
        self.pick = pick or self._preset.pick
        if self.pick not in PICKS:
            raise ArgumentError(f"pick: expects {', '.join(PICKS)}, got {self.pick}")
        if dtype not in ELEMENTS:
            raise ArgumentError(f"dtype: expects {', '.join(ELEMENTS)}, got {dtype}")
        self.steps = self._choose(bitmask)
        if self.pick == "sglang" and not any(map(_filters, self.params)):
            self.pick = "murmur3_sglang"
        self._inputs = arguments(self.steps, self.pick)
        self._table = self._tabulate()
        self._seeds = np.array([p.seed for p in self.params], np.uint64)
        self.metrics = Metrics()

    def _choose(self, bitmask):
        """The preset's steps that are asked for."""
        asked = {
            feature: [i for i, p in enumerate(self.params) if test(p)]
            for feature, test in _ASKED.items()
        }
        asked["bitmask"] = [0] if bitmask else []
        dynamic = asked.pop("dynamic_temperature")
        has = {step.asked_by for step in self._preset.steps}
        has |= {"dynamic_temperature" for s in self._preset.steps if s.op == "dynamic_temperature"}
        for feature, requests in [*asked.items(), ("dynamic_temperature", dynamic)]:
            if requests and feature not in has:
                raise ArgumentError(
                    f"preset '{self._preset.name}' has no {feature}, which request "
                    f"{requests[0]} asks for"
                )
        asked["temperature"] += dynamic
        steps = []
        for step in self._preset.steps:
            if not asked[step.asked_by]:
                continue
            if step.op == "dynamic_temperature" and not dynamic:
                step = PLAIN_TEMPERATURE
            steps.append(step)
        return tuple(steps)

    def _tabulate(self):
        """The requests' parameters as arrays by argument name; what changes per call is not in."""
        params = self.params

        def column(name, dtype):
            return np.array([getattr(p, name) for p in params], dtype)

        temperatures = column("temperature", np.float32)
        temperatures[temperatures < np.float32(self._preset.greedy_below)] = 0
        ranges = column("dynatemp_range", np.float32)
        table = {
            "temperature": temperatures,
            "temperature_low": np.maximum(temperatures - ranges, np.float32(0)),
            "temperature_high": temperatures + ranges,
            "filtered": np.array([_filters(p) for p in params], np.int32),
        }
        bias = [dict(p.logit_bias or {}) for p in params]
        lists = {
            "bias_ids": ([list(b) for b in bias], -1),
            "bias_values": ([list(b.values()) for b in bias], 0),
            "allowed": ([list(p.allowed_token_ids or ()) for p in params], -1),
            "dry_sequence_breakers": ([list(p.dry_sequence_breakers) for p in params], -1),
        }
        for name, kind, element in self._inputs:
            if name in lists:
                table[name] = as_rows(name, lists[name][0], element, lists[name][1], len(params))
            elif kind == "row" and name not in table:
                table[name] = column(name, np.float32 if element == "f32" else np.int32)
        return {name: table[name] for name, _, _ in self._inputs if name in table}

    @property
    def _form(self):
        return self.steps, self.pick, self.batch, self.vocab, self.dtype, self.logprobs

    @property
    def module(self) -> Module:
        """The chain, to be compiled for any target; see :func:`plait.sampling.chain.chain`."""
        return chain(*self._form)

    @functools.cached_property
    def executable(self):
        """The compiled chain; compiled on first use, or taken from another sampler."""
        start = time.perf_counter()
        before = _compiled.cache_info().hits
        executable = _compiled(*self._form)
        hit = _compiled.cache_info().hits > before
        self.metrics.compiled(hit, time.perf_counter() - start)
        return executable

    def __call__(
        self, logits, position=0, *, prompt=None, output=None, rows=None, session_id=0,
        sequence_id=None, bitmask=None,
    ) -> Draw:  # fmt: skip
        """Draws one token per row.

        Args:
            logits: [B, V] of the sampler's dtype: NumPy, torch or JAX.
                Contiguous memory on the CPU is read in place.
            position: unsigned 32-bit, scalar or [B].
            prompt: the tokens of each row's prompt: B lists, or int32 [B, L]
                padded with -1. Needed if a step counts or matches them.
            output: the tokens drawn so far, likewise.
            rows: the request of each row, int [B]; None is 0, 1, 2 and so on.
            session_id: unsigned 32-bit, scalar or [B].
            sequence_id: unsigned 32-bit, scalar or [B]; None is the request.
            bitmask: int32 [B, ceil(V / 32)] as xgrammar fills it.

        Returns:
            A :class:`Draw` of the kind of ``logits``.

        Raises:
            ArgumentError: wrong dtypes, shapes or ranges; two rows with one
                key; a history that a step needs is missing.
        """
        executable = self.executable  # Compiling is not this call's latency.
        start = time.perf_counter()
        kind = arrays.kind_of(logits)
        logits, values, key = self._values(
            logits, position, prompt, output, rows, session_id, sequence_id, bitmask
        )
        seeds, *ids = key
        results = executable.run(
            [
                logits,
                *(values[name] for name, _, _ in self._inputs),
                seeds.view(np.int64),
                *(part.view(np.int32) for part in ids),
            ]
        )
        self.metrics.drew(time.perf_counter() - start, results[0], results[1])
        return Draw(*(arrays.from_numpy(result, kind) for result in results))

    def specification(self, logits, position=0, **more) -> Draw:
        """As a call, by :mod:`plait.sampling.reference`, in NumPy: exact, and not fast."""
        logits, values, key = self._values(logits, position, **more)
        picks = [
            row_pick(self.pick, list(row_steps(self.steps, *one))[-1], *one[1:])
            for one in self._one_by_one(logits, values, key)
        ]
        dtypes = (np.int32, np.int32, np.float32, np.float32)[: 4 if self.logprobs else 2]
        columns = list(zip(*picks, strict=True)) or [()] * 4
        return Draw(*(np.array(c, d) for c, d in zip(columns, dtypes, strict=False)))

    def trace(self, logits, position=0, **more) -> list[list[np.ndarray]]:
        """For each row, the rows float32 [V] that it passes through; see :func:`row_steps`."""
        logits, values, key = self._values(logits, position, **more)
        return [list(row_steps(self.steps, *one)) for one in self._one_by_one(logits, values, key)]

    @staticmethod
    def _one_by_one(logits, values, key):
        """(row, its values by name, its key) for each row."""
        wide = reference.widen(logits)
        for b, row in enumerate(wide):
            yield row, {n: v[b] for n, v in values.items()}, tuple(int(part[b]) for part in key)

    def _values(
        self, logits, position, prompt=None, output=None, rows=None, session_id=0,
        sequence_id=None, bitmask=None,
    ):  # fmt: skip
        """The logits, the arguments by name, and the key's four parts, checked."""
        logits = arrays.to_numpy(logits)
        if logits.dtype.name != self.dtype:
            raise ArgumentError(f"logits: expects dtype {self.dtype}, got {logits.dtype}")
        if logits.ndim != 2 or logits.shape[1] != self.vocab:
            raise ArgumentError(f"logits: expects shape (B, {self.vocab}), got {logits.shape}")
        count = len(logits)
        if self.batch is not None and count != self.batch:
            raise ArgumentError(f"logits: expects {self.batch} rows, got {count}")
        if rows is None:
            if not self._shared and count != len(self.params):
                raise ArgumentError(
                    f"logits: expects one row per request, {len(self.params)}, got {count}; "
                    "'rows' says which requests they are of"
                )
            numbers = np.arange(count)
        else:
            numbers = np.asarray(rows)
            limit = 2**32 if self._shared else len(self.params)
            inside = numbers.dtype.kind in "iu" and numbers.shape == (count,)
            if not inside or (count and not 0 <= numbers.min() <= numbers.max() < limit):
                raise ArgumentError(f"rows: expects {count} integers from 0 to {limit - 1}")
        chosen = np.zeros(count, np.intp) if self._shared else numbers
        if sequence_id is not None or rows is not None:
            sequence_id = numbers if sequence_id is None else arrays.to_numpy(sequence_id)
        session_id, position = arrays.to_numpy(session_id), arrays.to_numpy(position)
        key = keys(count, self._seeds[chosen], session_id, sequence_id, position)
        values = {name: table[chosen] for name, table in self._table.items()}
        values |= self._histories(count, chosen, prompt, output)
        if any(name == "bitmask" for name, _, _ in self._inputs):
            if bitmask is None:
                raise ArgumentError("bitmask: expects int32 words, got None")
            words, width = arrays.to_numpy(bitmask), -(-self.vocab // 32)
            if words.dtype != np.int32 or words.shape != (count, width):
                raise ArgumentError(
                    f"bitmask: expects int32 of shape ({count}, {width}), "
                    f"got {words.dtype} of shape {words.shape}"
                )
            values["bitmask"] = words
        elif bitmask is not None:
            raise ArgumentError("bitmask: expects Sampler(bitmask=True)")
        return logits, values, key

    def _histories(self, count, chosen, prompt, output):
        """The token lists that the steps read, and the tokens that are banned now."""
        wanted = {name for name, _, _ in self._inputs}
        wanted &= {"history", "output", "window", "banned"}
        if not wanted:
            return {}
        if output is None:
            raise ArgumentError("output: expects the tokens drawn so far, got None")
        crosses = self._preset.words_after == "history" and any(
            len(word) > 1 for params in self.params for word in params.bad_words_token_ids
        )
        if crosses and "banned" in wanted:
            wanted.add("history")
        if prompt is None and wanted & {"history", "window"}:
            raise ArgumentError("prompt: expects the tokens of each prompt, got None")
        output = as_rows("output", _tokens(output), "i32", -1, count)
        values = {"output": output} if "output" in wanted else {}
        if wanted & {"history", "window"}:
            prompt = as_rows("prompt", _tokens(prompt), "i32", -1, count)
            # Padding moves to the front: order and counts are what they were.
            both = np.concatenate([prompt, output], axis=1)
            order = np.argsort(both >= 0, axis=1, kind="stable")
            history = np.ascontiguousarray(np.take_along_axis(both, order, axis=1))
            values["history"] = history
            values["window"] = np.ascontiguousarray(history[:, -WINDOW:])
        if "banned" in wanted:
            before = values["history"] if crosses else output
            banned = [
                _banned(self.params[request], int((drawn >= 0).sum()), past[past >= 0].tolist())
                for request, drawn, past in zip(chosen.tolist(), output, before, strict=True)
            ]
            values["banned"] = as_rows("banned", banned, "i32", -1, count)
        return {name: value for name, value in values.items() if name in wanted}


def _filters(params) -> bool:
    """Whether SGLang would sort the request's row."""
    return params.top_k > 0 or params.top_p < 1 or params.min_p > 0


def _tokens(value):
    """Lists as they are; arrays as NumPy."""
    return value if isinstance(value, list | tuple) else arrays.to_numpy(value)


def _banned(params, drawn, past) -> list[int]:
    """What may not follow ``past``: the ends of bad words, and stops before ``min_tokens``."""
    banned = list(params.stop_token_ids) if drawn < params.min_tokens else []
    for word in params.bad_words_token_ids:
        *start, end = word
        if not start or past[-len(start) :] == start:
            banned.append(end)
    return banned
