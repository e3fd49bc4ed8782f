"""Random shapes, strides, paddings, masks and options against PyTorch.

Each sweep draws its cases from one seed: what fails can be run again by its number. A
case runs forward and backward from a random upstream gradient in float64. Where PyTorch
refuses a case, a refusal is expected here too. Empty batches are among the cases.
"""

import numpy as np
import pytest

from tinyft import Tensor, grad, nn, ops, tensor

torch = pytest.importorskip(
    "torch", reason='needs PyTorch: pip install "tinyft[peers]"'
)
F = torch.nn.functional
TOLERANCE = 1e-10  # float64; sums of at most a few hundred terms, in another order
CASES = 60


class Draw:
    """A source of small whole numbers, arrays and choices."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def whole(self, low, high):
        return int(self.rng.integers(low, high))

    def pair(self, low, high):
        return self.whole(low, high), self.whole(low, high)

    def sizes(self, low, high, most):
        return tuple(self.rng.integers(low, high, self.whole(0, most)).tolist())

    def array(self, *shape):
        return self.rng.standard_normal(shape)

    def of(self, *choices):
        return choices[self.whole(0, len(choices))]


def same(draw, ours, theirs, *arrays):
    """Both refuse, or value and gradients agree. Returns True if they agree."""
    xs = [tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    try:
        t = theirs(*ts)
    except (RuntimeError, ValueError):
        with pytest.raises(ValueError):
            ours(*xs)
        return False
    y = ours(*xs)
    gy = draw.array(*y.shape)
    want = torch.autograd.grad(t, ts, torch.tensor(gy), allow_unused=True)
    found = grad([y], xs, [Tensor(gy)], allow_unused=True)
    for a, b in zip([y, *found], [t, *want]):
        if b is None:
            assert a is None or not a.data.any()
            continue
        b = b.detach().numpy()
        assert a.shape == b.shape
        atol = TOLERANCE * np.abs(b).max(initial=1.0)
        np.testing.assert_allclose(a.numpy(), b, rtol=TOLERANCE, atol=atol)
    return True


def convolution(draw):
    groups, N, size = draw.whole(1, 4), draw.whole(0, 4), draw.pair(1, 10)
    C, O = groups * draw.whole(1, 3), groups * draw.whole(1, 3)
    k, stride, padding = draw.pair(1, 5), draw.pair(1, 4), draw.pair(0, 4)
    dilation = draw.pair(1, 3)
    arrays = draw.array(N, C, *size), draw.array(O, C // groups, *k), draw.array(O)
    return same(
        draw,
        lambda x, w, b: ops.conv2d(x, w, b, stride, padding, groups, dilation),
        lambda x, w, b: F.conv2d(x, w, b, stride, padding, dilation, groups),
        *arrays,
    )


def transposed_convolution(draw):
    groups, N, size = draw.whole(1, 4), draw.whole(1, 4), draw.pair(1, 8)
    C, O = groups * draw.whole(1, 3), draw.whole(1, 3)
    k, stride, padding = draw.pair(1, 5), draw.pair(1, 4), draw.pair(0, 3)
    dilation, extra = draw.pair(1, 3), draw.pair(0, 3)
    options = stride, padding, extra, groups, dilation
    return same(
        draw,
        lambda x, w, b: ops.conv_transpose2d(x, w, b, *options),
        lambda x, w, b: F.conv_transpose2d(x, w, b, *options),
        draw.array(N, C, *size),
        draw.array(C, O, *k),
        draw.array(O * groups),
    )


def pooling(draw):
    x = draw.array(draw.whole(0, 3), draw.whole(1, 4), *draw.pair(1, 10))
    k, stride, padding = draw.pair(1, 5), draw.pair(1, 4), draw.pair(0, 3)
    inside, grid = draw.of(True, False), draw.pair(1, 8)
    return sum([
        same(draw, lambda x: ops.max_pool2d(x, k, stride, padding),
             lambda x: F.max_pool2d(x, k, stride, padding), x),
        same(draw, lambda x: ops.avg_pool2d(x, k, stride, padding, inside),
             lambda x: F.avg_pool2d(x, k, stride, padding, False, inside), x),
        same(draw, lambda x: ops.adaptive_avg_pool2d(x, grid),
             lambda x: F.adaptive_avg_pool2d(x, grid), x),
        same(draw, lambda x: ops.im2col(x, k, stride, padding).swapaxes(1, 2),
             lambda x: F.unfold(x, k, 1, padding, stride), x),
    ])  # fmt: skip


def attention(draw):
    B, heads, share, T, S = (draw.whole(1, n) for n in (3, 3, 3, 7, 7))
    d, dv, scale = draw.whole(1, 5), draw.whole(1, 5), draw.of(None, 0.3)
    causal, mask = draw.of(True, False), None
    S = T if causal else S
    if not causal and draw.of(True, False):
        mask = draw.rng.random(draw.of((T, S), (B, 1, T, S), (1, 1, 1, S))) < 0.6
    seen = None if mask is None else torch.tensor(mask)
    options = {"scale": scale, "enable_gqa": share > 1}
    return same(
        draw,
        lambda q, k, v: ops.attention(q, k, v, mask, causal, scale),
        lambda q, k, v: F.scaled_dot_product_attention(
            q, k, v, seen, 0.0, causal, **options
        ),
        draw.array(B, heads * share, T, d),
        draw.array(B, heads, S, d),
        draw.array(B, heads, S, dv),
    )


def cross_entropy(draw):
    C, lead, rest = draw.whole(1, 6), draw.whole(2, 6), draw.sizes(1, 4, 3)
    options = {
        "ignore_index": draw.of(-100, C - 1) if C > 1 else -100,
        "label_smoothing": draw.of(0.0, 0.1, 1.0),
        "reduction": draw.of("mean", "sum", "none"),
    }
    weight = draw.of(None, abs(draw.array(C)) + 0.1)
    y = draw.rng.integers(0, C, (lead, *rest))
    y.flat[0], y.flat[-1] = 0, options["ignore_index"]  # one that counts, one not
    if draw.of(True, False):
        y = abs(draw.array(lead, C, *rest))
        del options["ignore_index"]
    plain = None if weight is None else torch.tensor(weight)
    return same(
        draw,
        lambda x: ops.cross_entropy(x, y, weight, **options),
        lambda x: F.cross_entropy(x, torch.tensor(y), plain, **options),
        3 * draw.array(lead, C, *rest),
    )


def normalisation(draw):
    groups = draw.whole(1, 3)
    shape = (draw.whole(2, 5), groups * draw.whole(1, 4), *draw.sizes(1, 4, 3))
    C, training, momentum = shape[1], draw.of(True, False), draw.rng.uniform()
    mean, var = draw.array(C), abs(draw.array(C)) + 0.1
    running = torch.tensor(mean), torch.tensor(var)
    x, w, b = 3 * draw.array(*shape) + 2, draw.array(C), draw.array(C)
    count = same(
        draw,
        lambda *a: ops.batch_norm(a[0], mean, var, *a[1:], training, momentum),
        lambda *a: F.batch_norm(a[0], *running, *a[1:], training, momentum),
        x, w, b,
    )  # fmt: skip
    np.testing.assert_allclose(mean, running[0], rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(var, running[1], rtol=TOLERANCE, atol=TOLERANCE)
    last = draw.whole(0, 5)
    return count + sum([
        same(draw, lambda *a: ops.group_norm(a[0], groups, *a[1:]),
             lambda *a: F.group_norm(a[0], groups, *a[1:]), x, w, b),
        same(draw, lambda *a: ops.layer_norm(*a),
             lambda *a: F.layer_norm(a[0], (last,), *a[1:]),
             draw.array(*draw.sizes(0, 4, 3), last), draw.array(last),
             draw.array(last)),
    ])  # fmt: skip


def index(draw):
    shape = tuple(draw.whole(1, 5) for _ in range(3))

    def part(n):
        start, stop = draw.whole(-n - 1, n), draw.whole(-n - 1, n + 2)
        ids = draw.rng.integers(-n, n, draw.of((3,), (2, 1)))
        return draw.of(slice(None), start % n, slice(start, stop, 2), ids)

    key = tuple(part(n) for n in shape[: draw.whole(1, 4)])
    plain = tuple(torch.tensor(k) if isinstance(k, np.ndarray) else k for k in key)
    widths = [draw.pair(0, 3) for _ in shape]
    flat = [n for pair in widths[::-1] for n in pair]
    ids = draw.rng.integers(0, 4, draw.sizes(0, 5, 4))
    return sum([
        same(draw, lambda x: x[key], lambda x: x[plain], draw.array(*shape)),
        same(draw, lambda x: ops.pad(x, widths, 1.5),
             lambda x: F.pad(x, flat, value=1.5), draw.array(*shape)),
        same(draw, lambda w: ops.embedding(ids, w),
             lambda w: F.embedding(torch.tensor(ids), w), draw.array(4, 3)),
    ])  # fmt: skip


def einsum(draw):
    size = dict(zip("abcd", draw.rng.integers(1, 4, 4)))
    terms = [
        "".join(draw.rng.permutation(list(size))[: draw.whole(1, 5)])
        for _ in range(draw.whole(1, 4))
    ]
    used = sorted(set("".join(terms)))
    result = "".join(draw.rng.permutation(used)[: draw.whole(0, len(used) + 1)])
    spec = ",".join(terms) + "->" + result
    return same(
        draw,
        lambda *xs: ops.einsum(spec, *xs),
        lambda *xs: torch.einsum(spec, *xs),
        *[draw.array(*[size[letter] for letter in term]) for term in terms],
    )


def lstm(draw):
    layers, both, batch_first = draw.whole(1, 4), draw.of(True, False), draw.of(0, 1)
    first, second, width, hidden = (draw.whole(1, 6) for _ in range(4))
    options = {"bidirectional": both, "batch_first": bool(batch_first)}
    a = nn.LSTM(width, hidden, layers, **options, dtype="float64")
    b = torch.nn.LSTM(width, hidden, layers, **options).double()
    a.load_state_dict({k: v.numpy().copy() for k, v in b.state_dict().items()})
    B = first if batch_first else second
    state = [draw.array(layers * (1 + both), B, hidden) for _ in range(2)]
    x, part = draw.array(first, second, width), draw.whole(0, 3)

    def outputs(y, last):
        return (y, *last)[part]

    return same(
        draw,
        lambda x, h, c: outputs(*a(x, (h, c))),
        lambda x, h, c: outputs(*b(x, (h, c))),
        x, *state,
    )  # fmt: skip


SWEEPS = [convolution, transposed_convolution, pooling, attention, cross_entropy,
          normalisation, index, einsum, lstm]  # fmt: skip


@pytest.mark.parametrize("sweep", SWEEPS)
def test_sweep(sweep):
    agree = 0
    for number in range(CASES // 2 if sweep is lstm else CASES):
        try:
            agree += sweep(Draw([SWEEPS.index(sweep), number]))
        except AssertionError as error:
            error.add_note(f"case {number} of {sweep.__name__}")
            raise
    assert agree >= CASES // 3  # the others were refused by both
