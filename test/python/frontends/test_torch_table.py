"""Some rows of docs/Ops-torch.md, made again; all of them with ``-m full``."""

import sys
import warnings
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
pytest.importorskip("expecttest")  # torch's own tests need it.

sys.path.insert(0, str(Path(__file__).parents[3] / "docs"))

import torch_ops

#: Equal, refused by torch.export, by the import, in part, at run time.
OPS = ["add", "argsort", "cholesky", "index_put", "multinomial"]


def test_every_op_has_a_row_and_none_is_wrong():
    page = torch_ops.committed()
    assert list(page) == torch_ops.NAMES
    assert not [name for name, (_, result) in page.items() if "wrong" in result]


@pytest.mark.parametrize(
    "name", [n if n in OPS else pytest.param(n, marks=pytest.mark.full) for n in torch_ops.NAMES]
)
def test_row(name, monkeypatch):
    monkeypatch.setenv("PLAIT_IMPORT_SECONDS", str(torch_ops.IMPORT))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert torch_ops.row(name) == torch_ops.committed()[name]
