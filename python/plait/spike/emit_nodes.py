"""The nodes of the builder that NIR does not know, as MLIR: encodings, attention."""

import re

from plait.spike import network as net

#: The bits of a phase code; bit k of 8 weighs 2^-(k + 1).
PHASES = 8


def generic(writer, hint: str, inputs, type_: str, body: str) -> str:
    """A ``linalg.generic`` over one step, elementwise in all axes; the result's name.

    ``inputs`` are pairs of a value and its type; ``body`` is text that names them %a0, %a1.
    """
    rank = type_.count("x")
    axes = ", ".join(f"d{i}" for i in range(rank))
    same = f"affine_map<({axes}) -> ({axes})>"
    empty = writer.fresh("empty")
    sizes = "%batch" if writer.batch is None else ""
    writer.lines.append(f"{empty} = tensor.empty({sizes}) : {type_}")
    scalars = [f"%own.a{i}: {t.rsplit('x', 1)[-1].strip('>').removeprefix('tensor<')}"
               for i, (_, t) in enumerate(inputs)]  # fmt: skip
    # Names with a dot are the region's own: no other has one.
    body = re.sub(r"%(?!(?:t|time)\b)(\w+)", r"%own.\1", body)
    parallel = ", ".join(['"parallel"'] * rank)
    listing = ", ".join(value for value, _ in inputs)
    types = ", ".join(t for _, t in inputs)
    return writer.write_line(
        hint,
        f"linalg.generic {{indexing_maps = [{', '.join([same] * (len(inputs) + 1))}], "
        f"iterator_types = [{parallel}]}} "
        f"ins({listing} : {types}) outs({empty} : {type_}) {{ "
        f"^bb0({', '.join([*scalars, '%own.unused: f32'])}): {body} }} -> {type_}",
    )


def encode(writer, name: str, node: net.Encoding, x: str, shape) -> str:
    """One step of an encoding; see :meth:`plait.spike.SpikeIRBuilder.add_encoding`."""
    type_ = writer.type(shape)
    if node.method == "rate":
        return generic(writer, name, [(x, type_)], type_, _rate(node, shape, writer))
    if node.method == "latency":
        return generic(writer, name, [(x, type_)], type_, _LATENCY)
    if node.method == "phase":
        return generic(writer, name, [(x, type_)], type_, _PHASE)
    last = writer.carry(f"{name}_before", shape)
    last.next = x
    level = float(node.threshold)
    off = "-1.0" if node.off_spikes else "0.0"
    body = f"""
      %d = arith.subf %a0, %a1 : f32
      %level = arith.constant {level:.9e} : f32
      %one = arith.constant 1.0 : f32
      %off = arith.constant {off} : f32
      %none = arith.constant 0.0 : f32
      %up = arith.cmpf oge, %d, %level : f32
      %n = arith.negf %d : f32
      %down = arith.cmpf oge, %n, %level : f32
      %low = arith.select %down, %off, %none : f32
      %y = arith.select %up, %one, %low : f32
      linalg.yield %y : f32"""
    return generic(writer, name, [(x, type_), (last.name, type_)], type_, body)


def _rate(node: net.Encoding, shape, writer) -> str:
    """A Bernoulli draw per element and step from a hash of (seed, step, element).

    ``h`` starts as the seed, takes in the step and then each index, batch first:
    ``h = mix(h * 0x9E3779B1 + index)``, mix being the finaliser of MurmurHash3. The top 24
    bits are a number in [0, 1), and a spike is drawn where it is under the input.
    """
    lines = [f"%h0 = arith.constant {_signed(node.seed)} : i32",
             "%golden = arith.constant -1640531535 : i32",
             "%m1 = arith.constant -2048144789 : i32", "%m2 = arith.constant -1028477387 : i32",
             "%s16 = arith.constant 16 : i32", "%s13 = arith.constant 13 : i32"]  # fmt: skip
    for k in range(len(shape) + 2):
        index = "%t" if k == 0 else f"%x{k}"
        if k:
            lines.append(f"{index} = linalg.index {k - 1} : index")
        lines += [
            f"%w{k} = arith.index_cast {index} : index to i32",
            f"%p{k} = arith.muli %h{k}, %golden : i32",
            f"%q{k} = arith.addi %p{k}, %w{k} : i32",
            f"%r{k} = arith.shrui %q{k}, %s16 : i32",
            f"%u{k} = arith.xori %q{k}, %r{k} : i32",
            f"%v{k} = arith.muli %u{k}, %m1 : i32",
            f"%y{k} = arith.shrui %v{k}, %s13 : i32",
            f"%z{k} = arith.xori %v{k}, %y{k} : i32",
            f"%b{k} = arith.muli %z{k}, %m2 : i32",
            f"%c{k} = arith.shrui %b{k}, %s16 : i32",
            f"%h{k + 1} = arith.xori %b{k}, %c{k} : i32",
        ]
    end = len(shape) + 2
    lines += [
        "%eight = arith.constant 8 : i32",
        f"%top = arith.shrui %h{end}, %eight : i32",
        "%f = arith.uitofp %top : i32 to f32",
        "%scale = arith.constant 5.9604644775390625e-08 : f32",
        "%draw = arith.mulf %f, %scale : f32",
        "%hit = arith.cmpf olt, %draw, %a0 : f32",
        "%out = arith.uitofp %hit : i1 to f32",
        "linalg.yield %out : f32",
    ]
    return "\n      ".join(["", *lines])


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


#: One spike, the sooner the larger the input: at step round((1 - x) (steps - 1)).
_LATENCY = """
      %none = arith.constant 0.0 : f32
      %one = arith.constant 1.0 : f32
      %low = arith.maximumf %a0, %none : f32
      %x = arith.minimumf %low, %one : f32
      %now = arith.index_cast %t : index to i64
      %all = arith.index_cast %time : index to i64
      %i1 = arith.constant 1 : i64
      %last = arith.subi %all, %i1 : i64
      %n = arith.sitofp %last : i64 to f32
      %far = arith.subf %one, %x : f32
      %when = arith.mulf %far, %n : f32
      %step = math.roundeven %when : f32
      %f = arith.sitofp %now : i64 to f32
      %hit = arith.cmpf oeq, %f, %step : f32
      %some = arith.cmpf ogt, %a0, %none : f32
      %both = arith.andi %hit, %some : i1
      %y = arith.uitofp %both : i1 to f32
      linalg.yield %y : f32"""

#: Bit by bit of floor(256 x), the highest first, each as heavy as its place.
_PHASE = f"""
      %none = arith.constant 0.0 : f32
      %most = arith.constant 255.0 : f32
      %c256 = arith.constant 256.0 : f32
      %s = arith.mulf %a0, %c256 : f32
      %w = math.floor %s : f32
      %lo = arith.maximumf %w, %none : f32
      %hi = arith.minimumf %lo, %most : f32
      %byte = arith.fptosi %hi : f32 to i32
      %now = arith.index_cast %t : index to i32
      %many = arith.constant {PHASES} : i32
      %phase = arith.remui %now, %many : i32
      %i7 = arith.constant {PHASES - 1} : i32
      %place = arith.subi %i7, %phase : i32
      %at = arith.shrui %byte, %place : i32
      %i1 = arith.constant 1 : i32
      %bit = arith.andi %at, %i1 : i32
      %weight = arith.shli %i1, %place : i32
      %heavy = arith.muli %bit, %weight : i32
      %f = arith.sitofp %heavy : i32 to f32
      %scale = arith.constant 0.00390625 : f32
      %y = arith.mulf %f, %scale : f32
      linalg.yield %y : f32"""


def attend(writer, name: str, node: net.Attention, shape) -> str:
    """``scale (q k^T) v`` head by head, as batched products."""
    tokens, features = shape
    depth = features // node.heads
    q, k, v = (heads(writer, f"{name}_{role}", writer.values[getattr(node, role)], shape,
                     node.heads) for role in "qkv")  # fmt: skip
    many = None if writer.batch is None else writer.batch * node.heads
    flat, square = _tensor((many, tokens, depth)), _tensor((many, tokens, tokens))
    if writer.batch is None:
        count = writer.write_line(f"{name}_heads", f"arith.constant {node.heads} : index")
        size = writer.write_line(f"{name}_count", f"arith.muli %batch, {count} : index")
    else:
        size = ""
    scores = _zeros(writer, square, size)
    scores = writer.write_line(
        f"{name}_scores", f"linalg.batch_matmul indexing_maps = ["
        "affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, n, k)>, "
        "affine_map<(b, m, n, k) -> (b, m, n)>] "
        f"ins({q}, {k} : {flat}, {flat}) outs({scores} : {square}) -> {square}"
    )  # fmt: skip
    mixed = _zeros(writer, flat, size)
    mixed = writer.write_line(
        f"{name}_mixed", f"linalg.batch_matmul ins({scores}, {v} : {square}, {flat}) "
        f"outs({mixed} : {flat}) -> {flat}"
    )  # fmt: skip
    whole = _tensor((writer.batch, node.heads, tokens, depth))
    batch = "%batch" if writer.batch is None else writer.batch
    mixed = writer.write_line(
        f"{name}_split", f"tensor.expand_shape {mixed} [[0, 1], [2], [3]] output_shape "
        f"[{batch}, {node.heads}, {tokens}, {depth}] : {flat} into {whole}"
    )  # fmt: skip
    back = _tensor((writer.batch, tokens, node.heads, depth))
    empty = _empty(writer, back, "%batch" if writer.batch is None else "")
    mixed = writer.write_line(
        f"{name}_back", f"linalg.transpose ins({mixed} : {whole}) outs({empty} : {back}) "
        "permutation = [0, 2, 1, 3]"
    )  # fmt: skip
    type_ = writer.type(shape)
    mixed = writer.write_line(
        f"{name}_joined", f"tensor.collapse_shape {mixed} [[0], [1], [2, 3]] : {back} into {type_}"
    )
    scale = writer.fresh("scale")
    writer.before.append(f"{scale} = arith.constant {float(node.scale)!r} : f32")
    factor = writer.filled(writer.lines, shape, value=scale)
    return writer.elementwise("mul", mixed, factor, type_, name)


def heads(writer, name: str, x: str, shape, count: int) -> str:
    """``[batch, tokens, features]`` as ``[batch * heads, tokens, features / heads]``."""
    tokens, features = shape
    depth = features // count
    split = writer.split(name, x, shape, 1, (count, depth))
    given = _tensor((writer.batch, tokens, count, depth))
    turned = _tensor((writer.batch, count, tokens, depth))
    empty = _empty(writer, turned, "%batch" if writer.batch is None else "")
    turn = writer.write_line(
        f"{name}_turned", f"linalg.transpose ins({split} : {given}) outs({empty} : {turned}) "
        "permutation = [0, 2, 1, 3]"
    )  # fmt: skip
    many = None if writer.batch is None else writer.batch * count
    flat = _tensor((many, tokens, depth))
    return writer.write_line(
        f"{name}_flat", f"tensor.collapse_shape {turn} [[0, 1], [2], [3]] : {turned} into {flat}"
    )


def _tensor(sizes) -> str:
    shape = "".join(f"{'?' if size is None else size}x" for size in sizes)
    return f"tensor<{shape}f32>"


def _empty(writer, type_: str, size: str) -> str:
    return writer.write_line("empty", f"tensor.empty({size}) : {type_}")


def _zeros(writer, type_: str, size: str) -> str:
    empty = _empty(writer, type_, size)
    return writer.write_line(
        "zeros", f"linalg.fill ins(%zero : f32) outs({empty} : {type_}) -> {type_}"
    )
