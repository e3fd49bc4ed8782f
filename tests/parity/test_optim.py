"""Ten steps of every optimiser, clipping and one-cycle rates equal PyTorch's.

float64 to 1e-12, float32 to 1e-6, both relative to parameters of order 1: the two
libraries round at different places of the same formula.
"""

import math

import numpy as np
import pytest

from tinyft import Tensor, optim, tensor

torch = pytest.importorskip("torch", reason="parity tests compare with PyTorch")

CASES = {
    "sgd": ("SGD", dict(lr=0.1)),
    "sgd decay": ("SGD", dict(lr=0.1, weight_decay=0.1)),
    "momentum": ("SGD", dict(lr=0.1, momentum=0.9)),
    "dampening": ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.1)),
    "nesterov": ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)),
    "adam": ("Adam", dict(lr=0.05)),
    "adam l2": ("Adam", dict(lr=0.05, betas=(0.8, 0.95), weight_decay=0.1)),
    "adam eps": ("Adam", dict(lr=0.05, eps=0.1)),
    "amsgrad": ("Adam", dict(lr=0.05, amsgrad=True)),
    "adamw": ("AdamW", dict(lr=0.05)),
    "adamw decay": ("AdamW", dict(lr=0.05, weight_decay=0.3, amsgrad=True)),
}
SHAPES = [(17, 9), (9,), (70_001,), ()]


@pytest.mark.parametrize("dtype, bound", [("f8", 1e-12), ("f4", 1e-6)])
@pytest.mark.parametrize("name, options", CASES.values(), ids=CASES)
def test_ten_steps(name, options, dtype, bound):
    rng = np.random.default_rng(0)
    start = [np.asarray(rng.standard_normal(s), dtype) for s in SHAPES]
    ours = [tensor(a, requires_grad=True) for a in start]
    theirs = [torch.nn.Parameter(torch.tensor(a)) for a in start]
    mine = getattr(optim, name)(ours, **options)
    reference = getattr(torch.optim, name)(theirs, **options)
    for _ in range(10):
        for p, q in zip(ours, theirs):
            g = np.asarray(rng.standard_normal(p.shape), dtype)
            p.grad, q.grad = Tensor(g), torch.tensor(g)
        mine.step()
        reference.step()
    for p, q in zip(ours, theirs):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=bound, atol=bound)


@pytest.mark.parametrize("norm", [2.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1e9])
def test_clip_grad_norm(norm, max_norm):
    rng = np.random.default_rng(1)
    grads = [rng.standard_normal(s) for s in ((3, 4), (5,))]
    ours = [tensor(np.zeros_like(g), requires_grad=True) for g in grads]
    theirs = [torch.nn.Parameter(torch.tensor(0 * g)) for g in grads]
    for p, q, g in zip(ours, theirs, grads):
        p.grad, q.grad = Tensor(g), torch.tensor(g)
    got = optim.clip_grad_norm(ours, max_norm, norm)
    want = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm)
    assert float(got) == pytest.approx(float(want), rel=1e-14)
    for p, q in zip(ours, theirs):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-14)


def test_one_cycle():
    # PyTorch's form: the first rate is max_lr / 25, the last max_lr / 25 / 1e4
    p = torch.nn.Parameter(torch.zeros(1))
    reference = torch.optim.SGD([p], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(reference, 2.0, total_steps=50)
    for t in range(50):
        got = 2.0 * optim.schedule.one_cycle(t, 50)
        assert got == pytest.approx(reference.param_groups[0]["lr"], rel=1e-12)
        reference.step()
        if t < 49:
            theirs.step()
