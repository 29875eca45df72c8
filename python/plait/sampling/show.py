"""``plait sample``: draws, and shows what survived and where the draw fell."""

import numpy as np

from plait import arrays
from plait.errors import ArgumentError
from plait.sampling import reference
from plait.sampling.sampler import Sampler

#: So that a row is no wider than 80 columns.
_BAR, _TEXT = 8, 12


def survivors(sampler: Sampler, logits, position: int, text, limit: int):
    """One row's draw, for rich to print, and its token.

    Args:
        sampler: of one request, with log-probabilities.
        logits: float32 [1, V].
        position: of the draw.
        text: token to str, or None.
        limit: how many survivors to list, the likeliest first.
    """
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    rows = sampler.trace(logits, position)[0]
    pick = sampler.specification(logits, position)
    token = int(pick.tokens[0])
    names = ["all", *(step.op for step in sampler.steps)]
    counts = [int((row > -np.inf).sum()) for row in rows]
    path = " > ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
    if token < 0:
        return f"position {position}: no candidate is left ({path})", token

    last = rows[-1]
    mass = np.cumsum(reference.weights(last)).astype(np.float64)
    ends = mass / mass[-1]
    starts = np.concatenate([[0.0], ends[:-1]])
    point = None
    if sampler.pick == "draw":
        bits = reference.random(int(sampler.params[0].seed), 0, 0, position)
        point = bits / 2**64
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    columns = {
        "": {}, "token": dict(justify="right"), "text": dict(max_width=_TEXT),
        "logit": dict(justify="right"), "probability": dict(justify="right"), " ": {},
        "of the draw's line": {},
    }  # fmt: skip
    for name, options in columns.items():
        if name != "text" or text:
            table.add_column(name, no_wrap=True, **options)
    order = reference.candidates(last)
    listed = [int(v) for v in order[:limit]]
    listed += [token] * (token not in listed)
    best = ends[order[0]] - starts[order[0]]
    for v in listed:
        share = ends[v] - starts[v]
        table.add_row(
            "[bold green]>[/]" if v == token else "",
            str(v),
            *([escape(repr(text(v)))] if text else []),
            f"{rows[0][v]:.4g}",
            f"{share:.5f}",
            "\u2588" * max(1, round(_BAR * share / best)),
            f"{starts[v]:.6f} to {ends[v]:.6f}",
            style="bold green" if v == token else "",
        )
    more = [f"and {order.size - len(listed)} more"] if len(listed) < order.size else []
    where = f"the draw fell at {point:.6f}: " if point is not None else f"{sampler.pick}: "
    where += f"token {token}{' ' + escape(repr(text(token))) if text else ''}"
    numbers = f"log-probability {pick.logprobs[0]:.4f}, margin {pick.margins[0]:.3g}"
    return Group(f"position {position}: {path}", table, *more, where, numbers), token


def from_file(console, path, params, preset, row, position, limit):
    """Draws from one row of a saved .npy file, and shows it; 1 if native code differs.

    Raises:
        ArgumentError: the file does not hold float logits [V] or [B, V], or not that row.
    """
    from plait.sampling.keys import check_logits

    logits = arrays.load(path)
    logits = check_logits(logits[None] if logits.ndim == 1 else logits)[row : row + 1]
    if not len(logits):
        raise ArgumentError(f"{path}: has no row {row}")
    sampler = Sampler(params, logits.shape[1], preset=preset, logprobs=True)
    shown, token = survivors(sampler, logits, position, None, limit)
    console.print(shown)
    same = sampler(logits, position).tokens.tolist() == [token]
    console.print("native code draws the same token" if same else "[red]native code differs[/red]")
    return 0 if same else 1


def from_model(console, prompt, tokens, params, preset, limit):
    """Continues ``prompt`` with the demo's language model, and shows every draw; 1 if one differs.

    The tokens are those that native code draws.

    Raises:
        ArgumentError: the prompt is empty, or torch or transformers is missing.
    """
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise ArgumentError(f"a prompt needs torch and transformers: {error}") from error
    from rich.text import Text

    from plait.demo.smollm import load
    from plait.sampling.generation import GenerationSampler

    model, tokenizer = load(console)
    vocab = model.config.vocab_size
    sampler = Sampler(params, vocab, preset=preset, logprobs=True)
    ids = tokenizer(prompt).input_ids if tokenizer else [ord(c) % vocab for c in prompt]
    if not ids:
        raise ArgumentError("prompt: expects at least one token, got none")
    text = (lambda v: tokenizer.decode([v])) if tokenizer else None
    drawing, exact = GenerationSampler(sampler), []

    def show(input_ids, scores):
        position = input_ids.shape[1] - 1
        shown, token = survivors(sampler, scores.numpy(), position, text, limit)
        console.print(shown)
        exact.append(token)
        return scores

    out = model.generate(
        torch.tensor([ids]), max_new_tokens=tokens, do_sample=False, pad_token_id=0,
        logits_processor=[show, drawing],
    )  # fmt: skip
    drawn = out[0, len(ids) :].tolist()
    console.print(Text.assemble((prompt, "bold"), tokenizer.decode(drawn) if text else str(drawn)))
    console.print(sampler.metrics.dict())
    if drawn != exact:
        console.print(f"[red]native code differs: {exact}[/red]")
        return 1
    console.print(f"native code drew the same {len(drawn)} tokens")
    return 0
