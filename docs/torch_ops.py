"""Writes docs/Ops-torch.md: what each op of torch does, imported, compiled and run.

    python docs/torch_ops.py              # a quarter of an hour
    python docs/torch_ops.py add sort     # these rows anew, the others as they are
    python docs/torch_ops.py --from sort  # where another run stopped

Samples are those of torch's own tests (``torch.testing._internal``): of a few hundred per op some
that differ in kind.
"""

import argparse
import concurrent.futures
import itertools
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parent / "Ops-torch.md"
#: Samples of an op that are looked at, of which so many of float32 are kept.
SEEN, FLOATS = 200, 3
#: For one compilation, and for torch-mlir's part of it.
SECONDS, IMPORT = 300, 120

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

#: torch does not say which of equal elements' places these give: what is there is compared, along
#: the dimension that is so many arguments behind the tensor.
TIES = {"kthvalue": 1, "mode": 0, "topk": 1}
#: What special values do not have: torch's own quotients are wrong for denormal divisors, and no
#: rule says which of two zeros is the greater.
LEFT_OUT = {
    **dict.fromkeys(("fmod", "remainder", "floor_divide"), ("1e-40", "-1e-40")),
    **dict.fromkeys(("nn.functional.relu", "nn.functional.relu6"), ("-0.0",)),
}
#: What results may differ by, relative and absolute.
BOUND, NARROW = 1e-4, {"bfloat16": 2e-2, "float16": 3e-3}

HEAD = """# What torch's ops do here

One row per op, made by `docs/torch_ops.py`: samples of torch's own tests, imported with
`from_torch`, compiled for the CPU, run, and compared with torch. Samples differ in kind: three of
float32 that differ in their options, ranks and empty sizes, a strided one, one with NaN,
infinities, zeros of both signs and denormals where torch says what these give, and one each of
int64, bool, bfloat16, float16 and complex64 where the op has them. *Equal*: within rounding
(relative 1e-4), with NaN where torch has it; of bfloat16 and float16 (2e-2 and 3e-3) to what torch
gives, or to what it gives in float32. *Refused*: the message, at import, by the compiler or at run
time; never a wrong result. {equal} of {total} ops are equal for every sample, {good} of {all}
samples are.

| op | samples | result |
|---|---|---|
"""


class _TooLong(BaseException):
    pass


def _ring(*_):
    raise _TooLong


# Samples ---------------------------------------------------------------------


class Sample(NamedTuple):
    """A call of an op: its kind, a function of tensors, these, and what torch gives.

    ``wants`` are results of which any one is right.
    """

    kind: str
    call: object
    tensors: tuple
    wants: list


def traits(leaves):
    """What a sample has that others may lack."""
    import torch

    found = set()
    for place, (name, value) in enumerate(leaves):
        if isinstance(value, torch.Tensor):
            found |= {(place, value.dim()), ("empty", value.numel() == 0)}
        elif isinstance(value, int) and not isinstance(value, bool):
            found.add((name, (value > 0) - (value < 0)))
        else:
            found.add((name, "a float" if isinstance(value, float) else str(value)))
    return found


def chosen(info, dtype, count):
    """The (path, value) of every tensor and constant, and how they nest, of up to ``count``
    samples; each adds most traits to those before it."""
    import torch

    pytree = torch.utils._pytree
    torch.manual_seed(0)
    left = []
    for sample in itertools.islice(info.sample_inputs("cpu", dtype), SEEN):
        whole = (sample.input, sample.args, sample.kwargs)
        leaves, tree = pytree.tree_flatten_with_path(whole)
        if sum(v.numel() for _, v in leaves if isinstance(v, torch.Tensor)) <= 20_000:
            left.append(([(pytree.keystr(path), value) for path, value in leaves], tree))
    seen, found = set(), []
    while left and len(found) < count:
        best = max(range(len(left)), key=lambda k: len(traits(left[k][0]) - seen))
        leaves, tree = left.pop(best)
        seen |= traits(leaves)
        found.append(([value for _, value in leaves], tree))
    return found


def strided(value):
    """The same elements with gaps between them."""
    import torch

    if not isinstance(value, torch.Tensor) or not value.dim():
        return value
    return torch.stack([value, value], -1)[..., 0]


def special(leaves, left_out):
    """Elements that rules are made for: every pair of them, in two tensors or along one."""
    import torch

    odd = "nan inf -inf 0.0 -0.0 0.5 -2.5 1e30 1e-40 -1e-40".split()
    odd = [float(word) for word in odd if word not in left_out]
    tensors = [k for k, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    if not 1 <= len(tensors) <= 2:
        return None
    leaves, odd = list(leaves), torch.tensor(odd)
    pairs = torch.cartesian_prod(odd, odd)
    if len(tensors) == 2:
        for tensor, values in zip(tensors, pairs.unbind(1), strict=True):
            leaves[tensor] = values.clone()
    else:
        more = leaves[tensors[0]].dim() - 2
        leaves[tensors[0]] = pairs.reshape(-1, *[1] * more, 2) if more >= 0 else odd
    return leaves


def sample(info, kind, leaves, tree):
    """The sample of these tensors and constants; None if torch refuses it, special values say."""
    import torch

    where = [k for k, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    tensors = tuple(leaves[k] for k in where)

    def call(*tensors):
        values = list(leaves)
        for k, tensor in zip(where, tensors, strict=True):
            values[k] = tensor
        x, args, kwargs = torch.utils._pytree.tree_unflatten(values, tree)
        found = info.op(x, *args, **kwargs)
        if info.name not in TIES:
            return found
        dim = kwargs.get("dim", (*args, -1, -1)[TIES[info.name]])
        place = found[1] if found[1].dim() == x.dim() else found[1].unsqueeze(dim)
        return found[0], x.gather(dim, place)

    wants = []
    wide = [tensor.float() if tensor.is_floating_point() else tensor for tensor in tensors]
    for given in (tensors, wide) if kind in NARROW else (tensors,):
        try:
            with torch.no_grad():
                wants.append(tensors_of(call(*given)))
        except Exception:
            break
    return Sample(kind, call, tensors, wants) if wants else None


def samples(info):
    """Those of an op that its row is about."""
    import torch
    from torch.testing._internal.opinfo import core

    kinds = info.supported_dtypes("cpu")
    ruled = isinstance(info, core.UnaryUfuncInfo | core.BinaryUfuncInfo | core.ReductionOpInfo)
    found = []
    if torch.float32 in kinds:
        plain = chosen(info, torch.float32, FLOATS)
        found += [("float32", *one) for one in plain]
        for leaves, tree in plain[:1]:
            if any(strided(leaf) is not leaf for leaf in leaves):
                found.append(("strided", list(map(strided, leaves)), tree))
            odd = special(leaves, LEFT_OUT.get(info.name, ()))
            if ruled and odd is not None:
                found.append(("special values", odd, tree))
    for kind in ("int64", "bool", "bfloat16", "float16", "complex64"):
        if getattr(torch, kind) in kinds:
            found += [(kind, *one) for one in chosen(info, getattr(torch, kind), 1)]
    return list(filter(None, (sample(info, *one) for one in found)))


# Results ---------------------------------------------------------------------


def tensors_of(results):
    """The leaves of results, as tensors; a call without tensors gives NumPy's arrays."""
    import torch

    def tensor(value):
        if getattr(getattr(value, "dtype", None), "name", "") == "bfloat16":
            return torch.as_tensor(value.view("int16")).view(torch.bfloat16)
        return torch.as_tensor(value)

    return list(map(tensor, torch.utils._pytree.tree_leaves(results)))


def attempt(samples):
    """The result of every sample, compiled together, or what all are refused for."""
    import plait

    def model(*groups):
        return [one.call(*group) for one, group in zip(samples, groups, strict=True)]

    args = tuple(one.tensors for one in samples)
    signal.signal(signal.SIGALRM, _ring)
    signal.alarm(SECONDS)
    try:
        found = plait.compile(plait.from_torch(model, args))(*args)
    except plait.PlaitError as error:
        return "refused: " + reason(str(error))
    except _TooLong:
        return f"refused: takes more than {SECONDS} s"
    except Exception as error:  # No message of ours: as bad as a wrong result.
        return f"**wrong**: {type(error).__name__}"
    finally:
        signal.alarm(0)
    right = (matches(one, tensors_of(got)) for one, got in zip(samples, found, strict=True))
    return ["equal" if well else "**wrong**" for well in right]


def matches(sample, got):
    """Whether results differ by no more than rounding from one that is right."""
    dtypes = [value.dtype for value in sample.wants[0]]
    if [value.dtype for value in got] != dtypes:
        return False
    for want in sample.wants:
        want = [value.to(dtype) for value, dtype in zip(want, dtypes, strict=True)]
        try:
            compare(sample.kind, got, want)
            return True
        except AssertionError:
            pass
    return False


def compare(kind, got, want):
    """AssertionError if results differ by more than rounding."""
    import torch

    bound = NARROW.get(kind, BOUND)
    torch.testing.assert_close(got, want, equal_nan=True, rtol=bound, atol=bound)
    if kind == "special values":  # Tiny numbers are no zeros, and zeros have a sign.
        for one, other in zip(got, want, strict=True):
            if other.dtype.is_floating_point:
                small = other.abs() < 1e-30
                torch.testing.assert_close(one[small], other[small], rtol=BOUND, atol=1e-44)
                zero = other == 0
                torch.testing.assert_close(one[zero].signbit(), other[zero].signbit())


def reason(message):
    """The part of a message that names the op."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    keep = next((line for line in lines[1:] if " at " in line), lines[0])
    if lines[0].startswith(("torch-mlir failed", "plait-opt failed")):
        keep = next((line for line in lines if "error:" in line), lines[0])
        keep = keep[keep.find("error:") + 6 :]
    keep = keep.split(" at File")[0].split(' at "')[0].split('loc("')[0].split(", with arg")[0]
    keep = "".join(part for k, part in enumerate(keep.split('"')) if k % 2 == 0 or "/" not in part)
    keep = re.sub(r"\(.*x(float|bfloat|int|bool|complex).*", "", keep)
    return keep.replace("|", "\\|").strip(" :")[:150]


def results(samples):
    """The result of each; what is refused together is tried one by one."""
    found = attempt(samples) if samples else []
    if isinstance(found, list):
        return found
    if len(samples) == 1:
        return [found]
    return [result for one in samples for result in results([one])]


def row(name):
    """How many samples an op has, how many are equal, and what becomes of the others."""
    from torch.testing._internal.common_methods_invocations import op_db

    tried = samples(next(info for info in op_db if info.name == name))
    # Complex numbers are what most ops are refused for.
    parts = ([s for s in tried if (s.kind == "complex64") == last] for last in (False, True))
    found = [result for part in parts for result in results(part)]
    told = {}
    for one, result in zip(tried, found, strict=True):
        if result != "equal":
            told.setdefault(result, []).append(one.kind)
    words = [f"{result} ({', '.join(dict.fromkeys(kinds))})" for result, kinds in told.items()]
    if "equal" in found:
        words.insert(0, "equal")
    return f"{found.count('equal')} of {len(found)}", "; ".join(words)


# The page --------------------------------------------------------------------


def committed():
    """The rows of the page."""
    lines = PAGE.read_text().splitlines()
    rows = [line.strip("| ").split(" | ", 2) for line in lines if line.startswith("| `")]
    return {name.strip("`"): (count, result) for name, count, result in rows}


def write(rows):
    """The page, with the rows there are so far."""
    rows = {name: rows[name] for name in NAMES if name in rows}
    counts = [list(map(int, count.split(" of "))) for count, _ in rows.values()]
    good, total = map(sum, zip(*counts, strict=True))
    equal = sum(result == "equal" for _, result in rows.values())
    head = HEAD.format(equal=equal, total=len(rows), good=good, all=total)
    body = (f"| `{name}` | {count} | {result} |\n" for name, (count, result) in rows.items())
    PAGE.write_text(head + "".join(body))


def _start(folder):
    """A process that makes rows."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    os.environ.update(PLAIT_IMPORT_SECONDS=str(IMPORT), PLAIT_CACHE=folder)


def main():
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ops", nargs="*", metavar="OP", help="all by default")
    parser.add_argument("--from", dest="first", metavar="OP", help="all from this one on")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    names = options.ops or NAMES[NAMES.index(options.first) if options.first else 0 :]
    if unknown := set(names) - set(NAMES):
        sys.exit(f"expects ops of the page, got {', '.join(sorted(unknown))}")
    rows = committed()
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        concurrent.futures.ProcessPoolExecutor(options.jobs, spawn, _start, (folder,)) as pool,
    ):
        for name, made in zip(names, pool.map(row, names), strict=True):
            print(f"{name}: {': '.join(made)}", file=sys.stderr, flush=True)
            rows[name] = made
            write(rows)
    if wrong := [name for name in names if "wrong" in rows[name][1]]:
        sys.exit(f"wrong: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
