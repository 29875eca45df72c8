"""The calls of the Spike Transformer Compiler's deployment guide, as written there."""

import re
import sys
from types import ModuleType

import plait.logging_config
import plait.spike.builder
import plait.spike.compiler

#: The guide's code, block by block.
GUIDE = """
from spike_transformer_compiler import SpikeCompiler

# Test basic functionality
compiler = SpikeCompiler()
print("Spike Transformer Compiler ready!")
---
from spike_transformer_compiler import SpikeCompiler, ResourceAllocator

# Default simulation target
compiler = SpikeCompiler(
    target="simulation",
    optimization_level=2,
    time_steps=4,
    verbose=True
)

# Multi-chip deployment
allocator = ResourceAllocator(
    num_chips=4,
    cores_per_chip=128,
    synapses_per_core=1024
)
---
# Production configuration with all features
compiler = SpikeCompiler(
    target="simulation",           # "simulation" or "loihi3"
    optimization_level=3,          # 0-3, higher = more optimization
    time_steps=8,                  # Temporal simulation steps
    debug=False,                   # Disable debug for production
    verbose=False                  # Reduce logging in production
)
---
from spike_transformer_compiler.logging_config import HealthMonitor

monitor = HealthMonitor()
monitor.start_monitoring()
---
from spike_transformer_compiler import SpikeCompiler
from spike_transformer_compiler.ir.builder import SpikeIRBuilder

# Create compiler
compiler = SpikeCompiler()

# Build model graph
builder = SpikeIRBuilder("my_model")
input_id = builder.add_input("sensor", (1, 32, 32))
conv_id = builder.add_spike_conv2d(input_id, out_channels=16, kernel_size=3)
neuron_id = builder.add_spike_neuron(conv_id, threshold=1.0)
output_id = builder.add_output(neuron_id, "classification")

# Compile model
graph = builder.build()
compiled = compiler.compile_graph(graph)
---
stats = monitor.get_memory_stats()
monitor.stop_monitoring()

print(f"Peak memory: {stats['peak_memory_mb']:.1f} MB")
---
from spike_transformer_compiler import ResourceAllocator

# Configure hardware resources
allocator = ResourceAllocator(
    num_chips=8,
    cores_per_chip=256,
    synapses_per_core=2048
)

# Analyze resource requirements
allocation = allocator.allocate(graph)
print(f"Utilization: {allocation['estimated_utilization']:.1%}")

# Optimize placement
placement = allocator.optimize_placement(graph)
print(f"Load balance: {placement['load_balance']:.2f}")
---
from spike_transformer_compiler.optimization import OptimizationPass

# Create optimizer with specific passes
compiler = SpikeCompiler(optimization_level=3)
optimizer = compiler.create_optimizer()

# Available optimization passes:
OptimizationPass.SPIKE_COMPRESSION
OptimizationPass.WEIGHT_QUANTIZATION
OptimizationPass.NEURON_PRUNING
OptimizationPass.TEMPORAL_FUSION
---
from spike_transformer_compiler.logging_config import compiler_logger

# Get compilation metrics
metrics = compiler_logger.get_metrics_summary()
print(f"Success rate: {metrics['success_rate']:.1f}%")
print(f"Avg time: {metrics.get('avg_compilation_time', 0):.3f}s")
---
compiler = SpikeCompiler(debug=True, verbose=True)
"""


def test_calls_as_written(monkeypatch, capsys):
    name = "spike_transformer_compiler"
    modules = {
        name: plait.spike, f"{name}.ir": ModuleType(f"{name}.ir"),
        f"{name}.ir.builder": plait.spike.builder, f"{name}.optimization": plait.spike.compiler,
        f"{name}.logging_config": plait.logging_config,
    }  # fmt: skip
    for path, module in modules.items():
        monkeypatch.setitem(sys.modules, path, module)
    plait.logging_config.compiler_logger.reset()
    space = {}
    for block in GUIDE.split("---\n"):
        exec(block, space)
    printed = capsys.readouterr().out
    assert "Success rate: 100.0%" in printed
    used, balance, time, peak = (
        float(re.search(rf"{what}: ([\d.]+)", printed)[1])
        for what in ("Utilization", "Load balance", "Avg time", "Peak memory")
    )
    # 16 * 30 * 30 neurons of 9 synapses each, on 8 * 256 cores.
    assert 0 < used <= 100 and 0 < balance <= 1 and time > 0 and peak > 10
    assert space["compiled"].statistics["synapses"] == 16 * 30 * 30 * 9
