"""Some rows of docs/Ops-torch.md, made again."""

import sys
import warnings
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
pytest.importorskip("expecttest")  # torch's own tests need it.

sys.path.insert(0, str(Path(__file__).parents[3] / "docs"))

import torch_ops

OPS = ["add", "argsort", "cholesky", "index_put", "multinomial"]


def test_page_is_up_to_date():
    page = torch_ops.committed()
    assert sorted(page) == sorted(torch_ops.NAMES)
    assert not [name for name, result in page.items() if "wrong" in result]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert torch_ops.table(OPS) == {name: page[name] for name in OPS}
