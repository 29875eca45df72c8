"""Every test session has a compile cache and a reproducer folder of its own."""

import os
import tempfile

import pytest

_FOLDER = tempfile.TemporaryDirectory(prefix="plait-test-")
os.environ["PLAIT_CACHE"] = os.path.join(_FOLDER.name, "cache")
os.environ["PLAIT_REPRODUCERS"] = os.path.join(_FOLDER.name, "reproducers")


@pytest.fixture
def identity():
    """MLIR that returns its argument: the smallest thing to compile."""
    return "func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> { return %x : tensor<?xf32> }"
