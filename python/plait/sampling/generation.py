"""Plait's sampler inside ``generate()`` of transformers."""

import numpy as np

from plait import arrays
from plait.errors import ArgumentError


class GenerationSampler:
    """A logits processor that draws: all logits but the drawn token's become -inf.

    ``model.generate(ids, logits_processor=[GenerationSampler(sampler)])`` then
    continues with the sampler's tokens, with and without ``do_sample``. Give
    temperature, filters and penalties to the sampler, not to ``generate``,
    whose own processors would run first.

    The position of a draw is that of the last token before it; left padding
    does not count, so a batch's padding cannot change a token. One object can
    serve many calls of ``generate``, one at a time.

    Args:
        sampler: a :class:`plait.sampling.Sampler` of the model's vocabulary.
        pad_token_id: what pads prompts on the left, if anything.
        session_id: of the draws' keys, scalar or one per row.
        sequence_id: of the draws' keys; None is the row.
    """

    def __init__(self, sampler, pad_token_id=None, session_id=0, sequence_id=None):
        self.sampler = sampler
        self.pad_token_id = pad_token_id
        self._ids = dict(session_id=session_id, sequence_id=sequence_id)
        self._before, self._prompt = None, 0

    def __call__(self, input_ids, scores):
        """The scores float32 [B, V] after a draw; see the class.

        Raises:
            ArgumentError: a row has no candidate.
        """
        tokens = arrays.to_numpy(input_ids)
        before, self._before = self._before, tokens.copy()
        grown = before is not None and before.shape[1] + 1 == tokens.shape[1]
        if not (grown and np.array_equal(before, tokens[:, :-1])):
            self._prompt = tokens.shape[1]
        lead = np.zeros(len(tokens), int)
        if self.pad_token_id is not None:
            lead = (np.cumsum(tokens != self.pad_token_id, axis=1) == 0).sum(axis=1)
        known = np.where(np.arange(tokens.shape[1]) < lead[:, None], -1, tokens)
        draw = self.sampler(
            arrays.to_numpy(scores),
            tokens.shape[1] - lead - 1,
            prompt=known[:, : self._prompt],
            output=known[:, self._prompt :],
            **self._ids,
        )
        if (draw.tokens < 0).any():
            row = int(np.argmin(draw.tokens))
            raise ArgumentError(f"scores: expects a candidate in every row, got none in row {row}")
        drawn = np.full(scores.shape, -np.inf, np.float32)
        drawn[np.arange(len(drawn)), draw.tokens] = 0
        return arrays.from_numpy(drawn, arrays.kind_of(scores))
