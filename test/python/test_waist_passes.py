"""Each pass on tensors keeps what the functions of its lit test compute.

A file is run as it is and after its pass alone, both by the reference road.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from plait import Module, compiler, executable, verification

LIT = Path(__file__).parents[1] / "Transforms"
#: These change what a function is given, or work on buffers: test_weights.py and every model.
OTHERS = {"linalg-pack-weights", "linalg-outline-kernels"}
PASSES = sorted({path.stem for path in LIT.glob("linalg-*.mlir")} - OTHERS)
TYPE = re.compile(r"tensor<[^>]*>|\b[fi]\d+\b")
FUNCTION = re.compile(r"func\.func @(\w+)\((.*)\) -> (.*?) \{")


def of_tensors(text: str) -> str:
    """One public function on tensors that calls all others with arguments of their own."""
    lines, inputs, results = [], [], []
    for name, taken, given in FUNCTION.findall(text):
        types, values = TYPE.findall(re.sub(r"\{.*?\}", "", taken)), []
        for of in types:
            values.append(f"%a{len(inputs)}")
            inputs.append(f"{values[-1]}: {of}" if "<" in of else f"{values[-1]}: tensor<{of}>")
            if "<" not in of:
                lines.append(f"{values[-1]}s = tensor.extract {values[-1]}[] : tensor<{of}>")
                values[-1] += "s"
        of_results = TYPE.findall(given)
        lines.append(
            f"%{name}:{len(of_results)} = func.call @{name}({', '.join(values)})"
            f" : ({', '.join(types)}) -> ({', '.join(of_results)})"
        )
        for index, of in enumerate(of_results):
            results.append((f"%{name}#{index}", of))
            if "<" not in of:
                scalar = f"%{name}t{index}"
                lines.append(f"{scalar} = tensor.from_elements %{name}#{index} : tensor<{of}>")
                results[-1] = (scalar, f"tensor<{of}>")
    values, types = (", ".join(part) for part in zip(*results, strict=True))
    begin = f"func.func @main({', '.join(inputs)}) -> ({types}) {{"
    main = [begin, *lines, f"return {values} : {types}", "}"]
    private = text.replace("func.func @", "func.func private @")
    at = private.rindex("\n}")
    return private[:at] + "\n" + "\n".join(main) + private[at:]


def results(text: str, passes: list[str]):
    """What the functions return by these passes for random arguments, then for positive ones."""
    module = Module(of_tensors(text))
    lowered = compiler.run_stages(module.text.encode(), ["plait-import", *passes])
    code = executable.unpack(compiler.build(module, "cpu", lowered), [])
    arguments = verification.random_arguments(code)
    # Of what is positive there is a square root.
    return [code.run(values) for values in (arguments, list(map(np.abs, arguments)))]


def agree(got, want, what):
    """Sums may be added in another order: within the roundings of the largest number."""
    tolerance = verification.TOLERANCE.get(want.dtype, 0)
    got, want = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite], what)
    limit = tolerance * np.abs(want[finite]).max(initial=0)
    np.testing.assert_allclose(got[finite], want[finite], rtol=0, atol=limit, err_msg=what)


@pytest.mark.parametrize("name", PASSES)
def test_pass_keeps_results(name):
    text = (LIT / f"{name}.mlir").read_text()
    options = re.search(r"RUN: plait-opt (.*?) %s", text)[1].split()
    tested = next(option for option in options if option.startswith("--linalg-"))[2:]
    plain = list(verification.REFERENCE)
    changes = 0
    for chunk in text.split("// -----"):
        before = compiler.run_stages(chunk.encode(), []).decode()
        changed = compiler.run_stages(chunk.encode(), [tested]).decode()
        changes += changed != before
        pairs = zip(results(before, plain), results(changed, plain), strict=True)
        for positive, (want, got) in enumerate(pairs):
            for index, (one, other) in enumerate(zip(got, want, strict=True)):
                agree(one, other, f"result {index} of {name}")
                assert not (positive and np.isnan(other.astype(np.float64)).any())
    assert changes
