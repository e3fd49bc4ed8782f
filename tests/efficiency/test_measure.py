"""The instruments against NumPy itself: its products, and what tracemalloc sees."""

import gc
import tracemalloc

import numpy as np
import pytest

import tinyft
from tinyft import models, nn, ops, peft
from tinyft.autograd.anomaly import detect_anomaly
from tinyft.efficiency import cost, counted, kept_bytes


class Seen(np.ndarray):
    """An array that adds up the FLOPs of every product of matrices it meets."""

    flops = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [np.asarray(a) if isinstance(a, Seen) else a for a in inputs]
        if ufunc is np.matmul:
            Seen.flops += _flops(*plain)
        if out is not None:
            bare = tuple(np.asarray(o) if isinstance(o, Seen) else o for o in out)
            getattr(ufunc, method)(*plain, out=bare, **options)
            return out[0]
        y = getattr(ufunc, method)(*plain, **options)
        return y.view(Seen) if isinstance(y, np.ndarray) else y


def _flops(a, b):
    """Of a product of matrices; those with one row or column are sums in disguise."""
    if a.ndim < 2 or b.ndim < 2 or a.shape[-2] == 1 or b.shape[-1] == 1:
        return 0
    many = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return 2 * int(np.prod(many)) * a.shape[-2] * a.shape[-1] * b.shape[-1]


def watch(model):
    """Every parameter as a Seen array; so is what is made from them."""
    for module in model.modules():
        for holder in (module, *module._deltas):
            for _, p in holder._named("_parameters", ""):
                p._data = p._data.view(Seen)


METHODS = [
    (lambda: peft.LoRA(r=3), r"attn\.(q|v)"),
    (lambda: peft.DoRA(r=3), r"attn\.(q|v)"),
    (lambda: peft.VeRA(r=7), r"attn\.q"),
    (lambda: peft.BitFit(), None),
    (lambda: peft.Prefix(2), None),
    (lambda: peft.Prompt(2), None),
]


@pytest.mark.parametrize("make, target", METHODS)
def test_the_counter_sees_what_numpy_multiplies(make, target):
    """With frozen weights every product has one of them, or q, k, v, on a side."""
    sizes = {"vocab": 64, "dim": 32, "heads": 4, "length": 48, "tied": False}
    model = models.gpt2_tiny(np.random.default_rng(0), **sizes)
    peft.attach(model, make(), target, rng=1)
    watch(model)
    ids = np.random.default_rng(1).integers(0, 64, (3, 40))
    with counted() as found:
        Seen.flops = 0
        y = model(tinyft.tensor(ids))
        assert found.forward == Seen.flops > 0
        loss = ops.cross_entropy(y.reshape(-1, 64), tinyft.tensor(ids.reshape(-1)))
        Seen.flops = 0
        loss.backward()
    assert found.backward == Seen.flops > 0


def test_a_causal_mask_counts_in_full():
    """From 64 tokens on the blocks skip 3/8 of the scores; the count does not."""
    q = tinyft.tensor(np.ones((1, 2, 64, 8)))
    with counted() as found:
        ops.attention(q, q, q, causal=True)
    assert found.forward == 2 * 2 * 2 * 64 * 64 * 8


def test_convolutions_count_as_the_table_of_layers():
    model = models.resnet20(np.random.default_rng(0))
    with counted() as found:
        model(tinyft.tensor(np.ones((2, 3, 32, 32), "float32")))
    assert found.forward == 2 * sum(
        layer.flops for layer in models.resnet_layers(model.config, 32)
    )


def test_kept_bytes_are_what_tracemalloc_sees():
    """tracemalloc also sees the Python objects of the tape, about 1 KB a node: 5 %."""
    model = models.gpt2_tiny(np.random.default_rng(0))
    ids = np.random.default_rng(1).integers(0, 256, (8, 64))
    x, targets = tinyft.tensor(ids), tinyft.tensor(ids.reshape(-1))

    def step():
        y = model(x)
        return ops.cross_entropy(y.reshape(-1, y.shape[-1]), targets)

    step()
    gc.collect()
    tracemalloc.start()
    try:
        loss = step()
        gc.collect()
        seen = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept_bytes(loss, model) == pytest.approx(seen, rel=0.05)
    loss.backward()
    assert kept_bytes(loss, model) == 0


@pytest.mark.parametrize("recomputed", [False, True])
@pytest.mark.parametrize("adapted", [False, True])
def test_the_peak_of_a_step_is_what_is_kept_and_little_more(recomputed, adapted):
    """Above the activations of `cost` lie the gradients in flight: the mlp's, coming in
    and going out, and a temporary one, each of 16 · 64 tokens and 256 features."""
    model = models.gpt2_tiny(np.random.default_rng(0), layers=6)
    if adapted:
        peft.attach(model, peft.LoRA(r=4), r"attn\.(q|v)", rng=1)
    for block in model.blocks if recomputed else ():
        nn.recompute(block)
    ids = np.random.default_rng(1).integers(0, 256, (16, 64))
    x, targets = tinyft.tensor(ids), tinyft.tensor(ids.reshape(-1))

    def step():
        loss = ops.cross_entropy(model(x).reshape(-1, 256), targets)
        loss.backward()
        for p in model.parameters():
            p.grad = None

    step()
    gc.collect()
    tracemalloc.start()
    try:
        step()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    found = cost(model, 16, 64)
    assert 0 < peak - found.activations < 3 * 16 * 64 * 256 * 4


def test_kept_bytes_of_a_product_by_hand():
    """y = x Wᵀ with both wanted keeps x and W; W belongs to the model."""
    layer = nn.Linear(3, 5, bias=False, rng=0, dtype="float64")
    x = tinyft.tensor(np.ones((7, 3)), requires_grad=True)
    assert kept_bytes(layer(x).sum(), layer) == 7 * 3 * 8
    layer.weight.requires_grad_(False)
    assert kept_bytes(layer(x).sum(), layer) == 0


def test_one_watcher_at_a_time():
    with detect_anomaly(), pytest.raises(RuntimeError, match="another watcher"):
        with counted():
            pass
    with counted() as found:
        pass
    assert found.flops == 0
