"""One small job for every other road, each against an oracle that is not ours."""

from pathlib import Path

import numpy as np

import plait
from plait.demo import Line

HERE = Path(__file__).parent


def encoder():
    """torch: a TransformerEncoderLayer."""
    import torch

    torch.manual_seed(0)
    model = torch.nn.TransformerEncoderLayer(256, 8, 1024, batch_first=True).eval()
    x = torch.randn(2, 64, 256)
    got = plait.compile(plait.from_torch(model, (x,)))(x)
    with torch.no_grad():
        error = float((got - model(x)).abs().max())
    return Line("torch", "TransformerEncoderLayer", f"error {error:.1e}", "torch", error < 1e-5)


def spiking():
    """NIR: the paper's neuron, step by step as Norse."""
    trace = np.loadtxt(HERE / "lif_norse.csv", delimiter=",", dtype=np.float32)
    module = plait.from_nir(HERE / "lif_norse.nir", dt=1e-4, convention="norse")
    spikes = plait.compile(module)(np.ascontiguousarray(trace[:, :1, None]))[:, 0, 0]
    same = np.array_equal(spikes, trace[:, 2])
    result = f"{int(spikes.sum())} spikes in {len(trace)} steps"
    return Line("NIR, spike", "the NIR paper's LIF neuron", result, "Norse's trace", same)


ROADS = [encoder, spiking]
