"""Stages, errors of the compiler's processes, and the cache."""

import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import plait
from plait import cache, compiler, worker
from plait.tools import tool_path


def test_stages(identity):
    assert "func.func @main" in plait.compile(identity, to="import")
    assert "llvm.func @main" in plait.compile(identity, to="target")
    with pytest.raises(
        plait.PlaitError, match="no stage 'nowhere' for target 'cpu'; it has import"
    ):
        plait.compile(identity, to="nowhere")


def test_dump_stages(identity, tmp_path):
    exe = plait.compile(identity, dump_stages_to=tmp_path / "stages")
    names = [path.name for path in sorted((tmp_path / "stages").iterdir())]
    assert names == [f"{i}-{name}.mlir" for i, name in enumerate(compiler.STAGES["cpu"])]
    np.testing.assert_array_equal(exe(np.ones(2, np.float32)), 1)


def test_unknown_target(identity):
    with pytest.raises(plait.PlaitError, match="unknown target 'abacus'; known: cpu"):
        plait.compile(identity, target="abacus")


def replay(error):
    command = shlex.split(error.command)
    command[0] = str(tool_path(command[0]))
    return subprocess.run(command, capture_output=True, text=True)


def test_malformed_text():
    with pytest.raises(plait.CompileError, match="expected non-function type") as caught:
        plait.compile("func.func @main( {")
    again = replay(caught.value)
    assert again.returncode != 0 and "error" in again.stderr


def test_unknown_op_is_named_with_its_line():
    text = """func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = "tm_tensor.sort"(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("model.py":12:3)
      return %0 : tensor<4xf32>
    }"""
    with pytest.raises(
        plait.CompileError, match=r"model.py:12:3.*no lowering for .tm_tensor.sort"
    ) as caught:
        plait.compile(text)
    assert "no lowering for" in replay(caught.value).stderr


def test_missing_main():
    with pytest.raises(plait.CompileError, match="expects a public function @main"):
        plait.compile(
            "func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }"
        )


def test_unsupported_element_type():
    text = "func.func @main(%x: tensor<4xi7>) -> tensor<4xi7> { return %x : tensor<4xi7> }"
    with pytest.raises(plait.CompileError, match="no array holds elements of type 'i7'"):
        plait.compile(text)


def test_an_assertion_in_the_compiler_is_an_exception():
    # The upstream lowering asserts on memrefs of i1.
    text = b"""func.func @f(%m: memref<2xi1>, %i: index) -> i1 {
      %0 = memref.load %m[%i] : memref<2xi1>
      return %0 : i1
    }"""
    pipeline = "--pass-pipeline=builtin.module(finalize-memref-to-llvm)"
    with pytest.raises(plait.CompileError, match="Assertion") as caught:
        worker.run_tool("plait-opt", [pipeline], text)
    assert "Assertion" in replay(caught.value).stderr


def test_a_killed_compiler_is_an_exception(monkeypatch, tmp_path):
    fake = tmp_path / "plait-opt"
    fake.write_text("#!/bin/sh\nkill -SEGV $$\n")
    fake.chmod(0o755)
    monkeypatch.setattr(worker, "tool_path", lambda name: fake)
    with pytest.raises(plait.CompileError, match=r"plait-opt died \(SIGSEGV\)") as caught:
        worker.run_tool("plait-opt", [], b"module {}")
    with open(caught.value.reproducer, "rb") as file:
        assert file.read() == b"module {}"


def test_a_compiler_that_ended_while_it_waited_is_started_again():
    assert worker.run_tool("plait-opt", [], b"module {}") == b"module {\n}\n\n"
    waiting = [tool.process for tools in worker._idle.values() for tool in tools]
    for process in waiting:
        process.terminate()
        process.wait()
    assert waiting and worker.run_tool("plait-opt", [], b"module {}") == b"module {\n}\n\n"


def test_threads_have_compilers_of_their_own():
    texts = [b"module @m%d {}" % k for k in range(6)]
    with ThreadPoolExecutor(3) as threads:
        for text, result in zip(
            texts, threads.map(lambda t: worker.run_tool("plait-opt", [], t), texts), strict=True
        ):
            assert text[:-1] in result


def test_what_fails_only_at_once_is_an_error(monkeypatch, tmp_path):
    """The steps one by one find no pass to blame; the first failure is raised, not hidden."""
    kept, run_tool = tmp_path / "kept.mlir", compiler.run_tool
    kept.touch()

    def fails_at_once(tool, options, *rest, **named):
        if "--mlir-to-code" in options:
            raise plait.CompileError("it died once", reproducer=str(kept))
        return run_tool(tool, options, *rest, **named)

    monkeypatch.setattr(compiler, "run_tool", fails_at_once)
    text = "func.func @main(%once: tensor<4xf32>) -> tensor<4xf32> { return %once : tensor<4xf32> }"
    with pytest.raises(plait.CompileError, match="it died once"):
        plait.compile(text)
    assert kept.exists()


def test_cache_is_used_by_other_processes(identity, tmp_path):
    code = f"import plait; plait.compile({identity!r})"
    environment = dict(os.environ, PLAIT_CACHE=str(tmp_path))
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    # With the tools' contents known and the entry there, nothing is run.
    code = (
        "import plait, plait.compiler\n"
        "def refuse(*_): raise AssertionError('compiled again')\n"
        f"plait.compiler.run_tool = refuse\nplait.compile({identity!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_two_processes_fill_one_cache(identity, tmp_path):
    code = f"import plait; plait.compile({identity!r})"
    environment = dict(os.environ, PLAIT_CACHE=str(tmp_path))
    running = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]


def test_keys_do_not_run_together():
    assert cache.key("ab", "c") != cache.key("a", "bc")
