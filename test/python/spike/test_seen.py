"""What people see: plots, metrics, logs, memory."""

import json
import signal
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest

import plait
from plait.logging_config import CompilerLogger, HealthMonitor, compiler_logger
from plait.spike import Recording, SpikeCompiler, SpikeIRBuilder, runs


def small():
    builder = SpikeIRBuilder()
    x = builder.add_input("x", [3])
    builder.add_output(builder.add_spike_neuron(x), "out")
    return builder.build()


def test_metrics_of_compilations(tmp_path):
    compiler_logger.reset()
    assert compiler_logger.get_metrics_summary()["success_rate"] == 100.0
    handler = compiler_logger.write_to(tmp_path / "log.jsonl")
    try:
        compiler = SpikeCompiler(optimization_level=0)
        compiler.compile_graph(small())
        optimizer = compiler.create_optimizer()
        optimizer.passes = [(type("P", (), {"value": ("no-such-pass",)}), {})]
        with pytest.raises(plait.CompileError):
            compiler.compile_graph(small(), optimizer=optimizer)
    finally:
        compiler_logger.logger.removeHandler(handler)
        handler.close()
    metrics = compiler_logger.get_metrics_summary()
    assert f"Success rate: {metrics['success_rate']:.1f}%" == "Success rate: 50.0%"
    assert metrics.get("avg_compilation_time", 0) > 0
    assert (metrics["total_compilations"], metrics["failed_compilations"]) == (2, 1)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["compilation finished", "compilation failed"]
    assert lines[0]["neurons"] == 3 and lines[0]["success"] and lines[0]["level"] == "info"
    assert lines[1]["error"] == "CompileError" and lines[1]["passes"] == ["no-such-pass"]


def test_every_compilation_counts_once():
    compiler_logger.reset()
    graph = small()
    compiled = SpikeCompiler(time_steps=5).compile_graph(graph)
    assert compiler_logger.get_metrics_summary()["total_compilations"] == 1
    for _ in range(2):
        plait.compile(compiled.module)
    record = compiler_logger.get_metrics_summary()["recent"][-1]
    assert record["target"] == "cpu" and record["success"] and record["cached"]
    with pytest.raises(plait.CompileError):
        plait.compile("func.func @main() { nonsense }")
    metrics = compiler_logger.get_metrics_summary()
    assert (metrics["total_compilations"], metrics["failed_compilations"]) == (4, 1)
    assert metrics["recent"][-1]["error"] == "CompileError"


def test_metrics_count_from_many_threads():
    import threading

    log = CompilerLogger()

    def work():
        for _ in range(50):
            with log.compilation():
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.get_metrics_summary()["total_compilations"] == 400
    assert len(log.get_metrics_summary()["recent"]) == 100


def test_nothing_is_logged_unasked():
    code = """if True:
        import plait
        try:
            plait.compile("func.func @main() { nonsense }")
        except plait.CompileError:
            print("failed")
    """
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("failed\n", "")


def test_health_monitor_sees_a_peak():
    monitor = HealthMonitor()
    monitor.start_monitoring()
    block = np.ones(30_000_000)  # 240 MB
    monitor.get_memory_stats()
    del block
    stats = monitor.get_memory_stats()
    monitor.stop_monitoring()
    assert stats["peak_memory_mb"] - stats["current_memory_mb"] > 150
    assert stats["growth_mb"] > 150 and stats["samples"] >= 2
    assert f"Peak memory: {stats['peak_memory_mb']:.1f} MB"
    after = monitor.get_memory_stats()["peak_memory_mb"]
    assert after == stats["peak_memory_mb"]


def test_a_run_hears_an_interrupt(monkeypatch):
    """Long runs come in pieces, also without a bar: Ctrl-C ends them between two."""
    done = []

    def bar(shown, later, steps):
        def advance(count):
            done.append(count)
            if sum(done) > 100:
                signal.raise_signal(signal.SIGINT)

        return nullcontext(advance)

    monkeypatch.setattr(runs, "_bar", bar)
    graph, x = small(), np.ones((100_000, 1, 3), np.float32)
    with pytest.raises(KeyboardInterrupt):
        runs.simulate(graph, x)
    assert 100 < sum(done) < 100_000
    # A run after it starts at rest.
    done[:] = [-(10**9)]
    whole = runs.simulate(graph, x[:300]).outputs["out"]
    assert sum(done) + 10**9 == 300 and len(done) > 2
    np.testing.assert_array_equal(whole, runs.simulate(graph, x[:300], chunk=300).outputs["out"])
    assert whole.any()


def test_a_bar_goes_away_with_an_interrupt(monkeypatch, capsys):
    graph, x = small(), np.ones((200, 1, 3), np.float32)
    update = runs._Later.__call__

    def interrupted(self, count):
        update(self, count)
        if self.done >= 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs._Later, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.simulate(graph, x, progress=True, chunk=10)
    assert "20/200" in capsys.readouterr().err


def test_a_bar_comes_by_itself_once_a_run_is_long(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(runs.time, "monotonic", lambda: now[0])
    with runs._bar(True, True, 100) as advance:
        advance(30)
    assert not capsys.readouterr().err
    with runs._bar(True, True, 100) as advance:
        advance(30)
        now[0] += 2
        advance(20)
    assert "50/100" in capsys.readouterr().err


def test_plots():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from plait.spike import plot

    rng = np.random.default_rng(0)
    a = (rng.random((40, 2, 5)) < 0.2).astype(np.float32)
    recording = Recording({}, {"a": rng.normal(size=(40, 2, 5))}, {"a": a, "b": a[..., :2]}, 1e-3)
    ax = plot.raster(recording, sample=1)
    points = np.concatenate([c.get_offsets() for c in ax.collections])
    for first, last, array in ((0, 5, a), (5, 7, a[..., :2])):
        mine = points[(points[:, 1] >= first) & (points[:, 1] < last)]
        steps, neurons = np.nonzero(array[:, 1])
        np.testing.assert_allclose(mine, np.stack([steps * 1e-3, neurons + first], 1))
    assert ax.get_xlabel() == "time" and ax.get_ylim()[1] == 6.5
    np.testing.assert_allclose(ax.get_xlim()[1], 0.04)
    ax = plot.voltage(recording, neurons=[1, 3], threshold=1.0)
    assert len(ax.lines) == 3
    for line, neuron in zip(ax.lines, (1, 3), strict=False):
        np.testing.assert_array_equal(line.get_ydata(), recording.potentials["a"][:, 0, neuron])
        np.testing.assert_allclose(line.get_xdata(), np.arange(40) * 1e-3)
    assert set(ax.lines[2].get_ydata()) == {1.0}
    ax = plot.rate(a, window=4)
    y = ax.lines[0].get_ydata()
    np.testing.assert_allclose(y[10], a[7:11].mean(), rtol=1e-6)
    np.testing.assert_allclose(y[0], a[0].mean(), rtol=1e-6)
    assert ax.get_xlabel() == "step"
    with pytest.raises(plait.PlaitError, match="no sample 5: the batch has 2"):
        plot.raster(a, sample=5)
    with pytest.raises(plait.PlaitError, match="has no spikes"):
        plot.raster(Recording({}))
