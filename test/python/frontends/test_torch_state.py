"""torch models that change buffers or arguments in place, against torch."""

import copy
import re

import numpy as np
import pytest

import plait
from plait.compiler import run_stages, stages_of
from plait.verification import pass_list

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
nn = torch.nn


class Cache(nn.Module):
    """Keys and values written at a tensor position, read by attention."""

    def __init__(self, slots=16, heads=2, width=8):
        super().__init__()
        self.slots, self.heads = slots, heads
        self.q, self.k, self.v = (nn.Linear(heads * width, heads * width) for _ in range(3))
        self.register_buffer("keys", torch.zeros(1, heads, slots, width))
        self.register_buffer("values", torch.zeros(1, heads, slots, width))

    def forward(self, x, position):
        q, k, v = (
            f(x).view(1, 1, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v)
        )
        self.keys.index_copy_(2, position.reshape(1), k)
        self.values[:, :, position.reshape(1)] = v
        mask = (torch.arange(self.slots) <= position)[None]
        return nn.functional.scaled_dot_product_attention(q, self.keys, self.values, attn_mask=mask)


#: A buffer as large as a cache, or a copy of one, in whatever shape.
CACHE_COPIES = re.compile(r"memref\.(alloc\(\)|copy) .*memref<(1x)?2x16x8xf32")


def bufferized(module):
    """The code when its buffers have been decided."""
    passes = pass_list(stages_of("cpu", module).values())
    at = next(i for i, name in enumerate(passes) if "func-update-arguments" in name)
    return run_stages(module.text.encode(), passes[: at + 1]).decode()


def test_cache_is_updated_in_place():
    torch.manual_seed(0)
    model = Cache().eval()
    twin = copy.deepcopy(model)
    x = torch.randn(1, 1, 16)
    module = plait.from_torch(model, (x, torch.tensor(0)))
    exe = plait.compile(module, check="first")
    assert len(exe.manifest["updates"]) == 2 and not CACHE_COPIES.search(bufferized(module))
    keys = model.keys.data_ptr()
    for position in range(4):
        x = torch.randn(1, 1, 16)
        got, want = exe(x, torch.tensor(position)), twin(x, torch.tensor(position))
        torch.testing.assert_close(got, want, rtol=1e-5, atol=2e-6)
        torch.testing.assert_close(model.keys, twin.keys, rtol=1e-5, atol=2e-6)
        torch.testing.assert_close(model.values, twin.values, rtol=1e-5, atol=2e-6)
    assert model.keys.data_ptr() == keys and exe.state[0].ctypes.data in (
        keys, model.values.data_ptr()
    )  # fmt: skip
    with pytest.raises(
        plait.PlaitError, match="changes its arguments, which code for 'sm_90' cannot"
    ):
        plait.compile(module, target="sm_90")


def test_package_has_state_of_its_own(tmp_path):
    model = Counter()
    exe = plait.compile(plait.from_torch(model, (torch.ones(2),)))
    exe(torch.ones(2))
    exe.save(tmp_path / "counter.plait")
    loaded = plait.load(tmp_path / "counter.plait")
    assert loaded(torch.ones(2))[0].tolist() == [3, 3]
    assert model.count == 1 and loaded.state[0] == 2


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        old = self.count.clone()
        self.count += 1
        return x + self.count, old


def test_old_value_is_kept():
    model = Counter()
    exe = plait.compile(plait.from_torch(model, (torch.ones(2),)), check="first")
    for step in range(3):
        new, old = exe(torch.ones(2))
        assert new.tolist() == [2 + step] * 2 and old == step and model.count == step + 1


def test_batch_norm_trains():
    torch.manual_seed(0)
    model = nn.BatchNorm1d(4).train()
    twin = copy.deepcopy(model)
    exe = plait.compile(plait.from_torch(model, (torch.randn(8, 4),)))
    for _ in range(3):
        x = torch.randn(8, 4) * 3 + 1
        torch.testing.assert_close(exe(x), twin(x), rtol=1e-5, atol=2e-6)
        torch.testing.assert_close(model.state_dict(), twin.state_dict(), rtol=1e-5, atol=2e-6)


def test_arguments_are_changed():
    def model(x, y):
        x.add_(1)
        y[1] = x.sum()
        return x * 2

    x, y = torch.ones(3), torch.zeros(2)
    exe = plait.compile(plait.from_torch(model, (torch.ones(3), torch.zeros(2))), check="first")
    assert exe(x, y).tolist() == [4, 4, 4]
    assert x.tolist() == [2, 2, 2] and y.tolist() == [0, 6]
    # What is read keeps its old content, what is written must be on its own.
    exe = plait.compile(plait.from_torch(add_to, (torch.ones(3), torch.ones(3))))
    x = torch.ones(5)
    assert exe(x[1:4], x[:3]).tolist() == [3, 3, 3] and exe.copies == 1
    assert x.tolist() == [1, 2, 2, 2, 1]
    exe = plait.compile(plait.from_torch(exchange, (torch.ones(3), torch.zeros(3))), check="first")
    x, y = torch.ones(3), torch.zeros(3)
    exe(x, y)
    assert x.tolist() == [0, 0, 0] and y.tolist() == [1, 1, 1]
    with pytest.raises(plait.ArgumentError, match=r"x is changed in place: .* shares no memory"):
        exe(x, x)


def add_to(x, y):
    x.add_(y)
    return x + y


def exchange(x, y):
    old = x.clone()
    x.copy_(y)
    y.copy_(old)


def test_arrays_that_cannot_be_changed():
    def model(x, y):
        x.add_(1)
        y[1] = x.sum()

    exe = plait.compile(plait.from_torch(model, (torch.ones(3), torch.zeros(2))))
    frozen = np.ones(3, np.float32)
    frozen.flags.writeable = False
    for wrong in (frozen, np.ones(6, np.float32)[::2]):
        with pytest.raises(
            plait.ArgumentError, match="x is changed in place: expects a contiguous"
        ):
            exe(wrong, np.zeros(2, np.float32))
