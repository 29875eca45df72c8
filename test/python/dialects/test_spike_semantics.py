"""Every combination of a neuron's numerics, executed, against NumPy in the same precision."""

import numpy as np
import pytest

import plait


def test_no_samples_and_no_steps():
    text = """func.func @main(%x: tensor<?x3xf32>, %b: tensor<2x?x3xf32>)
        -> (tensor<?x3xf32>, tensor<2x?x3xf32>) {
      %y, %b1 = spike.delay %x, %b : tensor<?x3xf32>, tensor<2x?x3xf32>
      return %y, %b1 : tensor<?x3xf32>, tensor<2x?x3xf32>
    }"""
    y, b = plait.compile(text)(np.zeros((0, 3), np.float32), np.zeros((2, 0, 3), np.float32))
    assert y.shape == (0, 3) and b.shape == (2, 0, 3)


def test_delay_clamps_its_steps():
    text = """func.func @main(%x: tensor<1x6xf32>, %b: tensor<3x1x6xf32>, %d: tensor<6xi64>)
        -> (tensor<1x6xf32>, tensor<3x1x6xf32>) {
      %y, %b1 = spike.delay %x, %b steps(%d : tensor<6xi64>) : tensor<1x6xf32>, tensor<3x1x6xf32>
      return %y, %b1 : tensor<1x6xf32>, tensor<3x1x6xf32>
    }"""
    line = np.arange(18, dtype=np.float32).reshape(3, 1, 6)
    x = np.arange(6, dtype=np.float32).reshape(1, 6) + 18
    steps = np.array([-(2**63), 0, 1, 3, 4, 2**63 - 1])
    y, shifted = plait.compile(text)(x, line, steps)
    place = [3, 3, 2, 0, 0, 0]
    whole = np.concatenate([line, x[None]])
    np.testing.assert_array_equal(y[0], [whole[p, 0, i] for i, p in enumerate(place)])
    np.testing.assert_array_equal(shifted, whole[1:])


MOMENTS = [("value", "now"), ("subtract", "now"), ("value", "next"), ("subtract", "next"),
           ("value", "next_before"), ("subtract", "next_before"), ("value", "crossing"),
           ("subtract", "now multi_spike")]  # fmt: skip


def neuron(integrator, divides, compare, reset, at, x, v, parameters, left=None, dead=None):
    """The tables of `spike.neuron`'s documentation, term by term; absent terms are None."""
    k, gain, leak, th, to, minimum = parameters
    over = np.greater if compare == "gt" else np.greater_equal

    def part(y):
        return y / k if divides else k * y

    def cleared(u, fired):
        if reset == "subtract":
            return u - fired * th
        return np.where(fired, 0 if to is None else to, u).astype(u.dtype)

    def integrated(v):
        drive = x if gain is None else gain * x
        if integrator == "euler":
            return v + part(drive - v if leak is None else (leak - v) + drive)
        if integrator == "euler_impulse":
            return (v - part(v) if leak is None else v + part(leak - v)) + drive
        if integrator == "impulse":
            if k is None:
                return v + drive
            return (k * v if leak is None else leak + k * (v - leak)) + drive
        w = drive if leak is None else leak + drive
        return w + k * (v - w)

    before = over(v, th)
    held = np.zeros(x.shape, bool) if left is None else left > 0
    if at.startswith("now"):
        u = np.where(held, v, integrated(v))
        fired = over(u, th) & ~held
        if at.endswith("multi_spike"):
            fired = np.where(fired, np.floor(u / th), 0).astype(x.dtype)
        v = cleared(u, fired)
    elif at == "crossing":
        u, w = integrated(v), x if gain is None else gain * x
        w = w if leak is None else leak + w
        fired = over(u, th)
        with np.errstate(all="ignore"):
            after = w + ((0 if to is None else to) - w) * np.where(before, k, (u - w) / (th - w))
        v = np.where(fired, after, u).astype(x.dtype)
    elif at == "next":
        v = cleared(integrated(v), before)
    else:
        v = integrated(cleared(v, before))
    if minimum is not None:
        v = np.maximum(v, minimum)
    out = (over(v, th) if at.startswith("next") else fired).astype(x.dtype), v
    if left is None:
        return out
    return *out, np.where(fired, dead, np.maximum(left - 1, 0)).astype(x.dtype)


@pytest.mark.parametrize(
    "integrator,operand",
    [("euler", "decay"), ("euler", "tau"), ("euler_impulse", "decay"), ("euler_impulse", "tau"),
     ("impulse", "decay"), ("impulse", None), ("exponential", "decay")],
)  # fmt: skip
@pytest.mark.parametrize("element", ["f32", "f64"])
def test_neuron_equals_its_specification(integrator, operand, element):
    dtype = {"f32": np.float32, "f64": np.float64}[element]
    state, own, one = f"tensor<?x64x{element}>", f"tensor<64x{element}>", f"tensor<{element}>"
    rng = np.random.default_rng(0)
    x, v = (rng.integers(-8, 24, (2, 50, 64)) / 8).astype(dtype)
    left, dead = rng.choice([0, 0, 1, 3], (50, 64)).astype(dtype), dtype(2)
    k = rng.choice([0.25, 0.5], 64).astype(dtype)
    if operand == "tau":
        k = 1 / k
    values = {"gain": rng.choice([1, 2], 64).astype(dtype), "leak": dtype(0.25),
              "to": dtype(-0.5), "minimum": dtype(-1)}  # fmt: skip
    th = rng.choice([0.25, 1], 64).astype(dtype)
    types = {"gain": own, "leak": one, "to": one, "minimum": one}
    body, results, wanted, lines = [], [], [], []
    more = ("gain", "leak", "to", "minimum")
    for terms, rests in (((), False), (more, False), (more, True)):
        terms = [t for t in terms if operand or t != "leak"]
        for reset, at in MOMENTS:
            for compare in ("gt", "ge"):
                if at.endswith("multi_spike") and compare == "gt":
                    continue
                if rests and not at.startswith("now"):
                    continue
                if at == "crossing" and integrator != "exponential":
                    continue
                use = {t: f"{t}(%{t} : {types[t]})" for t in terms}
                to = use.get("to", "") if reset == "value" else ""
                index = len(body)
                body.append(
                    f"%z{index}, %n{index} = spike.neuron %x, %v integrator {integrator} "
                    + (f"{operand}(%k : {own}) " if operand else "")
                    + f"{use.get('gain', '')} {use.get('leak', '')} threshold(%th : {own}) "
                    f"compare {compare} reset {reset} at {at} {to} {use.get('minimum', '')} "
                    + (f"refractory(%d : {one}, %left : {state}) " if rests else "")
                    + f": {state}" + f" left {state}" * rests
                )  # fmt: skip
                results += [f"%z{index}", f"%n{index}", f"%l{index}"][: 2 + rests]
                if rests:
                    body[-1] = body[-1].replace(" =", f", %l{index} =", 1)
                given = [values[t] if t in terms else None for t in more]
                step = neuron(
                    integrator, operand == "tau", compare, reset, at, x, v,
                    (k if operand else None, *given[:2], th, *given[2:]),
                    *((left, dead) if rests else ()),
                )  # fmt: skip
                wanted += step
                lines += [body[-1]] * len(step)
    outs = ", ".join([state] * len(results))
    arguments = ", ".join(f"%{t} : {types[t]}".replace(" :", ":") for t in types)
    text = (
        f"func.func @main(%x: {state}, %v: {state}, %k: {own}, %th: {own}, "
        f"%left: {state}, %d: {one}, {arguments}) "
        f"-> ({outs}) {{\n" + "\n".join(body) + f"\nreturn {', '.join(results)} : {outs}\n}}"
    )
    got = plait.compile(text)(x, v, k, th, left, dead, *values.values())
    # The lattice is exact: not one bit may differ.
    for line, mine, theirs in zip(lines, got, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs, err_msg=line)
