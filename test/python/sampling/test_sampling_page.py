"""Every block of docs/sampling.md and the README's on sampling, as a reader would run it."""

import re
import shlex

import numpy as np
import pytest
import typer.testing

import plait
from plait.cli import app
from plait.sampling import SimpleTokenSampler

V = 151936


def blocks(request, name, language, word=""):
    text = (request.config.rootpath / name).read_text()
    found = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return [block for block in found if word in block]


def logits(rows, vocab=V):
    return (3 * np.random.default_rng(0).standard_normal((rows, vocab))).astype(np.float32)


def test_the_blocks_of_the_page(request):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    jax = pytest.importorskip("jax")
    mixed, imported, jitted, generated = blocks(request, "docs/sampling.md", "python")

    names = {"logits": logits(3)}
    exec(mixed, names)
    draw, sampler = names["draw"], names["sampler"]
    want = sampler.specification(names["logits"], position=12, output=[[5, 9], [7], [5, 5]])
    for ours, theirs in zip(draw, want, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert sampler.metrics.dict()["calls"] == 1

    names = {"logits": torch.from_numpy(logits(4, 50)), "plait": plait}
    names["step"] = lambda x: torch.multinomial(x.softmax(-1), 1)
    exec(imported, names)
    want = SimpleTokenSampler.sample(names["logits"].numpy(), seed=7, position=12)
    assert names["tokens"][:, 0].tolist() == want.tolist()

    names = {"jax": jax}
    exec(jitted, names)
    want = SimpleTokenSampler.sample(logits(2, 500), 0.8, 7, 5, 50, 0.95)
    np.testing.assert_array_equal(names["step"](logits(2, 500), 5), want)

    config = transformers.LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, vocab_size=67,
    )  # fmt: skip
    torch.manual_seed(0)
    names = {"model": transformers.LlamaForCausalLM(config).eval()}
    names["tokenizer"] = type("Tokenizer", (), {"pad_token_id": 0})
    ids = torch.tensor([[1, 2, 3]])
    names["inputs"] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    exec(generated, names)
    assert names["sampler"].metrics.dict()["tokens"] > 0


def test_the_readme(request):
    (block,) = blocks(request, "README.md", "python", "SamplingParams")
    names = {"logits": logits(2, 32000)}
    exec(block, names)
    x = names["logits"]
    parameters = dict(temperature=[0.8, 0], top_k=[50, 0], top_p=[0.95, 1], seed=[7, 0])
    want = SimpleTokenSampler.sample(x, position=12, **parameters)
    assert names["tokens"].tolist() == want.tolist()


def test_the_command_of_the_page(request, tmp_path, monkeypatch):
    page = (request.config.rootpath / "docs/sampling.md").read_text()
    command = shlex.split(re.search(r"^plait sample logits.npy.*$", page, re.MULTILINE)[0])
    monkeypatch.chdir(tmp_path)
    np.save("logits.npy", logits(1, 500))
    done = typer.testing.CliRunner().invoke(app, command[1:])
    assert done.exit_code == 0 and "native code draws the same token" in done.output
