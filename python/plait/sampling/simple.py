"""The specification as a sampler: pure NumPy, no compiler."""

import numpy as np

from plait.sampling import reference
from plait.sampling.keys import check_logits, keys, parameters


class SimpleTokenSampler:
    """Draws tokens by :mod:`plait.sampling.reference`: exact, and not fast."""

    @staticmethod
    def sample(
        logits,
        temperature=1.0,
        seed=0,
        position=0,
        top_k=None,
        top_p=None,
        session_id=0,
        sequence_id=None,
    ):
        """Temperature, then top-k, then top-p, then a keyed draw.

        Args:
            logits: float32, float16 or bfloat16 (of ``ml_dtypes``) [B, V], or
                [V] for one row.
            temperature: from 0 (greedy) on.
            seed: unsigned 64-bit.
            position: unsigned 32-bit, the place of the token in its sequence.
            top_k: 0 or less is off, as is None.
            top_p: 1 or more is off, as is None; the mass is that of the
                ``top_k`` survivors.
            session_id: unsigned 32-bit.
            sequence_id: unsigned 32-bit; None is the row's index.

        Every argument but ``logits`` is a scalar or [B].

        Returns:
            int32 [B], or one int32 for logits [V]; -1 where a row has no
            candidate.

        Raises:
            ArgumentError: wrong dtypes, shapes or ranges; two rows with one
                key.
        """
        logits = np.asarray(logits)
        single = logits.ndim == 1
        logits = check_logits(logits[None] if single else logits)
        batch = len(logits)
        temperature, top_k, top_p = parameters(batch, temperature, top_k, top_p)
        key = keys(batch, seed, session_id, sequence_id, position)
        tokens = np.empty(batch, np.int32)
        for b, row in enumerate(logits):
            row = reference.temperature(row, temperature[b])
            if top_k is not None:
                row = reference.top_k(row, top_k[b])
            if top_p is not None:
                row = reference.top_p(row, top_p[b])
            bits = reference.random(*(int(part[b]) for part in key))
            tokens[b] = reference.draw(row, bits).token
        return tokens[0] if single else tokens
