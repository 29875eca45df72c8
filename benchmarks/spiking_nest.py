"""A recurrent population in NEST; ``spiking_nest.py arrays.npz threads`` prints spikes and times.

A process of its own: beside torch's and JAX's threads NEST's crash.
"""

import json
import sys
import time

import nest
import numpy as np

ROUNDS = 5


def run(x, weights, beta, threads):
    """Spikes of ``v = beta v + x + weights @ spikes`` in f64, and the seconds it took."""
    steps, size = x.shape
    nest.ResetKernel()
    nest.set(resolution=1.0, local_num_threads=threads, print_time=False)
    rule = {"tau_m": float(-1 / np.log(beta)), "V_th": 1.0, "V_reset": 0.0, "E_L": 0.0}
    neurons = nest.Create("iaf_psc_delta", size, params={**rule, "V_m": 0.0, "t_ref": 0.0})
    to, source = np.nonzero(weights)
    strength = {"weight": weights[to, source].astype(float), "delay": np.ones(len(to))}
    nest.Connect(source + 1, to + 1, "one_to_one", strength)
    inputs = nest.Create("spike_generator", size)
    for one, column in zip(inputs, x.T, strict=True):
        at = np.flatnonzero(column)
        one.set(spike_times=at + 1.0, spike_weights=column[at].astype(float))
    nest.Connect(inputs, neurons, "one_to_one", {"weight": 1.0, "delay": 1.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Prepare()
    start = time.perf_counter()
    nest.Run(steps + 2.0)
    seconds = time.perf_counter() - start
    nest.Cleanup()
    return recorder.n_events, seconds


if __name__ == "__main__":
    nest.set_verbosity("M_ERROR")
    arrays = np.load(sys.argv[1])
    rounds = [
        run(arrays["x"], arrays["weights"], float(arrays["beta"]), int(sys.argv[2]))
        for _ in range(ROUNDS)
    ]
    spikes, seconds = zip(*rounds, strict=True)
    print(json.dumps({"spikes": spikes[0], "seconds": seconds}))
