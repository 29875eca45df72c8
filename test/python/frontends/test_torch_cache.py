"""What an import that is kept depends on, and what it does not."""

import os
import subprocess
import sys

import numpy as np
import pytest

import plait

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Counts the traces of imports that start with an empty cache."""
    from plait import cache
    from plait.frontends import torch as front

    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / "cache"))
    cache.store.cache_clear()
    trace, traces = front._trace, []
    monkeypatch.setattr(front, "_trace", lambda *a: traces.append(a) or trace(*a))
    yield traces
    cache.store.cache_clear()


class Scaled(torch.nn.Module):
    def __init__(self, scale=2.0, table=(1.0, 2.0, 3.0)):
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)
        self.register_buffer("count", torch.zeros(()))
        self.scale, self.table, self.tags = scale, torch.tensor(table), {"b", "a"}

    def forward(self, x):
        self.count.add_(1)
        return self.linear(x) * self.scale + self.table


def agrees(model, x):
    compiled = plait.compile(plait.from_torch(model, (x,), cache=True))
    before = model.count.clone()
    got = np.asarray(compiled(x))
    assert model.count == before + 1
    with torch.no_grad():
        np.testing.assert_allclose(got, model(x), rtol=1e-6, atol=1e-6)


def test_new_weights_use_the_kept_import(kept):
    x = torch.randn(2, 3)
    for seed in range(3):
        torch.manual_seed(seed)
        agrees(Scaled().eval(), x)
    assert len(kept) == 1


@pytest.mark.parametrize("other", [{"scale": 3.0}, {"table": (1.0, 2.0, 4.0)}])
def test_other_attributes_do_not(kept, other):
    x = torch.randn(2, 3)
    agrees(Scaled().eval(), x)
    agrees(Scaled(**other).eval(), x)
    agrees(Scaled().eval(), torch.randn(4, 3))
    assert len(kept) == 3


def test_another_source_does_not(kept, tmp_path, monkeypatch):
    source = tmp_path / "plait_test_source.py"
    monkeypatch.syspath_prepend(tmp_path)
    text = "import torch\nclass Add(torch.nn.Module):\n  def forward(self, x):\n    return x + {}\n"
    for number in (1, 1, 20):
        source.write_text(text.format(number))
        os.utime(source, ns=(number, number))
        sys.modules.pop("plait_test_source", None)
        import plait_test_source

        module = plait.from_torch(plait_test_source.Add(), (torch.zeros(1),), cache=True)
        assert np.asarray(plait.compile(module)(torch.zeros(1))) == [number]
    assert len(kept) == 2


def test_enclosed_values_count(kept):
    def adder(number):
        return lambda x: x + number

    for number in (1.0, 2.0, 2.0):
        module = plait.from_torch(adder(number), (torch.zeros(1),), cache=True)
        assert np.asarray(plait.compile(module)(torch.zeros(1))) == [number]
    assert len(kept) == 2


def test_autocast_counts(kept):
    x, model = torch.randn(2, 3), torch.nn.Linear(3, 3).eval()
    for enabled in (False, True, True):
        with torch.autocast("cpu", enabled=enabled):
            module = plait.from_torch(model, (x,), cache=True)
            assert plait.compile(module)(x).dtype == model(x).dtype
    assert len(kept) == 2


def test_key_is_the_same_in_every_process():
    job = (
        "import torch, sys; sys.path.insert(0, sys.argv[1]); import test_torch_cache as t;"
        "from plait.frontends._torch import cached; torch.manual_seed(0);"
        "print(cached.key(torch, t.Scaled(), ((1, 'a'), {'x', 'y', 'z'})))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", job, os.path.dirname(__file__)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(keys) == 1


def test_what_has_no_source_is_refused(kept):
    space = {"torch": torch, "__name__": "__main__"}
    exec("def forward(x):\n  return x + 1\n", space)
    forward = space["forward"]
    forward.__module__ = "plait_no_such_module"
    with pytest.raises(plait.errors.FrontendError, match="cache=True cannot describe"):
        plait.from_torch(forward, (torch.zeros(1),), cache=True)
