"""Writes docs/Ops-torch.md: what each op of torch does, imported, compiled and run.

    python docs/torch_ops.py              # about an hour
    python docs/torch_ops.py --rows add   # these rows, in the page that is there
    python docs/torch_ops.py --check add  # compare some rows with the page

Samples are those of torch's own tests (``torch.testing._internal``).
"""

import argparse
import signal
import sys
import warnings
from pathlib import Path

PAGE = Path(__file__).parent / "Ops-torch.md"
SECONDS = 120

#: By the names that torch's tests give them.
NAMES = """
abs acos acosh add addbmm addcdiv addcmul addmm addmv addr all allclose amax amin aminmax any arange
argmax argmin argsort asin asinh atan atan2 atanh baddbmm bernoulli bitwise_and bitwise_left_shift
bitwise_not bitwise_or bitwise_xor bmm broadcast_to bucketize cat cdist ceil cholesky chunk clamp
clamp_max clamp_min clone complex constant_pad_nd copysign cos cosh count_nonzero cross cummax
cummin cumprod cumsum deg2rad diag diag_embed diagonal diff digamma dist div dot einsum eq erf erfc
erfinv exp exp2 expand expm1 eye fft.fft fft.rfft fill flatten flip fliplr floor floor_divide fmax
fmin fmod frac full gather ge gt heaviside histc hypot i0 igamma index_add index_copy index_fill
index_put index_reduce index_select inner isclose isfinite isin isinf isnan kron kthvalue ldexp le
lerp lgamma linalg.det linalg.eigh linalg.inv linalg.lu linalg.matrix_power linalg.norm linalg.qr
linalg.solve linalg.svd linalg.vector_norm linspace log log10 log1p log2 log_softmax logaddexp
logcumsumexp logical_and logical_not logical_or logical_xor logit logsumexp lt masked_fill
masked_scatter masked_select matmul max maximum mean median min minimum mm mode movedim msort mul
multinomial mv nan_to_num nanmean nanmedian nansum narrow ne neg new_full nextafter
nn.functional.adaptive_avg_pool2d nn.functional.adaptive_max_pool2d nn.functional.avg_pool2d
nn.functional.batch_norm nn.functional.conv1d nn.functional.conv2d nn.functional.conv3d
nn.functional.conv_transpose2d nn.functional.cosine_similarity nn.functional.cross_entropy
nn.functional.dropout nn.functional.elu nn.functional.embedding nn.functional.embedding_bag
nn.functional.gelu nn.functional.glu nn.functional.grid_sample nn.functional.group_norm
nn.functional.hardsigmoid nn.functional.hardswish nn.functional.hardtanh nn.functional.instance_norm
nn.functional.interpolate nn.functional.layer_norm nn.functional.leaky_relu nn.functional.linear
nn.functional.logsigmoid nn.functional.max_pool2d nn.functional.mish nn.functional.mse_loss
nn.functional.nll_loss nn.functional.normalize nn.functional.one_hot nn.functional.pad
nn.functional.pixel_shuffle nn.functional.prelu nn.functional.relu nn.functional.relu6
nn.functional.rms_norm nn.functional.scaled_dot_product_attention nn.functional.selu
nn.functional.silu nn.functional.softplus nn.functional.softsign nn.functional.tanhshrink
nn.functional.unfold nonzero norm ones_like permute polar pow prod put rand_like randn reciprocal
remainder renorm repeat repeat_interleave reshape roll rot90 round rsqrt scatter scatter_add
scatter_reduce searchsorted select select_scatter sgn sigmoid sign signbit sin sinc sinh slice
slice_scatter softmax sort special.log_ndtr split sqrt square squeeze stack std sub sum take
take_along_dim tan tanh tensor_split tile topk trace transpose trapezoid tril triu true_divide trunc
unbind unflatten unfold unique unique_consecutive unsqueeze var view view_as_complex view_as_real
vstack where xlogy zeros_like
""".split()

HEAD = """# What torch's ops do here

One row per op, made by `docs/torch_ops.py`: samples of torch's own tests, imported with
`from_torch`, compiled for the CPU, run, and compared with torch. What the columns hold:

{columns}

*=*: all of these samples are equal, integers and booleans bit for bit, floats within rounding
(relative 2e-5 for f32, 1e-9 for f64, a few units in the last place for narrower ones; f32 of
elementwise ops with the sign of zero). *refused*: an error at import or from the compiler, never a
wrong result; the last column has the message. Nothing: torch has no such sample. {equal} of {total}
ops refuse no sample.

| op | {names} | refused |
|---|{rules}---|
"""

#: The columns: what they are called, and what they hold.
KINDS = {
    "f32": "up to four samples, first those whose tensors have different ranks",
    "NaN": "the first sample with some elements NaN",
    "inf": "with some infinite, of both signs",
    "tiny": "with some -0, some below the normal numbers, some 1e30",
    "f64": "the first sample",
    "half": "the first samples of bf16 and of f16",
    "int": "the first samples of i64, i32, i16, i8 and u8",
    "limits": "integers of all these widths, some the greatest or least; elementwise ops only",
    "bool": "the first two samples",
    "complex": "the first two samples, c64",
    "0-d": "a tensor without dimensions",
    "empty": "a tensor without elements",
    "strided": "the first sample with tensors that are not contiguous",
}
_INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
_TYPES = {
    "f64": ("float64",), "half": ("bfloat16", "float16"), "int": _INTEGERS, "limits": _INTEGERS,
    "bool": ("bool",) , "complex": ("complex64",),
}  # fmt: skip
_SALT = {
    "NaN": (float("nan"),),
    "inf": (float("inf"), -float("inf")),
    "tiny": (-0.0, 0.0, 1e-40, -1e-42, 1e30),
}


class _TooLong(BaseException):
    pass


def _ring(*_):
    raise _TooLong


def samples(info):
    """A function of tensors, and the tensors, by kind: ``{kind: [(function, tensors), ...]}``."""
    import torch

    found = {kind: [] for kind in KINDS}
    supported = info.supported_dtypes("cpu")
    plain = "float32"
    if torch.float32 not in supported:  # Of comparisons of integers, say.
        plain = next(str(t)[6:] for t in (torch.int64, torch.bool, torch.complex64) if t in supported)

    def of(dtype, wanted=lambda tensors: True, count=1, changed=lambda tensor: tensor):
        if getattr(torch, dtype) not in supported:
            return []
        torch.manual_seed(0)
        calls = map(_call, info.sample_inputs("cpu", getattr(torch, dtype)))
        fitting = [(call, tensors) for call, tensors in calls if tensors and wanted(tensors)]
        fitting.sort(key=lambda pair: len({x.dim() for x in pair[1]}) < 2)  # It is stable.
        return [(call, tuple(map(changed, tensors))) for call, tensors in fitting[:count]]

    def full(tensors):
        return all(x.numel() for x in tensors) and any(x.dim() for x in tensors)

    found["f32"] = of(plain, full, 4)
    if plain == "float32":
        for kind, values in _SALT.items():
            found[kind] = of(plain, full, 1, lambda x, values=values: _salted(x, values))
    for kind, dtypes in _TYPES.items():
        if kind != "limits" or _is_elementwise(info):
            change = _at_limits if kind == "limits" else lambda x: x
            count = 2 if kind in ("bool", "complex") else 1
            of_kind = [of(dtype, full, count, change) for dtype in dtypes if dtype != plain]
            found[kind] = sum(of_kind, [])
    found["0-d"] = of(plain, lambda tensors: not tensors[0].dim(), 2)
    found["empty"] = of(plain, lambda tensors: not tensors[0].numel(), 2)
    found["strided"] = of(plain, full, 1, torch.testing._internal.common_utils.noncontiguous_like)
    return found


def _call(sample):
    """What a sample does, as a function of its tensors."""
    import torch

    leaves, tree = torch.utils._pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
    where = [k for k, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]

    def call(op, *tensors):
        values = list(leaves)
        for k, tensor in zip(where, tensors, strict=True):
            values[k] = tensor
        x, args, kwargs = torch.utils._pytree.tree_unflatten(values, tree)
        return op(x, *args, **kwargs)

    return call, tuple(leaves[k].detach() for k in where)


def _is_elementwise(info):
    from torch.testing._internal.opinfo.core import BinaryUfuncInfo, UnaryUfuncInfo

    return isinstance(info, UnaryUfuncInfo | BinaryUfuncInfo)


def _salted(x, values):
    """Every fifth element or so is one of ``values``."""
    import torch

    if not x.dtype.is_floating_point or not x.numel():
        return x
    x = x.clone()
    random = torch.Generator().manual_seed(x.numel())
    places = torch.randperm(x.numel(), generator=random)[: max(len(values), x.numel() // 5)]
    values = torch.tensor(values, dtype=x.dtype)
    x.view(-1)[places] = values[torch.arange(len(places)) % len(values)]
    return x


def _at_limits(x):
    """Some elements are the greatest and the least but one (whose quotient by -1 there is)."""
    import torch

    x, limits = x.clone(), torch.iinfo(x.dtype)
    x.view(-1)[::3] = limits.max
    x.view(-1)[1::3] = limits.min + 1
    return x


def attempt(op, calls, exact_zero=False):
    """``=``, or why not, for each of some calls of an op."""
    import torch

    import plait
    from plait.frontends.torch import _WORKER
    from plait.worker import start_python

    def model(*groups):
        return [call(op, *group) for (call, _), group in zip(calls, groups, strict=True)]

    args = tuple(tensors for _, tensors in calls)
    signal.signal(signal.SIGALRM, _ring)
    signal.alarm(SECONDS)
    try:
        with torch.no_grad():
            want = model(*args)
            got = plait.compile(plait.from_torch(model, args))(*args)
        return [
            "=" if _same(*pair, exact_zero) else "**wrong**" for pair in zip(got, want, strict=True)
        ]
    except plait.PlaitError as error:
        told = ["refused: " + reason(str(error))]
    except _TooLong:
        start_python(_WORKER).process.kill()
        told = [f"refused: torch-mlir takes more than {SECONDS} s"]
    finally:
        signal.alarm(0)
    if len(calls) == 1:
        return told
    half = len(calls) // 2
    return attempt(op, calls[:half], exact_zero) + attempt(op, calls[half:], exact_zero)


#: By how much results may differ: relative, absolute.
_TOLERANCE = {
    "float32": (2e-5, 2e-5), "float64": (1e-9, 1e-9), "complex64": (2e-5, 2e-5),
    "complex128": (1e-9, 1e-9), "bfloat16": (3e-2, 1e-2), "float16": (4e-3, 2e-3),
}  # fmt: skip


def _same(got, want, exact_zero):
    import torch

    flat = torch.utils._pytree.tree_leaves
    for a, b in zip(flat(got), flat(want), strict=True):
        a, b = (torch.as_tensor(value).resolve_conj().resolve_neg() for value in (a, b))
        rtol, atol = _TOLERANCE.get(str(b.dtype).removeprefix("torch."), (0, 0))
        try:
            torch.testing.assert_close(a, b, rtol=rtol, atol=atol, equal_nan=True)
        except AssertionError:
            return False
        if exact_zero and b.dtype == torch.float32:
            zeros = (a == 0) & (b == 0)
            if not torch.equal(a.signbit()[zeros], b.signbit()[zeros]):
                return False
    return True


def reason(message):
    """The part of a message that names the op."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    keep = next((line for line in lines[1:] if " at " in line), lines[0])
    if lines[0].startswith(("torch-mlir failed", "plait-opt failed")):
        keep = next((line for line in lines if "error:" in line), lines[0])
        keep = keep[keep.find("error:") + 6 :]
    keep = keep.split(" at File")[0].split(' at "')[0].split('loc("')[0]
    keep = "".join(part for k, part in enumerate(keep.split('"')) if k % 2 == 0 or "/" not in part)
    return keep.replace("|", "\\|").strip(" :")[:150]


def row(info):
    """The result of an op for each kind of sample, and its last cell: what is refused."""
    calls = [(kind, call) for kind, some in samples(info).items() for call in some if _runs(info.op, call)]
    told = attempt(info.op, [call for _, call in calls], _is_elementwise(info)) if calls else []
    cells = {kind: [] for kind in KINDS}
    for (kind, _), result in zip(calls, told, strict=True):
        cells[kind].append(result)
    refused = dict.fromkeys(r.removeprefix("refused: ") for r in told if r.startswith("refused"))
    return " | ".join([*map(_cell, cells.values()), "; ".join(refused)])


def _runs(op, call):
    """Whether torch itself takes such arguments."""
    import torch

    try:
        with torch.no_grad():
            call[0](op, *(x.clone() for x in call[1]))
    except Exception:
        return False
    return True


def _cell(results):
    """``=``, ``refused``, ``**wrong**``; ``= 3/5`` where only some are equal."""
    good = results.count("=")
    if good == len(results):
        return "=" if results else ""
    told = "**wrong**" if "**wrong**" in results else "refused"
    return f"= {good}/{len(results)}, {told}" if good else told


def table(names):
    """The rows of the named ops."""
    from torch.testing._internal.common_methods_invocations import op_db

    rows = {}
    for name in names:
        infos = [info for info in op_db if info.name == name][:1]
        if not infos:
            sys.exit(f"torch's tests have no samples of '{name}'")
        rows[name] = row(infos[0])
        print(f"{name}: {rows[name]}", file=sys.stderr, flush=True)
    return rows


def committed():
    """The rows of the page."""
    lines = PAGE.read_text().splitlines()
    rows = [line[2:-2].split(" | ", 1) for line in lines if line.startswith("| `")]
    return {name.strip("`"): result for name, result in rows}


def write(rows):
    """Writes the page."""
    head = HEAD.format(
        columns="\n".join(f"* *{kind}*: {held}" for kind, held in KINDS.items()),
        equal=sum(result.endswith("| ") for result in rows.values()),
        total=len(rows),
        names=" | ".join(KINDS),
        rules="---|" * len(KINDS),
    )
    PAGE.write_text(head + "".join(f"| `{name}` | {result} |\n" for name, result in rows.items()))


def main():
    """Writes or checks the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", nargs="*", metavar="OP", help="compare rows; all by default")
    parser.add_argument("--rows", nargs="+", metavar="OP", help="make these rows again")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.check is not None:
        page = committed()
        rows = table(options.check or page)
        stale = [name for name in rows if rows[name] != page.get(name)]
        sys.exit(f"{PAGE.name} is not up to date: {', '.join(stale)}" if stale else 0)
    write({**committed(), **table(options.rows)} if options.rows else table(NAMES))


if __name__ == "__main__":
    main()
