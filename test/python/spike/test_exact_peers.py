"""Exact integration and refractory times: Brian2's spikes, and NEST's, where they are installed."""

import numpy as np
import pytest

import plait
from plait.spike import SpikeCompiler, SpikeIRBuilder

STEPS, NEURONS = 200, 6


def scan(integrator, compare, x, decay, rest):
    """The spikes of `spike.scan` in float64, one sample, with a dead time of ``rest`` steps."""
    run, state = f"tensor<{STEPS}x1x{NEURONS}xf64>", f"tensor<1x{NEURONS}xf64>"
    text = f"""func.func @main(%x: {run}, %v: {state}, %a: tensor<{NEURONS}xf64>, %th: tensor<f64>,
        %n: tensor<{NEURONS}xf64>) -> {run} {{
      %z, %v1, %l = spike.scan current(%x : {run}) state(%v : {state})
          integrator {integrator} decay(%a : tensor<{NEURONS}xf64>)
          threshold(%th : tensor<f64>) compare {compare} reset value at now
          refractory(%n : tensor<{NEURONS}xf64>, %v : {state}) : {run} left {state}
      return %z : {run}
    }}"""
    zero = np.zeros((1, NEURONS))
    got = plait.compile(text)(x[:, None], zero, decay, np.float64(1), rest.astype(np.float64))
    return np.asarray(got)[:, 0]


def currents(seed, high):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, high, (STEPS, NEURONS)), rng.uniform(2, 20, NEURONS)


def test_brian2():
    brian2 = pytest.importorskip("brian2")
    brian2.prefs.codegen.target = "numpy"
    brian2.defaultclock.dt = brian2.ms
    x, tau = currents(0, 4)
    dead = np.array([1, 2, 2, 3, 4, 7])
    population = brian2.NeuronGroup(
        NEURONS,
        "dv/dt = (drive(t, i) - v) / tau : 1 (unless refractory)\ntau : second\ndead : second",
        threshold="v > 1", reset="v = 0", refractory="dead", method="exact",
        namespace={"drive": brian2.TimedArray(x, dt=brian2.ms)},
    )  # fmt: skip
    population.tau, population.dead = tau * brian2.ms, dead * brian2.ms
    monitor = brian2.SpikeMonitor(population)
    brian2.Network(population, monitor).run(STEPS * brian2.ms)
    expected = np.zeros((STEPS, NEURONS))
    expected[np.rint(monitor.t / brian2.ms).astype(int), monitor.i] = 1
    # Brian2's time counts from the spike: the step of the spike is the first of them.
    got = scan("exponential", "gt", x, np.exp(-1 / tau), dead - 1)
    assert (expected.sum(0) > 5).all()
    np.testing.assert_array_equal(got, expected)


def test_nest():
    nest = pytest.importorskip("nest")
    nest.ResetKernel()
    nest.set_verbosity("M_ERROR")
    nest.resolution = 1.0
    x, tau = currents(1, 0.5)
    dead = np.array([1, 2, 2, 3, 4, 7])
    neurons = nest.Create("iaf_psc_delta", NEURONS)
    neurons.set([
        {"E_L": 0.0, "V_m": 0.0, "V_reset": 0.0, "V_th": 1.0, "tau_m": float(t),
         "t_ref": float(d), "C_m": 1.0, "I_e": 0.0}
        for t, d in zip(tau, dead, strict=True)
    ])  # fmt: skip
    times = np.arange(1.0, STEPS + 1)
    recorder = nest.Create("spike_recorder")
    for i in range(NEURONS):
        source = nest.Create(
            "spike_generator", params={"spike_times": times, "spike_weights": x[:, i]}
        )
        nest.Connect(source, neurons[i], syn_spec={"delay": 1.0})
    nest.Connect(neurons, recorder)
    nest.Simulate(STEPS + 3.0)
    events = recorder.get("events")
    expected = np.zeros((STEPS, NEURONS))
    # A spike of step t arrives at t + 1 ms and is seen at the end of that step.
    steps = np.rint(events["times"]).astype(int) - 2
    expected[steps, np.asarray(events["senders"]) - neurons[0].global_id] = 1
    assert (expected.sum(0) > 5).all()
    np.testing.assert_array_equal(scan("impulse", "ge", x, np.exp(-1 / tau), dead), expected)
    # The builder counts as NEST does.
    builder = SpikeIRBuilder()
    neurons = builder.add_input("drive", (NEURONS,))
    builder.add_output(builder.add_spike_neuron(neurons, tau_mem=tau, refractory=dead), "spikes")
    run = SpikeCompiler(time_steps=STEPS).compile_graph(builder.build())
    np.testing.assert_array_equal(run(x[:, None].astype(np.float32))[:, 0], expected)
