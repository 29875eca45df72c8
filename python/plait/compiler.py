"""Modules to executables, stage by stage."""

import json
import os
import platform
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import plait
from plait import arrays, cache, loader
from plait.errors import CompileError, PlaitError
from plait.executable import FORMAT, Executable, host_features, pack, spec_to_json, unpack
from plait.module import Module, TensorSpec
from plait.worker import run_tool

if TYPE_CHECKING:
    from plait.nvptx import Artifact

#: The stages of each target, first to last, and the pipelines that make them.
STAGES = {
    "cpu": {
        "import": "plait-import",
        "strand": "plait-strand",
        "opt": "plait-opt",
        "lowered": "plait-lowered-cpu",
        "target": "plait-target-cpu",
    },
    # NVIDIA chips: {chips} is the target as it was asked for, e.g. sm_80,sm_90.
    "sm_*": {
        "import": "plait-import",
        "strand": "plait-strand",
        "lowered": "plait-lowered-reference",
        "target": "plait-target-nvptx{{chips={chips}}}",
    },
}

#: CPU flags that decide whether code made here runs elsewhere.
_ISA = frozenset(
    "sse4_2 avx avx2 fma f16c bmi1 bmi2 avx512f avx512bw avx512cd avx512dq avx512vl "
    "avx512_vnni avx512_bf16 avx512vbmi avx512_vbmi2 avx512_vpopcntdq vaes gfni "
    "asimd fp asimdhp sve".split(" ")
)


def run_stages(text: bytes, pipelines: Sequence[str]) -> bytes:
    """Runs named pipelines, or passes, over MLIR text in one worker process.

    The result is text with locations.
    """
    pipeline = f"--pass-pipeline=builtin.module({','.join(pipelines)})"
    # The contract of the import stage names unknown ops; parsing must let them in.
    options = ["--allow-unregistered-dialect", "--mlir-print-debuginfo"]
    return run_tool("plait-opt", [*options, pipeline], text)


def lower(module: Module, target: str, to: str | None = None, dump_stages_to=None) -> str:
    """The IR of ``module`` after stage ``to`` (the last stage by default).

    ``dump_stages_to`` names a folder that gets one file per stage.

    Raises:
        PlaitError: unknown target or stage.
        CompileError: a pass failed.
    """
    stages = stages_of(target, module)
    names = list(stages)
    last = to or names[-1]
    if last not in stages:
        raise PlaitError(f"no stage '{last}' for target '{target}'; it has {', '.join(names)}")
    wanted = names[: names.index(last) + 1]
    text = module.text.encode()
    if dump_stages_to is None:
        return run_stages(text, [stages[name] for name in wanted]).decode()
    folder = Path(dump_stages_to)
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(wanted):
        text = run_stages(text, [stages[name]])
        (folder / f"{index}-{name}.mlir").write_bytes(text)
    return text.decode()


def stages_of(target: str, module: Module | None = None) -> dict[str, str]:
    """The stages of a target and their pipelines, first to last, for ``module`` if given.

    ``target`` is ``"cpu"``, or NVIDIA chips separated by commas, ``"sm_80,sm_90"``;
    ``module`` decides which arguments of ``@main`` are weights and which are updated,
    and may have pipelines of its own.
    """
    if re.fullmatch(r"sm_\w+(,sm_\w+)*", target):
        stages = {name: text.format(chips=target) for name, text in STAGES["sm_*"].items()}
        return stages | (module.stages if module else {})
    if target not in STAGES:
        raise PlaitError(f"unknown target '{target}'; known: {', '.join(STAGES)}")
    stages = STAGES[target]
    if module is None:
        return stages
    if module.weights or module.updates:
        options = f"weights={len(module.weights)}"
        if module.updates:
            places = (str(len(module.weights) + index) for index in module.updates)
            options += f" updates={','.join(places)}"
        stages = stages | {"import": f"{stages['import']}{{{options}}}"}
    return stages | module.stages


def compile(
    module: Module | str,
    target: str | Sequence[str] = "cpu",
    *,
    check: str | None = None,
    to: str | None = None,
    dump_stages_to=None,
) -> "Executable | Artifact | str":
    """Compiles a module, or MLIR text, to something that can be called.

    Args:
        module: what a front made, or MLIR text with a public ``@main`` on
            tensors.
        target: ``"cpu"``: native code for this machine. ``"sm_90"``, or a list
            ``["sm_80", "sm_90"]``: PTX for NVIDIA chips, a
            :class:`plait.nvptx.Artifact`.
        check: ``"first"`` compares the first call's results with the original
            model and raises :class:`plait.errors.CheckError` if they differ;
            where sizes are dynamic, the first call with each sizes.
        to: a stage's name; the IR after it is returned as text instead.
        dump_stages_to: a folder that gets the IR after every stage.

    Raises:
        CompileError: with diagnostics, a reproducer and the command that
            replays it; also when the compiler's process dies.
        PlaitError: unknown target, stage or check.
    """
    if isinstance(module, str):
        module = Module(module)
    if not isinstance(target, str):
        target = ",".join(target)
    if target == "cpu" and "spike." in module.text:
        from plait.spike.weights import without_zeros

        module = without_zeros(module)
    if check not in (None, "first"):
        raise PlaitError(f"expects check=None or 'first', got {check!r}")
    if to is not None:
        return lower(module, target, to, dump_stages_to)
    if check and target.startswith("sm_"):
        raise PlaitError(f"check={check!r} runs code here, which is not made for '{target}'")
    from plait.logging_config import compiler_logger

    with compiler_logger.compilation(model=module.source, target=target) as found:
        if target.startswith("sm_"):
            from plait import nvptx

            return nvptx.compile(module, target, dump_stages_to)
        executable, found["cached"] = _executable(module, target, dump_stages_to)
    if check == "first":
        from plait.verification import check_first

        return check_first(executable, module)
    return executable


def _executable(module: Module, target: str, dump_stages_to) -> tuple[Executable, bool]:
    """Native code, and whether the cache had it."""
    stages = stages_of(target, module)
    key = cache.key(
        module.text,
        json.dumps(stages),
        cache.tools_digest(),
        " ".join(sorted(host_features())),
        f"{loader.linker() or 'orc'} {loader.sanitized()}",
        repr((module.inputs, module.outputs, len(module.weights))),
        repr((module.input_structure, module.output_structure)),
        repr((len(module.state), module.updates)),
    )
    data = None if dump_stages_to else cache.store().get(key)
    cached = data is not None
    if data is None:
        data = None if dump_stages_to else _at_once(module, target, stages)
        if data is None:
            lowered = lower(module, target, dump_stages_to=dump_stages_to)
            data = build(module, target, lowered.encode())
        cache.store().set(key, data)
    weights = list(map(arrays.to_numpy, module.weights + module.state))
    return unpack(data, weights=weights), cached


def _at_once(module: Module, target: str, stages: dict[str, str]) -> bytes | None:
    """The package of ``module``, made in one process without verifiers between passes.

    None where single steps are needed: for passes of plugins, and for one object file where
    nothing can link.
    """
    if os.environ.get("PLAIT_PASS_PLUGINS") or loader.linker() is None:
        return None
    first, *rest = stages.values()
    options = ["--allow-unregistered-dialect", "--mlir-to-code", *_checks()]
    options += [f"--import={first}", f"--passes={','.join(rest)}"]
    try:
        answer = run_tool("plait-translate", options, module.text.encode())
    except CompileError as error:
        try:
            build(module, target, lower(module, target).encode())
        except CompileError as named:
            # Step by step, with a verifier after each pass: this says which one it was.
            Path(error.reproducer).unlink(missing_ok=True)
            raise named from None
        raise  # What fails only at once has failed, too.
    header, _, code = answer.partition(b"\n")
    told = json.loads(header)
    ends = list(accumulate(told["objects"]))
    objects = [code[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return _package(module, target, _signature(module, told["functions"]), loader.link(*objects))


def _checks() -> list[str]:
    return ["--sanitize-address"] if loader.sanitized() else []


def signature(module: Module, target: str = "cpu") -> tuple[list[TensorSpec], list[TensorSpec]]:
    """What a caller passes to ``@main``, and what it returns.

    Raises:
        CompileError: the import stage fails, or there is no ``@main`` on tensors
            of element types that arrays have.
    """
    imported = lower(module, target, "import").encode()
    printed = run_tool("plait-translate", ["--mlir-to-manifest"], imported)
    return _signature(module, json.loads(printed)["functions"])


def _signature(module: Module, functions: dict) -> tuple[list[TensorSpec], list[TensorSpec]]:
    if "main" not in functions:
        raise CompileError(f"expects a public function @main, got {sorted(functions) or 'none'}")
    inputs = [_spec(item) for item in functions["main"]["inputs"]]
    outputs = [_spec(item) for item in functions["main"]["outputs"]]
    # A front knows more: unsigned types, names of sizes.
    return (
        list(module.inputs or inputs[len(module.weights) + len(module.state) :]),
        list(module.outputs or outputs[len(module.updates) :]),
    )


def build(module: Module, target: str, lowered: bytes) -> bytes:
    """The package of ``module``, lowered to the LLVM dialect, without its weights."""
    with ThreadPoolExecutor(1) as beside:
        told = beside.submit(signature, module, target)
        try:
            code = run_tool("plait-translate", ["--mlir-to-object", *_checks()], lowered)
        finally:
            # What is wrong with the signature is said first.
            types = told.result()
    return _package(module, target, types, loader.link(code) or code)


def _package(module: Module, target: str, types, code: bytes) -> bytes:
    inputs, outputs = types
    structures = (module.input_structure, module.output_structure)
    manifest = {
        "format": FORMAT,
        "plait": plait.__version__,
        "source": module.source,
        "target": target,
        "machine": platform.machine(),
        "features": sorted(_ISA & host_features()),
        "inputs": [spec_to_json(spec) for spec in inputs],
        "outputs": [spec_to_json(spec) for spec in outputs],
        "state": len(module.state),
        "updates": list(module.updates),
        "ranges": module.ranges,
        "input_structure": structures[0] and structures[0].to_json(),
        "output_structure": structures[1] and structures[1].to_json(),
    }
    return pack(manifest, code, [])


def _spec(item: dict) -> TensorSpec:
    if item["type"] not in arrays.DTYPES:
        raise CompileError(
            f"no array holds elements of type '{item['type']}'; "
            f"supported: {', '.join(arrays.DTYPES)}"
        )
    dtype: np.dtype = arrays.DTYPES[item["type"]]
    return TensorSpec(dtype, tuple(item["shape"]))
