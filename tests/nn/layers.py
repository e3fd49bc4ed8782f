"""What the tests of the layers share: a layer as a function of its parameters."""

import contextlib

import numpy as np

from tinyft import gradcheck, tensor


def functional(module):
    """(fn, values): fn(*inputs, *values) runs `module` with these parameter values."""
    owners = [
        (part, name, p)
        for part in module.modules()
        for name, p in part._parameters.items()
        if p is not None
    ]
    values = [tensor(p.numpy(), requires_grad=True) for _, _, p in owners]

    def fn(*args):
        inputs, given = args[: -len(values) or None], args[len(args) - len(values) :]
        with contextlib.ExitStack() as stack:
            for (part, name, p), value in zip(owners, given):
                part._parameters[name] = value
                stack.callback(part._parameters.__setitem__, name, p)
            return module(*inputs)

    return fn, values


def check_gradients(module, *inputs, pick=lambda y: y, seed=0):
    """gradcheck the module in its inputs and in every parameter, in float64.

    Parameters are moved off their special values (a weight of 1, a bias of 0) first.
    """
    rng = np.random.default_rng(seed)
    for p in module.double().parameters():
        p.data = p.data + 0.3 * rng.standard_normal(p.shape)
    fn, values = functional(module)
    xs = [tensor(x, requires_grad=x.dtype.kind == "f") for x in map(np.asarray, inputs)]
    return gradcheck(lambda *args: pick(fn(*args)), *xs, *values)
