"""mygrad: the same functions on its tensors; AdamW by hand on its gradients."""

import functional
import mygrad
import numpy as np
import workloads as w
from mygrad.nnet.layers import conv_nd
from serve import serve


class Namespace:
    """mygrad under NumPy's names, as functional.py calls them."""

    def __getattr__(self, name):
        return getattr(mygrad, name, None) or getattr(np, name)


def conv(x, weight, stride):
    """mygrad wants windows that fit exactly: pad at the top and left alone."""
    if stride == 1:
        return conv_nd(x, weight, stride=1, padding=weight.shape[2] // 2)
    if weight.shape[2] == 1:
        return conv_nd(x[:, :, ::stride, ::stride], weight, stride=1)
    N, C, H, W = x.shape
    x = mygrad.concatenate([np.zeros((N, C, 1, W), "f4"), x], axis=2)
    x = mygrad.concatenate([np.zeros((N, C, H + 1, 1), "f4"), x], axis=3)
    return conv_nd(x, weight, stride=stride)


def value_and_grad(loss):
    def run(trained):
        tensors = {k: mygrad.tensor(v) for k, v in trained.items()}
        value = loss(tensors)
        value.backward()
        return value.item(), {k: t.grad for k, t in tensors.items()}

    return run


def build(name):
    xp = Namespace()
    xp.array = np.array
    xp.zeros_like, xp.ones, xp.arange, xp.tril = (
        np.zeros_like,
        np.ones,
        np.arange,
        np.tril,
    )
    return functional.build(name, xp, value_and_grad, conv=conv)


if __name__ == "__main__":
    assert w.NAMES
    serve(build)
