"""Every operation on the samples with which PyTorch tests its own.

`op_db` holds, for each of PyTorch's operators, the arguments its developers found worth
testing: scalars, empty and broadcast shapes, odd strides and paddings, every reduction.
ADAPTERS says how such a call is written here; each sample then runs forward and, from
one upstream gradient, backward in both libraries, every second one with memory that is
not contiguous. What is not covered here is skipped for one of REASONS, each of which
must occur. `error_inputs` are calls that PyTorch refuses: a sentence is expected.
"""

import collections
import warnings

import numpy as np
import pytest

from tinyft import Tensor, grad, ops

torch = pytest.importorskip(
    "torch", reason='needs PyTorch: pip install "tinyft[peers]"'
)
pytest.importorskip("expecttest", reason="PyTorch's samples need it: pip install it")

TOLERANCE = 1e-10  # float64; sums of at most a few thousand terms, in another order
SAMPLES = 80  # per operation, drawn from those there are (1440 of max_pool2d)

REASONS = {
    "no axes": "axis=0 or -1 of a scalar is refused here",
    "several axes": "normalisation is over the last axis only",
    "order": "norms are 2-norms",
    "dtype=": "results have the dtype of the input",
    "dilation": "pooling and im2col have no dilation",
    "ceil_mode": "windows that leave the image are not used",
    "indices": "max_pool2d returns no indices",
    "divisor": "avg_pool2d divides by the pixels of the window",
    "string padding": "padding is a number or a pair",
    "negative padding": "pad only adds; slices cut",
    "causal": "attention aligns the last query with the last key",
    "five axes": "attention has a batch and heads, which do not broadcast",
    "random": "dropout draws other numbers",
    "soft targets": "targets get no gradient",
    "descending": "sort is ascending",
    "counts": "repeat takes one count",
    "classes": "one_hot is told the number of classes",
    "diagonal": "einsum repeats no letter in one operand",
    "legacy empty": "an array of shape (0,) is not joined with any other shape",
    "flat": "take_along_axis(axis=None) takes flat indices",
    "one axis": "batch_norm needs a batch and channels",
    "rank": "gather's indices have the axes of x",
}


class NotCovered(Exception):
    pass


def unless(covered, reason):
    if not covered:
        raise NotCovered(reason)


# --- how PyTorch's call is written here ---------------------------------------------


def axis_of(x, dim):
    """dim= as axis=: PyTorch means all axes by an empty list."""
    dim = None if dim in ((), []) else dim
    unless(x.ndim or dim is None, "no axes")
    return dim


def reduced(f):
    def call(x, dim=None, keepdim=False, dtype=None):
        unless(dtype is None, "dtype=")
        return f(x, axis_of(x, dim), keepdim)

    return call


def along(f):
    def call(x, dim, dtype=None):
        unless(dtype is None, "dtype=")
        return f(x, axis_of(x, dim))

    return call


def spread(f):
    def call(x, dim=None, unbiased=None, keepdim=False, correction=None):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = correction if correction is not None else int(unbiased is not False)
        return f(x, axis_of(x, dim), ddof, keepdim)

    return call


def norm(x, p=2, dim=None, keepdim=False, dtype=None, ord=2):
    unless(p in (2, "fro") and ord == 2, "order")
    return reduced(ops.norm)(x, dim, keepdim, dtype)


def images(f):
    """PyTorch also takes one image without a batch axis."""

    def call(x, *args, **options):
        if x.ndim == 4:
            return f(x, *args, **options)
        y = f(x.reshape(1, *x.shape), *args, **options)
        return y.reshape(y.shape[1:])

    return call


def max_pool(x, kernel_size, stride=None, padding=0, dilation=1, **rest):
    unless(np.all(np.array(dilation) == 1), "dilation")
    unless(not rest.get("ceil_mode"), "ceil_mode")
    unless(not rest.get("return_indices"), "indices")
    return ops.max_pool2d(x, kernel_size, stride or None, padding)


def avg_pool(
    x,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    unless(not ceil_mode, "ceil_mode")
    unless(divisor_override is None, "divisor")
    return ops.avg_pool2d(x, kernel_size, stride or None, padding, count_include_pad)


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    unless(np.all(np.array(dilation) == 1), "dilation")
    return ops.swapaxes(ops.im2col(x, kernel_size, stride, padding), 1, 2)


def conv2d(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    unless(not isinstance(padding, str), "string padding")
    return images(ops.conv2d)(x, w, bias, stride, padding, groups, dilation)


def conv1d(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    unless(not isinstance(padding, str), "string padding")
    options = [n[0] if isinstance(n, tuple) else n for n in (stride, padding, dilation)]
    if x.ndim == 2:
        return conv1d(x.reshape(1, *x.shape), w, bias, *options, groups)[0]
    return ops.conv1d(x, w, bias, *options[:2], groups, options[2])


def attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, **rest):
    unless(not dropout_p, "random")
    unless(not is_causal or q.shape[-2] == k.shape[-2], "causal")
    unless(q.ndim == k.ndim in (3, 4), "five axes")
    rest.pop("enable_gqa", None)
    return ops.attention(q, k, v, attn_mask, is_causal, **rest)


def batch_norm(x, mean, var, weight=None, bias=None, **options):
    unless(x.ndim > 1, "one axis")
    return ops.batch_norm(x, mean, var, weight, bias, **options)


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    unless(len(shape) == 1, "several axes")
    return ops.layer_norm(x, weight, bias, eps)


def rms_norm(x, shape, weight=None, eps=None):
    unless(len(shape) == 1, "several axes")
    return ops.rms_norm(x, weight, 2.0**-52 if eps is None else eps)


def cross_entropy(x, y, **options):
    unless(not y.requires_grad, "soft targets")
    return ops.cross_entropy(x, y, **options)


def pad(x, widths, mode="constant", value=0.0):
    unless(min(widths) >= 0, "negative padding")
    last = list(zip(widths[::2], widths[1::2]))[::-1]
    return ops.pad(x, [(0, 0)] * (x.ndim - len(last)) + last, value or 0.0)


def clip(x, min=None, max=None):
    return ops.clip(x, min, max)


def squeeze(x, dim=None):
    if dim is None:
        return ops.squeeze(x)
    dims = [dim] if isinstance(dim, int) else dim
    axis_of(x, dims)
    return ops.squeeze(x, tuple([d for d in dims if x.shape[d] == 1]))


def expand(x, shape):
    new = len(shape) - x.ndim
    sizes = [x.shape[i - new] if n == -1 else n for i, n in enumerate(shape)]
    return ops.broadcast_to(x, sizes)


def split(x, size, dim=0):
    n = x.shape[dim]
    if isinstance(size, int):
        size = [min(size, n - i) for i in range(0, n, size)]
    return ops.split(x, list(size), dim)


def repeat(x, repeats, dim=None, output_size=None):
    unless(isinstance(repeats, int), "counts")
    return ops.repeat(x.ravel() if dim is None else x, repeats, dim or 0)


def roll(x, shifts, dims=None):
    return ops.roll(x, shifts, dims or (dims if dims == 0 else None))


def concatenate(xs, dim=0):
    unless({x.ndim for x in xs} == {xs[0].ndim}, "legacy empty")
    return ops.concatenate(xs, dim)


def gather(x, dim, index):
    unless(index.ndim == x.ndim, "rank")
    return ops.gather(x, index, axis_of(x, dim))


def take_along_axis(x, index, dim=None):
    unless(dim is not None or index.ndim == 1, "flat")
    return ops.take_along_axis(x, index, dim)


def argsort(x, dim=-1, descending=False, stable=None):
    unless(not descending, "descending")
    return ops.argsort(x, axis_of(x, dim))


def sort(x, dim=-1, descending=False, stable=None):
    order = argsort(x, dim, descending)
    return ops.take_along_axis(x, order, dim), order


def einsum(xs, spec):
    terms = spec.split("->")[0].replace("...", "").replace(" ", "").split(",")
    unless(all(len(set(t)) == len(t) for t in terms), "diagonal")
    return ops.einsum(spec, *xs)


def one_hot(ids, num_classes=-1):
    unless(num_classes > 0, "classes")
    return ops.one_hot(ids, num_classes, "int64")


def scaled(f):
    def call(x, y, alpha=1):
        return f(x, y if alpha == 1 else ops.mul(y, alpha))

    return call


def swapped(x, dim0, dim1):
    return ops.swapaxes(x, axis_of(x, dim0), dim1)


SAME = """abs exp expm1 log log1p log2 log10 sqrt rsqrt sin cos tan sinh cosh tanh erf
sigmoid reciprocal square neg sign floor ceil round isnan isinf isfinite logical_not
maximum minimum mul pow floor_divide remainder logical_and logical_or matmul dot outer
lerp tril triu masked_fill reshape flatten tile stack T mT""".split()
NEURAL = """relu silu logsigmoid gelu elu linear group_norm nll_loss kl_div mse_loss
l1_loss huber_loss smooth_l1_loss leaky_relu""".split()
ADAPTERS = {
    **{name: getattr(ops, name, None) for name in SAME},
    **{f"nn.functional.{name}": getattr(ops, name) for name in NEURAL},
    "T": lambda x: x.T, "mT": lambda x: x.mT, "t": lambda x: x.T,
    "asin": ops.arcsin, "acos": ops.arccos, "atan": ops.arctan,
    "add": scaled(ops.add), "sub": scaled(ops.sub), "true_divide": ops.div,
    "div.no_rounding_mode": lambda x, y, rounding_mode=None: ops.div(x, y),
    "div.floor_rounding": lambda x, y, rounding_mode: x // y,
    "__radd__": lambda x, y: y + x, "__rsub__": lambda x, y: y - x,
    "__rmul__": lambda x, y: y * x, "__rdiv__": lambda x, y: y / x,
    "__rpow__": lambda x, y: y**x, "__rmod__": lambda x, y: y % x,
    "__rmatmul__": lambda x, y: y @ x, "mm": lambda x, y: x @ y,
    "bmm": lambda x, y: x @ y, "mv": lambda x, y: x @ y,
    "eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y, "gt": lambda x, y: x > y, "ge": lambda x, y: x >= y,
    "sum": reduced(ops.sum), "mean": reduced(ops.mean), "prod": reduced(ops.prod),
    "amax": reduced(ops.max), "amin": reduced(ops.min), "all": reduced(ops.all),
    "any": reduced(ops.any), "argmax": reduced(ops.argmax),
    "argmin": reduced(ops.argmin), "logsumexp": reduced(ops.logsumexp),
    "max.reduction_no_dim": lambda x: x.max(), "min.reduction_no_dim": lambda x: x.min(),
    "var": spread(ops.var), "std": spread(ops.std), "var.unbiased": spread(ops.var),
    "std.unbiased": spread(ops.std), "norm": norm, "norm.fro": norm,
    "linalg.vector_norm": norm, "cumsum": along(ops.cumsum), "clamp": clip,
    "softmax": along(ops.softmax), "log_softmax": along(ops.log_softmax),
    "sort": sort, "argsort": argsort, "where": lambda x, c, y: ops.where(c, x, y),
    "round.decimals_3": ops.round,
    "squeeze": squeeze, "squeeze.multiple": squeeze, "unsqueeze": ops.expand_dims,
    "permute": ops.transpose, "transpose": swapped, "movedim": ops.moveaxis,
    "expand": expand, "broadcast_to": expand, "repeat_interleave": repeat,
    "flip": lambda x, dims: ops.flip(x, tuple(dims)), "roll": roll,
    "cat": concatenate, "split": split, "split.list_args": split, "gather": gather,
    "take_along_dim": take_along_axis, "__getitem__": lambda x, key: x[key],
    "nn.functional.pad.constant": pad, "einsum": einsum,
    "nn.functional.embedding": lambda w, ids: ops.embedding(ids, w),
    "nn.functional.one_hot": one_hot, "nn.functional.layer_norm": layer_norm,
    "nn.functional.rms_norm": rms_norm, "nn.functional.batch_norm": batch_norm,
    "nn.functional.conv2d": conv2d, "nn.functional.conv1d": conv1d,
    "nn.functional.conv_transpose2d": images(ops.conv_transpose2d),
    "nn.functional.max_pool2d": images(max_pool), "nn.functional.unfold": unfold,
    "nn.functional.avg_pool2d": images(avg_pool),
    "nn.functional.adaptive_avg_pool2d": images(ops.adaptive_avg_pool2d),
    "nn.functional.scaled_dot_product_attention": attention,
    "nn.functional.cross_entropy": cross_entropy,
    "nn.functional.binary_cross_entropy_with_logits": ops.bce_with_logits,
}  # fmt: skip
RENAMED = {  # options of PyTorch's that have another name here
    "nn.functional.leaky_relu": {"negative_slope": "slope"},
    "nn.functional.group_norm": {"num_groups": "groups"},
    "nn.functional.adaptive_avg_pool2d": {"output_size": "size"},
    "flatten": {"start_dim": "start_axis", "end_dim": "end_axis"},
    "stack": {"dim": "axis"},
}


# --- one sample in both libraries ---------------------------------------------------


def mapped(tree, f):
    """The arguments with f applied to every torch tensor."""
    if isinstance(tree, torch.Tensor):
        return f(tree)
    if isinstance(tree, dict):
        return {key: mapped(value, f) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)([mapped(value, f) for value in tree])
    return tree


def leaf(t):
    return t.detach().requires_grad_(t.requires_grad)


def ours(t):
    return Tensor(t.detach().numpy(), requires_grad=t.requires_grad)


def call(name, arguments):
    x, args, options = arguments
    names = RENAMED.get(name, {})
    options = {names.get(key, key): value for key, value in options.items()}
    return ADAPTERS[name](x, *args, **options)


def compare(name, op, sample):
    """Run one sample forward and backward in both; AssertionError if they differ."""
    theirs = mapped((sample.input, sample.args, sample.kwargs), leaf)
    leaves, tensors = [], []

    def keep(t):
        leaves.append(t)
        tensors.append(ours(t))
        return tensors[-1]

    ys = call(name, mapped(theirs, keep))
    ts = op.op(theirs[0], *theirs[1], **theirs[2])
    ys, ts = ([a] if not isinstance(a, (tuple, list)) else list(a) for a in (ys, ts))
    assert len(ys) == len(ts)
    for y, t in zip(ys, ts):
        same("value", y, t)
    upstream = [np.cos(1 + np.arange(y.size)).reshape(y.shape) for y in ys]
    wanted = [i for i, t in enumerate(leaves) if t.requires_grad]
    want = [t for t in ts if t.requires_grad]
    if not want:
        assert not any(y.requires_grad for y in ys)
        return
    want = torch.autograd.grad(
        want,
        [leaves[i] for i in wanted],
        [torch.tensor(g) for g, t in zip(upstream, ts) if t.requires_grad],
        allow_unused=True,
    )
    found = [None] * len(wanted)
    pairs = [(y, Tensor(g)) for y, g in zip(ys, upstream) if y.requires_grad]
    if pairs:  # else a constant here: PyTorch must say 0
        outputs, upstream = zip(*pairs)
        inputs = [tensors[i] for i in wanted]
        found = grad(outputs, inputs, upstream, allow_unused=True)
    for i, g, t in zip(wanted, found, want):
        zero = torch.zeros_like(leaves[i])
        g = ours(zero) if g is None else g
        same(f"gradient {i}", g, zero if t is None else t)


def same(what, y, t):
    a, b = y.numpy(), t.detach().numpy()
    assert (a.shape, a.dtype) == (b.shape, b.dtype), what
    if a.dtype.kind != "f":
        assert (a == b).all(), what
        return
    largest = np.abs(b[np.isfinite(b)]).max(initial=1.0)
    close = np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * largest, equal_nan=True)
    assert close.all(), f"{what}: {a[~close][:3]} here, {b[~close][:3]} in PyTorch"


@pytest.fixture(scope="module")
def database():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return {op.full_name: op for op in op_db}


@pytest.fixture(scope="module")
def sweep(database):
    """For each operation: how many samples agree, what failed, why some were skipped."""
    results = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name in ADAPTERS:
            results[name] = run(name, database[name])
    return results


def run(name, op):
    torch.manual_seed(0)
    floats = name != "nn.functional.one_hot"
    dtype, recording = torch.float64 if floats else torch.int64, op.supports_autograd
    samples = list(op.sample_inputs("cpu", dtype, requires_grad=recording and floats))
    agree, failed, reasons = 0, [], collections.Counter()
    chosen = np.random.default_rng(0).permutation(len(samples))[:SAMPLES].tolist()
    for i in sorted(chosen):
        sample = samples[i].noncontiguous() if i % 2 else samples[i]
        try:
            compare(name, op, sample)
            agree += 1
        except NotCovered as skip:
            reasons[str(skip)] += 1
        except Exception as error:
            failed.append(f"{sample.summary()}: {type(error).__name__}: {error}")
    return agree, failed, reasons


@pytest.mark.parametrize("name", ADAPTERS)
def test_samples_agree(name, sweep):
    agree, failed, reasons = sweep[name]
    assert not failed, "\n".join(failed[:3])
    assert agree, f"every sample was skipped: {reasons}"


def test_every_reason_to_skip_occurs(sweep):
    used = {reason for _, _, reasons in sweep.values() for reason in reasons}
    assert used == set(REASONS)
    assert sum(agree for agree, _, _ in sweep.values()) > 1000


# --- calls that PyTorch refuses -----------------------------------------------------

WIDER = {  # operations that mean something here for what PyTorch refuses
    "roll": "NumPy's: shifts and axes broadcast",
    "mean": "the mean of integers is a float32",
    "masked_fill": "the value may be an array, as in where",
    "nn.functional.embedding": "the rows of any array are looked up",
    "t": "NumPy's .T reverses any number of axes",
    "nn.functional.conv1d": "dtypes are promoted",
    "nn.functional.conv2d": "dtypes are promoted",
}


def test_what_pytorch_refuses_is_a_sentence(database):
    count, wider = 0, set()
    for name in ADAPTERS:
        op = database[name]
        for e in op.error_inputs("cpu") if op.error_inputs_func else ():
            sample = e.sample_input
            if "out" in sample.kwargs or not isinstance(sample.input, torch.Tensor):
                continue  # out= does not exist here, and numbers are operands
            if any(isinstance(a, (int, float)) for a in sample.args):
                continue
            try:
                call(name, mapped((sample.input, sample.args, sample.kwargs), ours))
            except NotCovered:
                continue
            except (ValueError, TypeError, IndexError) as error:
                text = str(error)
                assert len(text.split()) > 4 and "NoneType" not in text, (name, text)
                assert "unexpected keyword" not in text, (name, text)
                count += 1
            else:
                wider.add(name)
    assert wider == set(WIDER)
    assert count > 25
