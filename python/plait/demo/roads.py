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


def jax():
    """JAX: a while loop that draws from jax.random, with jax's bits."""
    import jax
    import jax.numpy as jnp

    def walk(seed):
        def step(state):
            key, position, steps = state
            key, sub = jax.random.split(key)
            return key, position + jax.random.randint(sub, (), -3, 4), steps + 1

        def inside(state):
            return (jnp.abs(state[1]) < 50) & (state[2] < 10_000)

        _, position, steps = jax.lax.while_loop(
            inside, step, (jax.random.PRNGKey(seed), jnp.int32(0), jnp.int32(0))
        )
        return position, steps

    seed = jnp.int32(7)
    got = [int(value) for value in plait.compile(plait.from_jax(walk, seed))(seed)]
    want = [int(value) for value in jax.jit(walk)(seed)]
    result = f"position {got[0]} after {got[1]} steps"
    return Line("JAX", "a random walk in a while loop", result, "jax, bit for bit", got == want)


def sampling():
    """A batch of rows of a large vocabulary, each by its own parameters."""
    from plait.sampling import Sampler, SamplingParams, SimpleTokenSampler

    rng = np.random.default_rng(0)
    logits = (3 * rng.standard_normal((8, 32000))).astype(np.float32)
    parameters = dict(temperature=np.linspace(0, 1.4, 8), top_p=np.linspace(1, 0.3, 8))
    requests = [
        SamplingParams(temperature=t, top_k=10 * b, top_p=p, seed=1)
        for b, (t, p) in enumerate(zip(*(v.tolist() for v in parameters.values()), strict=True))
    ]
    position = np.arange(8)
    got = Sampler(requests, 32000)(logits, position).tokens
    parameters |= dict(top_k=10 * position, seed=1, position=position)
    same = np.array_equal(got, SimpleTokenSampler.sample(logits, **parameters))
    return Line("sample", "8 x 32000 logits", f"tokens {got[:3]} ...", "the NumPy sampler", same)


def wafer():
    """A lazy product on a grid: here through the reference road, and as CSL."""
    import tempfile

    import plait.lazy as pf

    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((8, 12)), rng.standard_normal((12, 6))
    x, w, b = x.astype(np.float32), w.astype(np.float32), np.ones(6, np.float32)
    y = pf.array(x, layout=pf.MeshLayout.grid(2, 3)) @ pf.array(w) + pf.array(b)
    error = float(np.abs(y.numpy() - (x @ w + b)).max())
    with tempfile.TemporaryDirectory() as folder:
        pf.compile_to_csl(y, folder)
        files = sorted(path.name for path in Path(folder).iterdir())
    result = f"error {error:.1e}; {', '.join(name for name in files if name.endswith('.csl'))}"
    return Line(
        "lazy, mesh, csl", "x @ w + b on 2 x 3 PEs", result, "NumPy (CPU road)", error < 1e-5
    )


def nvidia():
    """A row softmax as PTX for three chips, and its device code run on this CPU."""
    import shutil
    import subprocess

    import torch

    from plait import nvptx

    x = 4 * torch.randn(16, 1000)
    module = plait.from_torch(lambda x: torch.softmax(x, -1), (x,))
    artifact = plait.compile(module, ["sm_80", "sm_90", "sm_100"])
    error = float((nvptx.emulate(artifact, x.numpy()) - torch.softmax(x, -1).numpy()).max())
    checked = "torch (device code emulated)"
    if shutil.which("ptxas"):
        for chip, ptx in artifact.images.items():
            command = ["ptxas", f"-arch={chip}", "-o", "/dev/null", "-"]
            subprocess.run(command, input=ptx, text=True, check=True, capture_output=True)
        checked += "; ptxas accepts it"
    result = f"error {abs(error):.1e}; {', '.join(artifact.images)}"
    return Line("torch, NVPTX", "softmax of 16 x 1000", result, checked, abs(error) < 1e-6)


ROADS = [encoder, jax, sampling, spiking, wafer, nvidia]
