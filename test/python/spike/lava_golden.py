"""Random Dense, DelayDense and LIF processes, run by lava-nc 0.10: ``data/lava-golden.npz``.

``python lava_golden.py OUT.npz [SEED]`` in an environment with lava-nc (Python 3.10) writes
such a file; ``python lava_golden.py --net OUT.npz [SEED]`` one of a whole network with a
convolution and a loop, ``data/lava-net.npz``. Plait is not needed, nor lava for reading one.
"""

import json
import sys

import numpy as np

ARRAYS = ("weights", "delays", "x", "u", "v", "spikes")


def load(path):
    """The cases of a file: arrays ``[time, ...]`` and the options."""
    with np.load(path) as file:
        many = len({key.split(".")[0] for key in file})
        return [
            {name: file[f"{i}.{name}"].astype(np.int64) for name in ARRAYS}
            | {"options": json.loads(str(file[f"{i}.options"]))}
            for i in range(many)
        ]


def draw(rng, index):
    """One case: mixed, excitatory, inhibitory or wide weights; graded spikes; delays."""
    n, m, steps = int(rng.integers(1, 20)), int(rng.integers(1, 30)), 40
    low, high = [(-200, 200), (0, 300), (-255, 1), (-256, 256)][index % 4]
    graded = index % 3 == 0
    x = (rng.random((steps, m)) < 0.3) * (rng.integers(1, 40, (steps, m)) if graded else 1)
    options = {
        "du": int(rng.integers(0, 4096)), "dv": int(rng.integers(0, 4096)),
        "vth": int(rng.integers(1, 2000)), "bias_mant": int(rng.integers(-4096, 4096)),
        "bias_exp": int(rng.integers(0, 7)), "exponent": int(rng.integers(-4, 8)),
        "weight_bits": int(rng.integers(3, 9)), "message_bits": 8 * graded,
        "delayed": index % 2 == 1,
    }  # fmt: skip
    delays = rng.integers(0, 6, (n, m)) * options["delayed"]
    return {
        "weights": rng.integers(low, high, (n, m)),
        "delays": delays,
        "x": x,
        "options": options,
    }


def run(case):
    """Adds ``u``, ``v`` and ``spikes``, as lava has them."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.dense.process import DelayDense, Dense
    from lava.proc.io.source import RingBuffer
    from lava.proc.lif.process import LIF
    from lava.proc.monitor.process import Monitor

    o, steps = case["options"], len(case["x"])
    kind, more = (DelayDense, {"delays": case["delays"]}) if o["delayed"] else (Dense, {})
    source = RingBuffer(data=case["x"].T.astype(int))
    dense = kind(
        weights=case["weights"], weight_exp=o["exponent"], num_weight_bits=o["weight_bits"],
        num_message_bits=o["message_bits"], **more,
    )  # fmt: skip
    rule = {key: o[key] for key in ("du", "dv", "vth", "bias_mant", "bias_exp")}
    lif = LIF(shape=(len(case["weights"]),), **rule)
    source.s_out.connect(dense.s_in)
    dense.a_out.connect(lif.a_in)
    monitors = {"u": (Monitor(), lif.u), "v": (Monitor(), lif.v), "spikes": (Monitor(), lif.s_out)}
    for monitor, port in monitors.values():
        monitor.probe(port, steps)
    lif.run(condition=RunSteps(steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    for name, (monitor, _) in monitors.items():
        ((values,),) = [d.values() for d in monitor.get_data().values()]
        case[name] = values
    lif.stop()


CONV = {"padding": (1, 0), "stride": (2, 1), "dilation": (1, 2), "groups": 2}


def run_net(rng):
    """Conv, LIF, Dense and LIF with a Dense back to it; arrays as Plait's ``[channels, ...]``."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.conv.process import Conv
    from lava.proc.dense.process import Dense
    from lava.proc.io.source import RingBuffer
    from lava.proc.lif.process import LIF
    from lava.proc.monitor.process import Monitor

    steps = 60
    x = (rng.random((steps, 4, 7, 8)) < 0.3).astype(int)

    def even(*shape):
        weight = rng.integers(-40, 80, shape) * 2
        weight.flat[0], weight.flat[1] = 254, -2
        return weight

    conv = even(6, 2, 3, 3)
    # [out, x, y, in], and lava convolves where Plait correlates.
    kernel = conv[:, :, ::-1, ::-1].transpose(0, 2, 3, 1)
    source = RingBuffer(data=x.transpose(2, 3, 1, 0))
    first = Conv(weight=kernel, input_shape=(7, 8, 4), num_weight_bits=8, **CONV)
    rows, columns, channels = first.a_out.shape
    size = rows * columns * channels
    a = LIF(shape=first.a_out.shape, du=4095, dv=300, vth=400, bias_mant=-900)
    dense, back = even(9, size), even(9, 9)
    order = np.arange(size).reshape(channels, rows, columns).transpose(1, 2, 0).reshape(-1)
    second = Dense(weights=dense[:, order], num_weight_bits=8)
    b = LIF(shape=(9,), du=1000, dv=200, vth=20000, bias_mant=0)
    loop = Dense(weights=back, num_weight_bits=8)
    source.s_out.connect(first.s_in)
    first.a_out.connect(a.a_in)
    a.s_out.reshape((size,)).connect(second.s_in)
    second.a_out.connect(b.a_in)
    b.s_out.connect(loop.s_in)
    loop.a_out.connect(b.a_in)
    monitors = [Monitor(), Monitor()]
    for monitor, lif in zip(monitors, (a, b), strict=True):
        monitor.probe(lif.s_out, steps)
    b.run(condition=RunSteps(steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    found = []
    for monitor in monitors:
        ((values,),) = [d.values() for d in monitor.get_data().values()]
        found.append(np.asarray(values))
    b.stop()
    hidden = found[0].reshape(steps, rows, columns, channels).transpose(0, 3, 1, 2)
    return {"x": x, "conv": conv, "dense": dense, "back": back, "a": hidden, "b": found[1]}


def main(path, seed="7"):
    rng = np.random.default_rng(int(seed))
    arrays = {}
    for index in range(12):
        case = draw(rng, index)
        run(case)
        arrays |= {f"{index}.{name}": case[name].astype(np.int32) for name in ARRAYS}
        arrays[f"{index}.options"] = json.dumps(case["options"])
    np.savez_compressed(path, **arrays)


def main_net(path, seed="7"):
    arrays = run_net(np.random.default_rng(int(seed)))
    np.savez_compressed(path, **{name: value.astype(np.int32) for name, value in arrays.items()})


if __name__ == "__main__":
    if sys.argv[1] == "--net":
        main_net(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
