"""Writes docs/Ops-torch.md: what each op of torch does, imported, compiled and run.

    python docs/torch_ops.py              # about ten minutes
    python docs/torch_ops.py --check add  # compare some rows with the page

Samples are those of torch's own tests (``torch.testing._internal``).
"""

import argparse
import signal
import sys
import warnings
from pathlib import Path

PAGE = Path(__file__).parent / "Ops-torch.md"
SAMPLES = 2
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

One row per op, made by `docs/torch_ops.py`: up to {count} samples of torch's own tests, imported
with `from_torch`, compiled for the CPU, run, and compared with torch. *Equal*: all of them, within
rounding (relative 1e-4). *Refused*: the message, at import or by the compiler; never a wrong
result. {equal} of {total} ops are equal for every sample.

| op | result |
|---|---|
"""


class _TooLong(BaseException):
    pass


def _ring(*_):
    raise _TooLong


def samples(info):
    """A function of tensors per sample, and the tensors."""
    import torch

    from_types = [torch.float32, torch.int64, torch.bool, torch.complex64]
    dtype = next(kind for kind in from_types if kind in info.supported_dtypes("cpu"))
    found = []
    for sample in info.sample_inputs("cpu", dtype):
        leaves, tree = torch.utils._pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
        where = [k for k, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
        if any(isinstance(leaf, torch.Tensor) and leaf.numel() == 0 for leaf in leaves):
            continue

        def call(*tensors, leaves=leaves, tree=tree, where=where):
            values = list(leaves)
            for k, tensor in zip(where, tensors, strict=True):
                values[k] = tensor
            x, args, kwargs = torch.utils._pytree.tree_unflatten(values, tree)
            return info.op(x, *args, **kwargs)

        found.append((call, tuple(leaves[k] for k in where)))
        if len(found) == SAMPLES:
            break
    return found


def attempt(calls):
    """``equal``, or why not, for calls that are compiled together."""
    import torch

    import plait
    from plait.frontends.torch import _WORKER
    from plait.worker import start_python

    def model(*groups):
        return [call(*group) for (call, _), group in zip(calls, groups, strict=True)]

    args = tuple(tensors for _, tensors in calls)
    signal.signal(signal.SIGALRM, _ring)
    signal.alarm(SECONDS)
    try:
        with torch.no_grad():
            want = model(*args)
            got = plait.compile(plait.from_torch(model, args))(*args)
        flat = torch.utils._pytree.tree_leaves
        torch.testing.assert_close(
            [torch.as_tensor(v) for v in flat(got)],
            [torch.as_tensor(v) for v in flat(want)],
            rtol=1e-4, atol=1e-4, equal_nan=True,
        )  # fmt: skip
        return "equal"
    except plait.PlaitError as error:
        return "refused: " + reason(str(error))
    except AssertionError:
        return "**wrong**"
    except _TooLong:
        start_python(_WORKER).process.kill()
        return f"refused: torch-mlir takes more than {SECONDS} s"
    finally:
        signal.alarm(0)


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


def row(infos):
    """The result of an op: all samples of all its variants together, else one by one."""
    calls = [call for info in infos for call in samples(info)]
    together = attempt(calls)
    if together == "equal":
        return together
    single = [attempt([call]) for call in calls]
    good = single.count("equal")
    bad = dict.fromkeys(result for result in single if result != "equal")
    if not bad:
        return "equal"
    told = "; ".join(bad)
    return told if not good else f"equal ({good} of {len(single)} samples); {told}"


def table(names):
    """The rows of the named ops."""
    from torch.testing._internal.common_methods_invocations import op_db

    rows = {}
    for name in names:
        infos = [info for info in op_db if info.name == name][:1]
        if not infos:
            sys.exit(f"torch's tests have no samples of '{name}'")
        rows[name] = row(infos)
        print(f"{name}: {rows[name]}", file=sys.stderr, flush=True)
    return rows


def committed():
    """The rows of the page."""
    lines = PAGE.read_text().splitlines()
    rows = [line.strip("| ").split(" | ", 1) for line in lines if line.startswith("| `")]
    return {name.strip("`"): result for name, result in rows}


def main():
    """Writes or checks the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", nargs="*", metavar="OP", help="compare rows; all by default")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.check is not None:
        page = committed()
        rows = table(options.check or page)
        stale = [name for name in rows if rows[name] != page.get(name)]
        sys.exit(f"{PAGE.name} is not up to date: {', '.join(stale)}" if stale else 0)
    rows = table(NAMES)
    equal = sum(result == "equal" for result in rows.values())
    head = HEAD.format(count=SAMPLES, equal=equal, total=len(rows))
    PAGE.write_text(head + "".join(f"| `{name}` | {result} |\n" for name, result in rows.items()))


if __name__ == "__main__":
    main()
