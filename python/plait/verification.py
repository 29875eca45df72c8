"""Whether compiled code does what the model says, and which pass is to blame.

The reference road lowers every strand op by its plain meaning and every
contraction to plain loops. The fast road is what :func:`plait.compile` makes.
Both run on the same arguments.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from plait import arrays
from plait.compiler import build, run_stages, stages_of
from plait.errors import CheckError, PlaitError
from plait.executable import Executable, unpack
from plait.module import Module
from plait.worker import run_tool

#: The reference road, after the import stage.
REFERENCE = ("plait-lowered-reference", "plait-target-cpu{kernels=false pack=false}")

#: Largest |got - want| / (1 + |want|) that rounding explains: sums are
#: reassociated, so a few hundred units in the last place. Integers are exact.
TOLERANCE = {
    np.dtype(np.float64): 1e-11,
    np.dtype(np.float32): 1e-4,
    np.dtype(np.float16): 2e-2,
    np.dtype(ml_dtypes.bfloat16): 1e-1,
    np.dtype(np.complex64): 1e-4,
    np.dtype(np.complex128): 1e-11,
}


@dataclass(frozen=True)
class Row:
    """One comparison: what ran, its largest difference, and whether that is too much."""

    name: str
    difference: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= self.tolerance


def difference(got: np.ndarray, want: np.ndarray) -> float:
    """The largest ``|got - want| / (1 + |want|)``; infinite for unlike shapes or NaN."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return float("inf")
    wide = np.complex128 if got.dtype.kind == "c" else np.float64
    a, b = got.astype(wide), want.astype(wide)
    with np.errstate(invalid="ignore"):
        error = np.abs(a - b) / (1 + np.abs(b))
    error = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, error)
    return float(np.nan_to_num(error, nan=np.inf).max(initial=0.0))


def compare(name: str, got, want) -> Row:
    """The worst of several results, in units of its own tolerance."""
    rows = [
        Row(name, difference(g, w), TOLERANCE.get(w.dtype, 0.0))
        for g, w in zip(got, want, strict=True)
    ]
    return max(rows, key=lambda row: (not row.ok, row.difference), default=Row(name, 0.0, 0.0))


def random_arguments(executable: Executable, seed: int = 0) -> list[np.ndarray]:
    """Arguments that fit: unit normals, small integers, booleans; dynamic sizes get 3."""
    rng = np.random.default_rng(seed)
    values = []
    for spec in executable.inputs:
        shape = tuple(size if isinstance(size, int) else 3 for size in spec.shape)
        if spec.dtype == np.bool_:
            values.append(rng.integers(0, 2, shape).astype(np.bool_))
        elif spec.dtype.kind in "iu":
            values.append(rng.integers(0, 3, shape).astype(spec.dtype))
        else:
            values.append(rng.standard_normal(shape).astype(spec.dtype))
    return values


def verify(
    module: Module | str,
    args=None,
    *,
    target: str = "cpu",
    each_pass: bool = False,
    keep_bits: bool | None = None,
) -> list[Row]:
    """Compares the fast road with the reference road.

    Args:
        module: what a front made, or MLIR text.
        args: flat arguments; random ones by default (see :func:`random_arguments`).
        target: the fast road's target; code for NVIDIA chips is emulated.
        each_pass: also runs the code as it is after every pass that changes
            something, finished by the reference road, up to the first pass
            that changes a result beyond its tolerance.
        keep_bits: first makes ``sample`` ops of picks, as
            :func:`plait.sampling.raise_to_sample` does. If the source's random bits are kept,
            the first row compares the reference roads of what comes out and what went in.

    Returns:
        One row per comparison, in order. A row that is not ``ok`` names the
        guilty pass.

    Raises:
        CompileError: a road cannot be compiled.
        PlaitError: ``each_pass`` for a target other than ``"cpu"``.
    """
    if isinstance(module, str):
        module = Module(module)
    if each_pass and target != "cpu":
        raise PlaitError(f"each_pass runs code after every pass: not for target '{target}'")
    source, rows = module, []
    if keep_bits is not None:
        from plait.sampling import raise_to_sample

        module = raise_to_sample(module, keep_bits=keep_bits)
    reference = compile_reference(module)
    values = random_arguments(reference) if args is None else list(map(arrays.to_numpy, args))
    want = outcome(reference, values)
    if keep_bits:
        rows = [compare("raise-to-sample", want, outcome(compile_reference(source), values))]
        if each_pass and not rows[0].ok:
            return rows
    if target.startswith("sm_"):
        from plait import nvptx

        results = nvptx.emulate(nvptx.compile(module, target), *values)
        results = results if isinstance(results, tuple) else (results,)
        return [*rows, compare(f"emulated {target}", results, want)]
    if not each_pass:
        fast = _executable(module, tuple(stages_of(target, module).values()))
        return [*rows, compare(f"fast road to {target}", outcome(fast, values), want)]
    for name, lowered in _after_each_pass(module, target):
        executable = _from_lowered(module, lowered)
        rows.append(compare(label(name), outcome(executable, values), want))
        if not rows[-1].ok:
            break
    return rows


def outcome(executable: Executable, values: list[np.ndarray]) -> list[np.ndarray]:
    """The results of a call, and what it changed in place; ``values`` stay as they are."""
    values = [value.copy() for value in values]
    results = executable.run(values)
    arguments = executable.state + values
    return results + [arguments[index].copy() for index in executable.manifest["updates"]]


def compile_reference(module: Module) -> Executable:
    """The module by the reference road: slow and obviously right."""
    return _executable(module, (stages_of("cpu", module)["import"], *REFERENCE))


def _executable(module: Module, pipelines) -> Executable:
    return _from_lowered(module, run_stages(module.text.encode(), pipelines))


def _from_lowered(module: Module, lowered: bytes) -> Executable:
    weights = list(map(arrays.to_numpy, module.weights))
    # Every executable starts from the same state.
    state = [arrays.to_numpy(value).copy() for value in module.state]
    return unpack(build(module, "cpu", lowered), weights + state)


def pass_list(pipelines) -> list[str]:
    """The single passes of named pipelines, with their options."""
    pipeline = f"--pass-pipeline=builtin.module({','.join(pipelines)})"
    text = run_tool(
        "plait-opt", [pipeline, "--dump-pass-pipeline"], b"module {}", stderr=True
    ).decode()
    inside = re.search(r"builtin\.module\((.*)\)", text, re.DOTALL)
    if inside is None:
        raise PlaitError(f"plait-opt did not print its pipeline:\n{text}")
    passes, depth, current = [], 0, ""
    for char in " ".join(inside[1].split()):
        depth += (char in "({") - (char in ")}")
        if char == "," and depth == 0:
            passes.append(current.strip())
            current = ""
        else:
            current += char
    return [*passes, current.strip()]


def label(name: str) -> str:
    """A pass without its options and the op it is nested on."""
    return re.sub(r"\{.*\}", "", re.sub(r"^[\w.]+\(\s*(.*?)\s*\)$", r"\1", name))


def _after_each_pass(module: Module, target: str) -> Iterator[tuple[str, bytes]]:
    """Each pass that changes the IR, and the IR after it, lowered by the reference road."""
    stages = stages_of(target, module)
    plain = set(pass_list([REFERENCE[-1]]))
    # An import that has begun is finished: its last pass says what arguments are. Then, on
    # tensors, the whole reference road can follow any pass; below, the plain passes of what is
    # left of the fast road.
    imports = pass_list([stages["import"]])
    todo = [(name, [*imports[i + 1 :], *REFERENCE]) for i, name in enumerate(imports)]
    todo += [(name, [*REFERENCE]) for name in pass_list([stages["strand"], stages["opt"]])]
    lowering = pass_list([stages["lowered"]])
    todo += [(name, [*lowering[index + 1 :], REFERENCE[-1]]) for index, name in enumerate(lowering)]
    final = pass_list([stages["target"]])
    todo += [
        (name, [later for later in final[index + 1 :] if later in plain])
        for index, name in enumerate(final)
    ]
    text = module.text.encode()
    for name, rest in todo:
        after = run_stages(text, [name])
        if after != text:
            yield name, run_stages(after, rest) if rest else after
        text = after


def check_first(executable: Executable, module: Module) -> Executable:
    """Makes first calls also run the original model, and compare.

    A first call is one whose sizes, of all arguments together, are new: code
    for dynamic sizes is right or wrong by the sizes. What the model changes in
    place is compared too, and ends as the compiled code left it.

    Raises:
        PlaitError: the module has no original to compare with.
    """
    if module.reference is None:
        raise PlaitError(f"check='first': a module from {module.source} keeps no original to run")
    seen = set()

    def check(args):
        shapes = tuple(value.shape for value in args)
        if shapes in seen:
            return executable.run(args)
        before = [value.copy() for value in executable.state]
        originals = [value.copy() for value in args]
        results = executable.run(args)
        after = [value.copy() for value in executable.state]
        _restore(executable.state, before)
        originals = [arrays.from_numpy(value, module.source) for value in originals]
        structure = module.input_structure
        call = tuple(originals) if structure is None else structure.unflatten(originals)
        args_, kwargs = call if structure and structure.kind == "call" else (call, {})
        expected = module.reference(*args_, **kwargs)
        if module.output_structure is not None:
            expected = module.output_structure.flatten(expected, "result")
        elif not isinstance(expected, tuple | list):
            expected = [expected]
        wanted = [value.copy() for value in executable.state]
        _restore(executable.state, after)
        pairs = [(f"result {i}", got, arrays.to_numpy(want))
                 for i, (got, want) in enumerate(zip(results, expected, strict=True))]  # fmt: skip
        pairs += [(f"state {i}", *pair) for i, pair in enumerate(zip(after, wanted, strict=True))]
        for name, got, want in pairs:
            row = compare(name, [got], [want])
            if not row.ok:
                raise CheckError(
                    f"{name} differs from the original model by {row.difference:.3g} "
                    f"(tolerance {row.tolerance:.3g}) for arguments of shapes {list(shapes)}"
                )
        seen.add(shapes)
        return results

    executable.check = check
    return executable


def _restore(arrays_, values):
    for array, value in zip(arrays_, values, strict=True):
        array[...] = value
