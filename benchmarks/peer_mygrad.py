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
    return conv_nd(x, weight, stride=stride, padding=weight.shape[2] // 2)


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
