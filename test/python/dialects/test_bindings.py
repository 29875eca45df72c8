"""Every dialect's generated builders. MLIR stays out of the tests' own process."""

import importlib.util
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("plait._plait") is None, reason="the extension is not installed"
)

FRAME = """
from mlir import ir
from mlir.dialects import func
from plait.dialects import csl, mesh, sample, stablehlo

def tensor(*shape, of="f32"):
    return ir.RankedTensorType.get(shape, ir.Type.parse(of))

with ir.Context(), ir.Location.unknown():
    module = ir.Module.create()
    with ir.InsertionPoint(module.body):
{body}
    try:
        module.operation.verify()
        print(module)
    except ir.MLIRError as error:
        print(error)
"""

BUILD = {
    "sample": (
        """
@func.FuncOp.from_py_func(tensor(2, 9), tensor(2), tensor(2, of="i64"))
def main(logits, t, bits):
    return sample.draw(sample.temperature(logits, t), bits)
""",
        "sample.draw",
    ),
    "mesh": (
        """
mesh.grid("g", [2, 3], "wse3")
@func.FuncOp.from_py_func(tensor(4, 6))
def main(x):
    return mesh.place(x.type, x, ir.Attribute.parse("#mesh.layout<grid>"), "g")
""",
        "mesh.place %arg0, <grid> on @g",
    ),
    "stablehlo": (
        """
@func.FuncOp.from_py_func(tensor(), tensor(of="i1"))
def main(x, go):
    loop = stablehlo.WhileOp([x.type], [x])
    for region, value in zip(loop.regions, (go, None)):
        block = region.blocks.append(x.type)
        with ir.InsertionPoint(block):
            stablehlo.ReturnOp([value or block.arguments[0]])
    return loop.results
""",
        '"stablehlo.while"(%arg0)',
    ),
}

WRONG = {
    "csl": 'csl.get_color(ir.Type.parse("!csl.color"), "east", 3)',
    "sample": """
@func.FuncOp.from_py_func(tensor(2, 9), tensor(3))
def main(logits, t):
    return sample.temperature(logits, t)
""",
    "mesh": 'mesh.grid("g", [2000, 3], "wse3")',
}


def run(script):
    script = FRAME.format(body=textwrap.indent(script, "        "))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", BUILD)
def test_builders(name):
    script, expected = BUILD[name]
    assert expected in run(script)


@pytest.mark.parametrize("name", WRONG)
def test_verifiers_speak_through_python(name):
    assert "expects" in run(WRONG[name])
