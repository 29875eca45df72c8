"""The spiking networks of subjects/spiking.py as MLIR, as a front writes them."""

from itertools import pairwise

#: v = beta v + input; a spike where v > 1; v = 0 after it.
RULE = (
    "integrator impulse decay(%beta : tensor<f32>) threshold(%one : tensor<f32>) "
    "compare gt reset value at now"
)


def tensor(*shape):
    return f"tensor<{'x'.join([*map(str, shape), 'f32'])}>"


def layers(steps, batch, sizes):
    """Layers in a loop over time, as a front writes them."""
    first, out = tensor(steps, batch, sizes[0]), tensor(steps, batch, sizes[-1])
    head, body, carried = [], [], []
    for i, (into, size) in enumerate(pairwise(sizes)):
        t = tensor(batch, size)
        head.append(f"%e{i} = tensor.empty() : {t}")
        head.append(f"%z{i} = linalg.fill ins(%zero : f32) outs(%e{i} : {t}) -> {t}")
        body.append(
            f"%i{i} = linalg.matmul ins(%s{i}, %w{i} : {tensor(batch, into)}, "
            f"{tensor(into, size)}) outs(%z{i} : {t}) -> {t}"
        )
        body.append(f"%s{i + 1}, %n{i} = spike.neuron %i{i}, %v{i} {RULE} : {t}")
        carried.append((f"%v{i} = %z{i}", f"%n{i}", t))
    last = f"%s{len(sizes) - 1}"
    carried.append(("%o = %eo", "%on", out))
    inits, nexts, types = (", ".join(column) for column in zip(*carried, strict=True))
    weights = ", ".join(f"%w{i}: {tensor(*pair)}" for i, pair in enumerate(pairwise(sizes)))
    step = f"[%t, 0, 0] [1, {batch}, {{}}] [1, 1, 1]"
    lines = [
        f"func.func @main({weights}, %beta: tensor<f32>, %one: tensor<f32>,",
        f"    %x: {first}) -> {out} {{",
        "%zero = arith.constant 0.0 : f32",
        "%c0 = arith.constant 0 : index",
        "%c1 = arith.constant 1 : index",
        f"%end = arith.constant {steps} : index",
        *head,
        f"%eo = tensor.empty() : {out}",
        f"%r:{len(carried)} = scf.for %t = %c0 to %end step %c1 iter_args({inits}) -> ({types}) {{",
        f"%s0 = tensor.extract_slice %x{step.format(sizes[0])}",
        f"    : {first} to {tensor(batch, sizes[0])}",
        *body,
        f"%on = tensor.insert_slice {last} into %o{step.format(sizes[-1])} : "
        f"{tensor(batch, sizes[-1])} into {out}",
        f"scf.yield {nexts} : {types}",
        "}",
        f"return %r#{len(carried) - 1} : {out}",
        "}",
    ]
    return "\n".join(lines)


def convolutions(steps, batch):
    """2x34x34 -> 16 filters -> 32 filters -> averages of 2x2 -> 10."""
    x, kernels = tensor(steps, batch, 2, 34, 34), (tensor(16, 2, 3, 3), tensor(32, 16, 3, 3))
    images = [tensor(batch, channels, 34, 34) for channels in (2, 16, 32)]
    pooled, flat = tensor(batch, 32, 17, 17), tensor(batch, 9248)
    last, out = tensor(batch, 10), tensor(steps, batch, 10)
    states = f"{images[1]}, {images[2]}, {last}"
    body = "".join(
        f"""
    %p{i} = tensor.pad %s{i} low[0, 0, 1, 1] high[0, 0, 1, 1] {{
    ^bb0(%i0: index, %i1: index, %i2: index, %i3: index):
      tensor.yield %zero : f32
    }} : {images[i]} to {tensor(batch, channels, 36, 36)}
    %x{i} = linalg.conv_2d_nchw_fchw
        ins(%p{i}, %k{i} : {tensor(batch, channels, 36, 36)}, {kernels[i]})
        outs(%z{i} : {images[i + 1]}) -> {images[i + 1]}
    %s{i + 1}, %n{i} = spike.neuron %x{i}, %v{i} {RULE} : {images[i + 1]}"""
        for i, channels in enumerate((2, 16))
    )
    zeros = "".join(
        f"\n  %e{n} = tensor.empty() : {t}"
        f"\n  %z{n} = linalg.fill ins(%zero : f32) outs(%e{n} : {t}) -> {t}"
        for n, t in (("0", images[1]), ("1", images[2]), ("p", pooled), ("2", last))
    )
    return f"""
func.func @main(%k0: {kernels[0]}, %k1: {kernels[1]}, %w: {tensor(9248, 10)},
    %beta: tensor<f32>, %one: tensor<f32>, %x: {x}) -> {out} {{
  %zero = arith.constant 0.0 : f32
  %four = arith.constant 4.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %end = arith.constant {steps} : index{zeros}
  %fours = linalg.fill ins(%four : f32) outs(%ep : {pooled}) -> {pooled}
  %window = tensor.empty() : tensor<2x2xf32>
  %eo = tensor.empty() : {out}
  %r:4 = scf.for %t = %c0 to %end step %c1
      iter_args(%v0 = %z0, %v1 = %z1, %v2 = %z2, %o = %eo) -> ({states}, {out}) {{
    %s0 = tensor.extract_slice %x[%t, 0, 0, 0, 0] [1, {batch}, 2, 34, 34] [1, 1, 1, 1, 1]
        : {x} to {images[0]}{body}
    %sum = linalg.pooling_nchw_sum {{dilations = dense<1> : tensor<2xi64>,
        strides = dense<2> : tensor<2xi64>}}
        ins(%s2, %window : {images[2]}, tensor<2x2xf32>) outs(%zp : {pooled}) -> {pooled}
    %mean = linalg.div ins(%sum, %fours : {pooled}, {pooled}) outs(%ep : {pooled}) -> {pooled}
    %flat = tensor.collapse_shape %mean [[0], [1, 2, 3]] : {pooled} into {flat}
    %y = linalg.matmul ins(%flat, %w : {flat}, {tensor(9248, 10)}) outs(%z2 : {last}) -> {last}
    %s3, %n2 = spike.neuron %y, %v2 {RULE} : {last}
    %on = tensor.insert_slice %s3 into %o[%t, 0, 0] [1, {batch}, 10] [1, 1, 1]
        : {last} into {out}
    scf.yield %n0, %n1, %n2, %on : {states}, {out}
  }}
  return %r#3 : {out}
}}
"""


def population(steps, size):
    v, w, x = tensor(1, size), tensor(size, size), tensor(steps, 1, size)
    return f"""
func.func @main(%w: {w}, %beta: tensor<f32>, %one: tensor<f32>, %x: {x}) -> {x} {{
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %end = arith.constant {steps} : index
  %e = tensor.empty() : {v}
  %z = linalg.fill ins(%zero : f32) outs(%e : {v}) -> {v}
  %eo = tensor.empty() : {x}
  %r:3 = scf.for %t = %c0 to %end step %c1 iter_args(%v = %z, %last = %z, %o = %eo)
      -> ({v}, {v}, {x}) {{
    %s = tensor.extract_slice %x[%t, 0, 0] [1, 1, {size}] [1, 1, 1] : {x} to {v}
    %m = linalg.matmul ins(%last, %w : {v}, {w}) outs(%z : {v}) -> {v}
    %i = linalg.add ins(%s, %m : {v}, {v}) outs(%e : {v}) -> {v}
    %f, %n = spike.neuron %i, %v {RULE} : {v}
    %on = tensor.insert_slice %f into %o[%t, 0, 0] [1, 1, {size}] [1, 1, 1] : {v} into {x}
    scf.yield %n, %f, %on : {v}, {v}, {x}
  }}
  return %r#2 : {x}
}}
"""


def attention_text(steps, tokens, size, heads):
    x, rows, flat = tensor(steps, tokens, size), tensor(tokens, size), tensor(steps * tokens, size)
    w, b, width = tensor(size, size), tensor(size), size // heads
    split, cut = tensor(steps, tokens, heads, width), tensor(steps, heads, tokens, width)
    batch, many = tensor(steps * heads, tokens, width), tensor(steps * heads, tokens, tokens)
    turned = tensor(steps * heads, width, tokens)
    lines = []

    def population(name, source, weight, threshold):
        lines.append(f"""
  %{name}f = tensor.collapse_shape {source} [[0, 1], [2]] : {x} into {flat}
  %{name}m = linalg.matmul ins(%{name}f, %w{weight} : {flat}, {w}) outs(%zf : {flat}) -> {flat}
  %{name}s = linalg.broadcast ins(%b{weight} : {b}) outs(%ef : {flat}) dimensions = [0]
  %{name}a = linalg.add ins(%{name}m, %{name}s : {flat}, {flat}) outs(%ef : {flat}) -> {flat}
  %{name}i = tensor.expand_shape %{name}a [[0, 1], [2]]
      output_shape [{steps}, {tokens}, {size}] : {flat} into {x}""")
        fire(name, f"%{name}i", threshold)

    def fire(name, current, threshold):
        lines.append(f"""
  %{name}, %{name}_end = spike.scan current({current} : {x}) state(%rest : {rows}) integrator euler
      decay(%rate : tensor<f32>) threshold(%{threshold} : tensor<f32>) compare ge reset value at now
      : {x}""")

    def head(name, source):
        lines.append(f"""
  %{name}e = tensor.expand_shape {source} [[0], [1], [2, 3]]
      output_shape [{steps}, {tokens}, {heads}, {width}] : {x} into {split}
  %{name}t = linalg.transpose ins(%{name}e : {split}) outs(%ec : {cut})
      permutation = [0, 2, 1, 3]
  %{name} = tensor.collapse_shape %{name}t [[0, 1], [2], [3]] : {cut} into {batch}""")

    for name in "qkv":
        population(name, "%x", name, "one")
        head(f"h{name}", f"%{name}")
    lines.append(f"""
  %kt = linalg.transpose ins(%hk : {batch}) outs(%et : {turned}) permutation = [0, 2, 1]
  %scores = linalg.batch_matmul ins(%hq, %kt : {batch}, {turned}) outs(%zm : {many}) -> {many}
  %mixed = linalg.batch_matmul ins(%scores, %hv : {many}, {batch}) outs(%zb : {batch}) -> {batch}
  %me = tensor.expand_shape %mixed [[0, 1], [2], [3]]
      output_shape [{steps}, {heads}, {tokens}, {width}] : {batch} into {cut}
  %mt = linalg.transpose ins(%me : {cut}) outs(%es : {split}) permutation = [0, 2, 1, 3]
  %mc = tensor.collapse_shape %mt [[0], [1], [2, 3]] : {split} into {x}
  %eight = arith.constant dense<0.125> : {x}
  %scaled = arith.mulf %mc, %eight : {x}""")
    fire("a", "%scaled", "half")
    population("p", "%a", "p", "one")
    weights = ", ".join(f"%w{c}: {w}, %b{c}: {b}" for c in "qkvp")
    empties = {"f": flat, "r": rows, "m": many, "b": batch}
    zeros = "".join(
        f"\n  %e{n} = tensor.empty() : {t}"
        f"\n  %z{n} = linalg.fill ins(%zero : f32) outs(%e{n} : {t}) -> {t}"
        for n, t in empties.items()
    )
    return (
        f"func.func @main({weights}, %rate: tensor<f32>, %one: tensor<f32>, %half: tensor<f32>, "
        f"%x: {x}) -> {x} {{\n  %zero = arith.constant 0.0 : f32{zeros}"
        f"\n  %ec = tensor.empty() : {cut}\n  %et = tensor.empty() : {turned}"
        f"\n  %es = tensor.empty() : {split}"
        + "".join(lines).replace("%rest", "%zr")
        + f"\n  return %p : {x}\n}}\n"
    )
