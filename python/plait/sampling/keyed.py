"""The sampler as compiled code."""

from typing import NamedTuple

import numpy as np

import plait
from plait import arrays
from plait.module import Module
from plait.sampling.keys import check_logits, keys, parameters
from plait.sampling.reference import VOCAB_LIMIT


def module(batch: int | None, vocab: int, *, top_k: bool = True, top_p: bool = True) -> Module:
    """A chain of ``sample`` ops: temperature, top-k, top-p, keyed draw.

    ``@main`` takes logits f32 [B, V], temperature f32 [B], k i32 [B] (with
    ``top_k``), p f32 [B] (with ``top_p``), seed i64 [B], session, sequence
    and position i32 [B], and returns tokens i32 [B] and flags i32 [B].

    Args:
        batch: B, or None for any.
        vocab: V, below 2**20.
        top_k: whether the chain has it.
        top_p: whether the chain has it.

    Raises:
        plait.ArgumentError: V is out of range.
    """
    if not 0 < vocab < VOCAB_LIMIT:
        raise plait.ArgumentError(f"vocab: expects 1 to {VOCAB_LIMIT - 1}, got {vocab}")
    size = "?" if batch is None else str(batch)
    logits = f"tensor<{size}x{vocab}xf32>"
    f32, i32, i64 = (f"tensor<{size}x{element}>" for element in ("f32", "i32", "i64"))
    processors = [("temperature", f32)]
    processors += [("top_k", i32)] * top_k + [("top_p", f32)] * top_p
    arguments = [("logits", logits), *processors, ("seed", i64)]
    arguments += [("session", i32), ("sequence", i32), ("position", i32)]

    signature = ", ".join(f"%{name}: {kind}" for name, kind in arguments)
    lines = [f"func.func @main({signature}) -> ({i32}, {i32}) {{"]
    last = "%logits"
    for index, (name, kind) in enumerate(processors):
        lines.append(f"  %{index} = sample.{name} {last}, %{name} : {logits}, {kind}")
        last = f"%{index}"
    lines += [
        f"  %bits = sample.random %seed, %session, %sequence, %position : {i64}, {i32}",
        f"  %tokens, %flags, %logprobs, %margins = sample.draw {last}, %bits : {logits}, {i64}",
        f"  return %tokens, %flags : {i32}, {i32}",
        "}",
        "",
    ]
    return Module("\n".join(lines), source="sampling")


class Draw(NamedTuple):
    """What one call drew.

    Attributes:
        tokens: int32 [B]; -1 where a row had no candidate.
        flags: int32 [B], bits of :data:`plait.sampling.SAW_NAN` and
            :data:`plait.sampling.NO_CANDIDATE`.
    """

    tokens: np.ndarray
    flags: np.ndarray


class KeyedSampler:
    """A compiled sampler for one vocabulary and any batch.

    The token of a row depends on the row's logits, parameters and key alone:
    not on the batch, its order, or the machine. It equals
    :class:`plait.sampling.SimpleTokenSampler`'s bit for bit. Each combination
    of top-k and top-p is compiled when it is first used.
    """

    def __init__(self, vocab: int):
        self.vocab = vocab
        self._executables = {}

    def __call__(
        self,
        logits,
        temperature=1.0,
        seed=0,
        position=0,
        top_k=None,
        top_p=None,
        session_id=0,
        sequence_id=None,
    ):
        """The tokens of :meth:`draw`, int32 [B]."""
        return self.draw(
            logits, temperature, seed, position, top_k, top_p, session_id, sequence_id
        ).tokens

    def draw(
        self,
        logits,
        temperature=1.0,
        seed=0,
        position=0,
        top_k=None,
        top_p=None,
        session_id=0,
        sequence_id=None,
    ) -> Draw:
        """Tokens and flags for float32 logits [B, V], NumPy, torch or JAX.

        The other arguments are those of
        :meth:`plait.sampling.SimpleTokenSampler.sample`; the results are of
        the kind of ``logits``.

        Raises:
            ArgumentError: wrong dtypes, shapes or ranges; two rows with one
                key.
        """
        kind = arrays.kind_of(logits)
        logits = check_logits(arrays.to_numpy(logits), self.vocab)
        batch = len(logits)
        temperature, top_k, top_p = parameters(batch, temperature, top_k, top_p)
        key = keys(batch, seed, session_id, sequence_id, position)
        optional = [value for value in (top_k, top_p) if value is not None]
        seeds, *ids = key
        tokens, flags = self._executable(top_k is not None, top_p is not None)(
            logits,
            temperature,
            *optional,
            seeds.view(np.int64),
            *(part.view(np.int32) for part in ids),
        )
        return Draw(arrays.from_numpy(tokens, kind), arrays.from_numpy(flags, kind))

    def _executable(self, top_k: bool, top_p: bool):
        form = (top_k, top_p)
        if form not in self._executables:
            chain = module(None, self.vocab, top_k=top_k, top_p=top_p)
            self._executables[form] = plait.compile(chain)
        return self._executables[form]
