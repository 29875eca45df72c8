"""Spiking models of torch libraries, against those libraries.

Each library is optional; `pip install --no-deps snntorch norse nirtorch sinabs spikingjelly
loguru` gets all. Spikes must be equal, every one.
"""

import numpy as np
import pytest

import plait
from plait.compiler import run_stages, stages_of

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
nn = torch.nn


def rough(shape, seed=0, rate=0.4):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


def check(got, expected, exact=True):
    got, expected = np.asarray(got), np.asarray(expected.detach())
    assert got.shape == expected.shape
    assert expected.any()
    if exact:
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


# Without any library: a module that has SpikingJelly's names and rule.


class _Node(nn.Module):
    """v + (x - v) / tau, >=, to zero: torch's own loop is the oracle."""

    def __init__(self, mode):
        super().__init__()
        self.tau, self.decay_input, self.step_mode = 3.0, True, mode
        self.v_threshold, self.v_reset, self.v = 1.0, 0.0, 0.0

    def forward(self, x):
        out = []
        for step in x if self.step_mode == "m" else [x]:
            self.v = self.v + (step - self.v) / self.tau
            out.append((self.v >= self.v_threshold).float())
            self.v = (1 - out[-1]) * self.v
        return torch.stack(out) if self.step_mode == "m" else out[0]


_Base = type("BaseNode", (_Node,), {"__module__": "spikingjelly.stand_in"})
_StandIn = type("LIFNode", (_Base,), {"__module__": "spikingjelly.stand_in"})


@pytest.mark.parametrize("mode", ["m", "s"])
def test_stand_in(mode):
    torch.manual_seed(0)
    node = _StandIn(mode)
    net = nn.Sequential(nn.Linear(6, 8), node).eval()
    nn.init.uniform_(net[0].weight, 0, 1)
    x = rough((9, 3, 6)) * 2
    with torch.no_grad():
        expected = net(x) if mode == "m" else torch.stack([net(one) for one in x])
    if mode == "m":
        module = plait.from_torch(net, (x,))
        assert module.text.count("spike.scan") == 1
    else:
        module = plait.from_torch(net, (x[0],), time_steps=9)
        assert module.text.count("spike.neuron") == 1
    assert "forward" not in vars(node) and not dict(net.named_buffers())
    check(plait.compile(module)(x), expected)


# snnTorch.


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Leaky", {"beta": 0.9}),
        ("Leaky", {"beta": torch.linspace(0.5, 0.95, 8), "threshold": torch.full((8,), 0.7)}),
        ("Leaky", {"beta": 0.9, "reset_mechanism": "zero"}),
        ("Leaky", {"beta": 0.9, "reset_mechanism": "zero", "reset_delay": False}),
        ("Leaky", {"beta": 0.5, "reset_mechanism": "none"}),
        ("Synaptic", {"alpha": 0.8, "beta": 0.7}),
        ("Synaptic", {"alpha": 0.8, "beta": 0.7, "reset_mechanism": "zero"}),
        ("Lapicque", {"beta": 0.8}),
        (
            "Lapicque",
            {"R": 2.0, "C": 3.0, "time_step": 0.5, "threshold": 0.3, "reset_mechanism": "zero"},
        ),
        ("RLeaky", {"beta": 0.9, "linear_features": 8}),
        ("RLeaky", {"beta": 0.9, "linear_features": 8, "reset_mechanism": "zero"}),
        ("RLeaky", {"beta": 0.9, "all_to_all": False, "V": 0.5, "reset_mechanism": "none"}),
        ("RSynaptic", {"alpha": 0.8, "beta": 0.7, "linear_features": 8}),
        (
            "RSynaptic",
            {"alpha": 0.8, "beta": 0.7, "linear_features": 8, "reset_mechanism": "zero"},
        ),
    ],
)
def test_snntorch_step_models(kind, options):
    snn = pytest.importorskip("snntorch")
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Linear(6, 8), getattr(snn, kind)(**options, init_hidden=True),
        nn.Linear(8, 4), snn.Leaky(beta=0.8, init_hidden=True),
    ).eval()  # fmt: skip
    x = rough((25, 3, 6)) * 2
    for layer in (net[1], net[3]):
        layer.reset_mem()
    expected = torch.stack([net(step) for step in x])
    run = plait.compile(plait.from_torch(net, (x[0],), time_steps=25))
    check(run(x), expected)
    check(run(x), expected)  # From rest again.
    # Called once a step, it keeps its state.
    step = plait.compile(plait.from_torch(net, (x[0],)))
    check(torch.stack([step(one) for one in x]), expected)


def test_snntorch_model_with_its_own_loop():
    snn = pytest.importorskip("snntorch")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.lif1 = nn.Linear(6, 8), snn.Leaky(beta=0.9)
            self.fc2, self.lif2 = nn.Linear(8, 4), snn.Synaptic(alpha=0.7, beta=0.8)

        def forward(self, x):
            mem1, (syn2, mem2) = torch.zeros(3, 8), (torch.zeros(3, 4), torch.zeros(3, 4))
            record = []
            for step in x:
                spk1, mem1 = self.lif1(self.fc1(step), mem1)
                spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
                record.append((spk2, mem2))
            return tuple(torch.stack(part) for part in zip(*record, strict=True))

    torch.manual_seed(2)
    net, x = Net().eval(), rough((12, 3, 6)) * 2
    spikes, mem = net(x)
    module = plait.from_torch(net, (x,))
    assert module.text.count("spike.neuron") >= 3
    got_spikes, got_mem = plait.compile(module)(x)
    check(got_spikes, spikes)
    check(got_mem, mem, exact=False)


def test_snntorch_recurrent_model_with_its_own_loop():
    snn = pytest.importorskip("snntorch")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.one = nn.Linear(6, 8), snn.RLeaky(beta=0.9, linear_features=8)
            self.two = snn.RSynaptic(alpha=0.8, beta=0.9, all_to_all=False, V=0.3)

        def forward(self, x):
            spk1, mem1, spk2, syn2, mem2 = (torch.zeros(3, 8) for _ in range(5))
            out = []
            for step in x:
                spk1, mem1 = self.one(self.fc(step), spk1, mem1)
                spk2, syn2, mem2 = self.two(spk1, spk2, syn2, mem2)
                out.append(spk2)
            return torch.stack(out), mem2

    torch.manual_seed(2)
    net, x = Net().eval(), rough((15, 3, 6)) * 2
    with torch.no_grad():
        spikes, mem = net(x)
    got_spikes, got_mem = plait.compile(plait.from_torch(net, (x,)))(x)
    check(got_spikes, spikes)
    check(got_mem, mem, exact=False)


def test_snntorch_rules_that_are_refused():
    snn = pytest.importorskip("snntorch")
    x = torch.zeros(2, 3)
    for layer, message in (
        (snn.Leaky(0.9, init_hidden=True, reset_delay=False), "reset_delay=False"),
        (snn.Leaky(0.9, init_hidden=True, graded_spikes_factor=2.0), "graded_spikes_factor"),
        (snn.Alpha(alpha=0.9, beta=0.8, init_hidden=True), "snnTorch's Alpha is not supported"),
        (
            snn.RSynaptic(
                0.9,
                0.9,
                linear_features=3,
                init_hidden=True,
                reset_delay=False,
                reset_mechanism="zero",
            ),
            "RSynaptic cannot run",
        ),
    ):
        with pytest.raises(plait.FrontendError, match=message):
            plait.from_torch(nn.Sequential(nn.Linear(3, 3), layer), (x,))
        assert "forward" not in vars(layer)  # It is left as it was.


# SpikingJelly.


def jelly():
    return pytest.importorskip("spikingjelly.activation_based.neuron")


@pytest.mark.parametrize("mode", ["m", "s"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("LIFNode", {}),
        ("LIFNode", {"tau": 3.0, "decay_input": False}),
        ("LIFNode", {"tau": 2.5, "v_reset": None}),
        ("LIFNode", {"tau": 3.0, "v_reset": -0.2, "v_threshold": 0.5}),
        ("IFNode", {}),
        ("IFNode", {"v_reset": None}),
        ("ParametricLIFNode", {"init_tau": 2.3}),
        ("SimpleIFNode", {"v_threshold": 1.0, "v_reset": None}),
        ("SimpleLIFNode", {"tau": 2.5, "decay_input": False}),
        ("SimpleLIFNode", {"tau": 3.0, "decay_input": True, "v_reset": 0.1}),
        ("CUBALIFNode", {"c_decay": 0.25, "v_decay": 0.5}),
        ("HalfThresholdIFNode", {"v_threshold": 0.8}),
        ("OTTTLIFNode", {"tau": 2.5}),
        ("SLTTLIFNode", {"tau": 2.5, "v_reset": -0.1, "v_threshold": 0.4}),
    ],
)
def test_spikingjelly(kind, options, mode):
    neuron = jelly()
    from spikingjelly.activation_based import functional, layer

    if "TTLIF" in kind and mode == "m":
        pytest.skip("it has one step mode")
    torch.manual_seed(3)
    net = nn.Sequential(
        layer.Conv2d(2, 4, 3, padding=1), layer.BatchNorm2d(4), getattr(neuron, kind)(**options),
        layer.MaxPool2d(2), layer.Flatten(), layer.Linear(4 * 4 * 4, 5),
        getattr(neuron, kind)(**options),
    ).eval()  # fmt: skip
    net[1].running_var.uniform_(0.1, 0.3)
    nn.init.uniform_(net[5].weight, -0.1, 0.5)
    functional.set_step_mode(net, mode)
    x = rough((7, 3, 2, 8, 8)) * 2
    functional.reset_net(net)
    expected = net(x) if mode == "m" else torch.stack([net(one) for one in x])
    functional.reset_net(net)
    if mode == "m":
        module = plait.from_torch(net, (x,))
        assert module.text.count("spike.scan") == (4 if kind == "CUBALIFNode" else 2)
    else:
        module = plait.from_torch(net, (x[0],), time_steps=7)
    run = plait.compile(module)
    check(run(x), expected)


@pytest.mark.parametrize("decode", [None, "max-mem", "max-abs-mem", "mean-mem", "last_mem"])
@pytest.mark.parametrize("kind", ["NonSpikingIFNode", "NonSpikingLIFNode"])
def test_spikingjelly_potentials(kind, decode):
    neuron = jelly()
    torch.manual_seed(4)
    net = nn.Sequential(nn.Linear(5, 6), getattr(neuron, kind)(decode=decode)).eval()
    x = rough((9, 3, 5)) * 2
    with torch.no_grad():
        expected = net(x)
    got = plait.compile(plait.from_torch(net, (x,)))(x)
    if decode is None:
        got, expected = np.stack([np.asarray(v) for v in got]), torch.stack(expected)
    check(got, expected, exact=False)


def test_spikingjelly_rules_that_are_refused():
    neuron = jelly()
    from spikingjelly.activation_based.neuron import nonlinear_if

    x = torch.zeros(2, 3)
    for layer in (
        nonlinear_if.QIFNode(), nonlinear_if.EIFNode(), neuron.IzhikevichNode(), neuron.KLIFNode(),
        neuron.LIAFNode(torch.tanh, False),
    ):  # fmt: skip
        message = f"SpikingJelly's {type(layer).__name__} is not supported"
        with pytest.raises(plait.FrontendError, match=message):
            plait.from_torch(nn.Sequential(nn.Linear(3, 3), layer), (x,))


def lively(model, x):
    """Deep layers of random weights fire, and no sum is rounded: batch norms know their data, and
    all numbers are few bits, so that every order of a sum gives the same spikes."""
    from spikingjelly.activation_based import functional

    model.train()
    for module in model.modules():
        if hasattr(module, "running_var"):
            module.momentum = None
            module.reset_running_stats()
        elif getattr(module, "weight", None) is not None:
            module.weight.data = (module.weight.data * 64).round().clamp(-15, 15) / 64
            if module.bias is not None:
                module.bias.data.zero_()
    with torch.no_grad():
        model(x)
        functional.reset_net(model.eval())
    for module in model.modules():
        if hasattr(module, "running_var"):
            spread = torch.sqrt(module.running_var + module.eps)
            module.weight.data = 2.0 ** torch.log2(module.weight.data.abs() / spread).round()
            module.running_mean = (module.running_mean * 64).round() / 64
            module.running_var = torch.full_like(module.running_var, 1 - module.eps)
            module.bias.data = torch.full_like(module.bias.data, 0.5)


class Observed(nn.Module):
    """A model that gives the spikes of all its populations besides its result."""

    def __init__(self, model):
        super().__init__()
        from spikingjelly.activation_based.neuron import LIFNode

        self.model, self.spikes = model, []
        for module in model.modules():
            if isinstance(module, LIFNode):
                module.register_forward_hook(lambda *call: self.spikes.append(call[-1]))

    def forward(self, x):
        self.spikes.clear()
        result = self.model(x)
        return (result, *self.spikes)


TRANSFORMERS = {
    "spikformer": ("Spikformer", {"img_size_h": 32, "img_size_w": 32, "embed_dims": 64,
                                  "num_heads": 4, "depths": 1}, 10),
    "spike_driven_transformer": ("SpikeDrivenTransformer", {"embed_dims": 64, "num_heads": 4,
                                                            "depths": 1}, 12),
    "qkformer": ("QKFormer", {"embed_dims": 64, "num_heads": (1, 2, 4), "depths": (1, 1, 1)}, 25),
    "maxformer": ("MaxFormer", {"embed_dims": 96, "depths": (1, 1, 1)}, 18),
}  # fmt: skip


#: As published for CIFAR-10, as far as SpikingJelly has it: QKFormer's first layers are those of
#: ImageNet.
CIFAR_10 = {
    "spikformer": ("spikformer_cifar10", {}),
    "spike_driven_transformer": ("SpikeDrivenTransformer", {"embed_dims": 512, "num_heads": 8,
                                                            "depths": 2, "pooling_stat": "0011"}),
    "qkformer": ("QKFormer", {"embed_dims": 384, "num_heads": (8, 8, 8), "depths": (1, 1, 2)}),
    "maxformer": ("maxformer_cifar", {}),
}  # fmt: skip


def transformer(name, kind, options, x):
    """One of SpikingJelly's, of random weights that fire, with all its spikes for ``x``."""
    jelly()
    import importlib

    from spikingjelly.activation_based import functional

    home = importlib.import_module(f"spikingjelly.activation_based.model.{name}")
    torch.manual_seed(0)
    model = getattr(home, kind)(T=len(x), num_classes=10, **options)
    x.copy_((torch.rand_like(x) * 16).round() / 16)
    lively(model, x)
    model = Observed(model).eval()
    with torch.no_grad():
        result, *spikes = model(x)
    functional.reset_net(model)
    return model, result, spikes


def same_spikes(name, module, x, result, spikes):
    """Every population's spikes are SpikingJelly's, and most populations fire."""
    got, *fired = plait.compile(module)(x)
    check(got, result, exact=False)
    assert len(fired) == len(spikes)
    for mine, theirs in zip(fired, spikes, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), theirs)
    rates = [float(train.mean()) for train in spikes]
    print(f"{name}: {int(sum(s.sum() for s in spikes))} spikes, rates {np.round(rates, 2)}")
    assert sum(rate > 0.01 for rate in rates) > len(rates) / 2


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_spike_transformers(name):
    """All populations take the fast road and fire SpikingJelly's spikes, every one."""
    kind, options, scans = TRANSFORMERS[name]
    x = torch.empty(2, 2, 3, 32, 32)
    model, result, spikes = transformer(name, kind, options, x)
    module = plait.from_torch(model, (x,))
    assert module.text.count("spike.scan") == scans <= len(spikes)
    stages = stages_of("cpu", module)
    strand = run_stages(module.text.encode(), [stages["import"], stages["strand"]])
    assert strand.count(b" = spike.scan ") == scans
    loops = run_stages(strand, ["func.func(convert-spike-to-vector)"])
    assert b" = spike." not in loops and loops.count(b"vector<") > scans  # None for the reference.
    same_spikes(name, module, x, result, spikes)


@pytest.mark.full
@pytest.mark.parametrize("name", CIFAR_10)
def test_spike_transformers_of_cifar_10(name):
    """One image, four steps, and all the weights."""
    x = torch.empty(4, 1, 3, 32, 32)
    model, result, spikes = transformer(name, *CIFAR_10[name], x)
    print(f"{name}: {sum(p.numel() for p in model.parameters())} weights")
    same_spikes(name, plait.from_torch(model, (x,)), x, result, spikes)


# Norse.


@pytest.mark.parametrize(
    "kind", ["LIF", "LI", "LIFBoxCell", "LIFCell", "LICell", "LIBoxCell", "IAF", "IAFCell",
             "LIFRecurrent", "LIFRecurrentCell", "LIFRefracCell", "LIFRefracRecurrent",
             "LIFRefracRecurrentCell"]
)  # fmt: skip
def test_norse(kind):
    norse = pytest.importorskip("norse.torch")
    resting = norse.LIFRefracParameters(
        norse.LIFParameters(tau_mem_inv=torch.tensor(300.0)), torch.tensor(2.5)
    )
    layer = {
        "LIF": lambda: norse.LIF(norse.LIFParameters(tau_mem_inv=torch.tensor(300.0))),
        "LI": norse.LI, "LICell": norse.LICell, "LIFCell": norse.LIFCell,
        "LIFBoxCell": norse.LIFBoxCell, "LIBoxCell": norse.LIBoxCell,
        "IAF": norse.IAF, "IAFCell": norse.IAFCell,
        "LIFRecurrent": lambda: norse.LIFRecurrent(6, 7),
        "LIFRecurrentCell": lambda: norse.LIFRecurrentCell(6, 7),
        "LIFRefracCell": lambda: norse.LIFRefracCell(resting),
        "LIFRefracRecurrent": lambda: norse.LIFRefracRecurrent(6, 7, resting),
        "LIFRefracRecurrentCell": lambda: norse.LIFRefracRecurrentCell(6, 7, resting),
    }[kind]()  # fmt: skip
    x = rough((30, 3, 5), rate=0.5) * 4

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.layer = nn.Linear(5, 6), layer

        def forward(self, x):
            if not kind.endswith("Cell"):
                return self.layer(self.fc(x))[0]
            state, out = None, []
            for step in x:
                z, state = self.layer(self.fc(step), state)
                out.append(z)
            return torch.stack(out)

    torch.manual_seed(5)
    net = Net().eval()
    nn.init.uniform_(net.fc.weight, 0, 1)
    x = x[: 30 if kind in ("LIF", "LI", "IAF") else 10]
    module = plait.from_torch(net, (x,))
    assert "spike." in module.text
    with torch.no_grad():
        expected = net(x)
    check(plait.compile(module)(x), expected, exact=kind.startswith(("LIF", "IAF")))


# Sinabs.


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("LIF", {"tau_mem": 10.0}),
        ("LIF", {"tau_mem": 10.0, "norm_input": False, "min_v_mem": -1.0}),
        ("LIF", {"tau_mem": 10.0, "tau_syn": 4.0}),
        ("LIF", {"tau_mem": 10.0, "single": True}),
        ("IAF", {}),
        ("ExpLeak", {"tau_mem": 10.0}),
        ("LIFRecurrent", {"tau_mem": 10.0}),
        ("LIFRecurrent", {"tau_mem": 10.0, "tau_syn": 4.0, "norm_input": False}),
        ("IAFRecurrent", {}),
    ],
)
def test_sinabs(kind, options):
    sl = pytest.importorskip("sinabs.layers")
    from sinabs.activation import MembraneReset, SingleSpike

    options = dict(options)
    if options.pop("single", False):
        options |= {"spike_fn": SingleSpike, "reset_fn": MembraneReset()}
    torch.manual_seed(6)
    if kind.endswith("Recurrent"):
        options["rec_connect"] = nn.Linear(6, 6)
    net = nn.Sequential(nn.Linear(5, 6), getattr(sl, kind)(**options), nn.Linear(6, 4), sl.IAF())
    nn.init.uniform_(net[0].weight, -0.5, 2)
    net.eval()
    x = rough((3, 20, 5), rate=0.5) * 3
    with torch.no_grad():
        expected = net(x)
    run = plait.compile(plait.from_torch(net, (x,)))
    check(run(x), expected)


# As NIR files: what comes back fires the same spikes.


def returned(module, tmp_path, reset=None):
    """The module behind a NIR file, its run, and the types in it."""
    nir = pytest.importorskip("nir")
    graph = plait.to_nir(module, tmp_path / "net.nir", reset=reset)
    assert isinstance(graph, nir.NIRGraph)
    run = plait.compile(plait.from_nir(tmp_path / "net.nir"))
    return run, [type(node).__name__ for node in graph.nodes.values()]


@pytest.mark.parametrize("mode", ["m", "s"])
def test_stand_in_to_nir(mode, tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(100, 6),
        _StandIn("s"), nn.Linear(6, 5, bias=False), _StandIn("s"),
    ).eval()  # fmt: skip
    net[1].running_mean.uniform_(-0.1, 0.1)
    net[1].running_var.uniform_(0.1, 0.3)
    nn.init.constant_(net[1].bias, 0.5)
    nn.init.uniform_(net[3].weight, 0, 0.1)
    nn.init.uniform_(net[5].weight, 0, 2)
    x = rough((9, 3, 2, 5, 5)) * 2
    kinds = ["Input", "Conv2d", "Flatten", "Affine", "LIF", "Linear", "LIF", "Output"]
    if mode == "m":
        net = nn.Sequential(net[3], _StandIn("m"), net[5], _StandIn("m"))
        x, kinds = rough((9, 3, 100)), ["Input", "Affine", "LIF", "Linear", "LIF", "Output"]
    with torch.no_grad():
        expected = net(x) if mode == "m" else torch.stack([net(one) for one in x])
    steps = {} if mode == "m" else {"time_steps": 9}
    module = plait.from_torch(net, (x if mode == "m" else x[0],), **steps)
    plait.compile(module)(x)  # It changes the state of the import.
    run, found = returned(module, tmp_path)
    assert found == kinds
    check(run(x), expected)


def test_what_nir_cannot_say():
    pytest.importorskip("nir")
    x = rough((5, 3, 4))

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.node = _StandIn("s")

        def forward(self, x):
            return torch.stack([self.node(one) for one in x])

    class Least(nn.Module):
        def __init__(self):
            super().__init__()
            self.node = _StandIn("m")

        def forward(self, x):
            return self.node(torch.minimum(x, 2 * x))

    for net, message in (
        (
            nn.Sequential(nn.Linear(4, 4), nn.ReLU(), _StandIn("m")),
            r"^'relu' \(aten\.relu\) of module '1' \(ReLU\) is no population",
        ),
        (Least(), r"^'minimum' \(aten\.minimum\) is no population"),
        (nn.Sequential(_StandIn("m"), nn.Softmax(-1)), "is no population, weight"),
        (nn.Linear(4, 4), "hold no network"),
        (Twice(), "own loop over time|not of every step"),
    ):
        with pytest.raises(plait.FrontendError, match=message):
            plait.to_nir(plait.from_torch(net.eval(), (x,)))
    pool = nn.Sequential(_StandIn("m"), nn.MaxPool2d(2))
    with pytest.raises(plait.FrontendError, match=r"of module '1' \(MaxPool2d\) is no population"):
        plait.to_nir(plait.from_torch(pool, (rough((5, 3, 2, 4)),)))
    soft = _StandIn("m")
    soft.v_reset = None
    with pytest.raises(
        plait.FrontendError, match=r"module '1'|node '1' \(spikingjelly's LIFNode\)"
    ):
        plait.to_nir(plait.from_torch(nn.Sequential(nn.Linear(4, 4), soft), (x,)))


@pytest.mark.parametrize("library", ["snntorch", "spikingjelly", "sinabs"])
def test_libraries_to_nir(library, tmp_path):
    """Each library's own neurons, under the convention of that library."""
    torch.manual_seed(1)
    x, dims = rough((20, 3, 5), rate=0.5) * 3, (0, 1)
    if library == "snntorch":
        snn = pytest.importorskip("snntorch")
        first, second = (
            snn.Leaky(beta=b, init_hidden=True, reset_mechanism="zero") for b in (0.9, 0.7)
        )
    elif library == "spikingjelly":
        first, second = (
            jelly().LIFNode(3.0, step_mode="m"),
            jelly().LIFNode(2.5, decay_input=False, v_reset=0.0, step_mode="m"),
        )
    else:
        sl, dims = pytest.importorskip("sinabs.layers"), (1, 0)
        first, second = (sl.LIF(tau_mem=tau, norm_input=False) for tau in (10.0, 4.0))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.first = nn.Linear(5, 6), first
            self.fc2, self.second = nn.Linear(6, 4, bias=False), second

        def forward(self, x):
            return self.second(self.fc2(self.first(self.fc1(x))))

    net = Net().eval()
    nn.init.uniform_(net.fc1.weight, 0, 1)
    nn.init.uniform_(net.fc2.weight, 0, 3)
    own = x.permute(*dims, 2).contiguous()
    with torch.no_grad():
        if library == "snntorch":
            for layer in (first, second):
                layer.reset_mem()
            expected = torch.stack([net(step) for step in x])
            module = plait.from_torch(net, (x[0],), time_steps=len(x))
        else:
            expected = net(own).permute(*dims, 2)
            if library == "spikingjelly":
                first.reset(), second.reset()
            if library == "sinabs":
                first.reset_states(), second.reset_states()
            module = plait.from_torch(net, (own,))
    run, found = returned(module, tmp_path)
    assert found == ["Input", "Affine", "LIF", "Linear", "LIF", "Output"]
    check(run(x), expected)


@pytest.mark.parametrize(
    ("library", "kind", "options", "types", "refused", "reset"),
    [
        ("spikingjelly", "IFNode", {}, ["IF"], None, None),
        ("spikingjelly", "IFNode", {"v_reset": None}, ["IF"], "reset", "subtract"),
        ("spikingjelly", "LIFNode", {"tau": 3.0, "v_reset": -0.2}, ["LIF"], None, None),
        ("spikingjelly", "LIFNode", {"tau": 3.0, "v_reset": None}, ["LIF"], "reset", "subtract"),
        ("spikingjelly", "CUBALIFNode", {"c_decay": 0.25, "v_decay": 0.5}, ["CubaLIF"], None, None),
        ("sinabs", "IAF", {"min_v_mem": -1.0}, ["IF"], None, None),
        ("sinabs", "IAF", {}, None, "minimum", None),
        ("sinabs", "LIF", {"tau_mem": 9.0, "tau_syn": 4.0, "norm_input": False},
         ["LI", "Scale", "LIF"], None, None),
        ("sinabs", "ExpLeak", {"tau_mem": 9.0, "norm_input": False}, ["LI"], None, None),
        ("snntorch", "Leaky", {"beta": 0.9, "init_hidden": True}, ["LIF"], "reset",
         "subtract_next"),
        ("snntorch", "Synaptic", {"alpha": 0.8, "beta": 0.7, "init_hidden": True}, ["CubaLIF"],
         "reset", "subtract_next"),
    ],
)  # fmt: skip
def test_neurons_to_nir(library, kind, options, types, refused, reset, tmp_path):
    """What a library's convention cannot say is refused by name, a reset unless it is given."""
    home = {"spikingjelly": "spikingjelly.activation_based.neuron", "sinabs": "sinabs.layers"}
    neuron = getattr(pytest.importorskip(home.get(library, library)), kind)(**options)
    if library == "spikingjelly":
        neuron.step_mode = "m"
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(5, 6), neuron).eval()
    nn.init.uniform_(net[0].weight, -0.5, 0.7)
    x = rough((3, 20, 5) if library == "sinabs" else (20, 3, 5), rate=0.5) * 3
    steps = {"time_steps": 20} if library == "snntorch" else {}
    module = plait.from_torch(net, (x[0] if steps else x,), **steps)
    if refused:
        message = (
            rf"node '1' \({library}'s {kind}\) is no population of convention '{library}', "
            f"which NIR would have to be read with: .*'{refused}'"
        )
        with pytest.raises(plait.FrontendError, match=message):
            plait.to_nir(module)
    if types is None:
        return
    run, found = returned(module, tmp_path, reset)
    assert found == ["Input", "Affine", *types, "Output"]
    turn = (lambda y: np.ascontiguousarray(y.swapaxes(0, 1))) if library == "sinabs" else np.asarray
    with torch.no_grad():
        if steps:
            neuron.reset_mem()
        expected = torch.stack([net(step) for step in x]) if steps else net(x)
    check(turn(run(turn(x.numpy()))), expected, exact=kind != "ExpLeak")


def test_norse_to_nir_is_refused():
    """Its current counts whole spikes; NIR's, as Norse reads it, a share of them."""
    norse = pytest.importorskip("norse.torch")
    pytest.importorskip("nir")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lif = norse.LIF()

        def forward(self, x):
            return self.lif(x)[0]

    message = r"node 'lif' \(norse's LIF\) is no population of convention 'norse'"
    with pytest.raises(plait.FrontendError, match=message):
        plait.to_nir(plait.from_torch(Net(), (rough((5, 3, 4)),)))
