"""Small frozen models whose best correction is known, and plain descent on them.

frozen(W, C)                          x → x Wᵀ → · Cᵀ: the modules "body" and "head"
set_random(params, rng, size)         p ~ N(0, size²)
descend(params, loss, steps, lr)      θ ← θ − lr ∇loss, the losses on the way
z_mean(x, μ), z_variance(x, σ²)       draws against theory, in standard errors
rounded(x, "bfloat16")                as a dtype that NumPy has or has not
"""

import numpy as np

from tinyft import nn, optim, tensor


def frozen(*matrices):
    """Linear layers "body", then "head", without biases, of these (out, in) arrays."""
    model = nn.Sequential(
        {
            name: nn.Linear(*W.shape[::-1], bias=False, dtype=str(W.dtype))
            for name, W in zip(("body", "head"), matrices)
        }
    )
    for p, W in zip(model.parameters(), matrices):
        p.data = tensor(W).data
    return model


def set_random(params, rng, size=1.0):
    """Draw every parameter again from N(0, size²), on the host; returns them as a list."""
    params = list(params)
    for p in params:
        p.data = tensor((size * rng.normal(size=p.shape)).astype(str(p.dtype))).data
    return params


def descend(params, loss, steps, lr, **options):
    """SGD on `params` for so many steps; returns the losses before each, an array.

    loss() gives a Tensor; of several independent runs side by side, a vector. options
    are SGD's: momentum, weight_decay. The last step's gradients stay in `.grad`.
    """
    params = list(params)
    step, path = optim.SGD(params, lr=lr, **options), []
    for _ in range(steps):
        step.zero_grad()
        value = loss()
        value.sum().backward()
        path.append(value.numpy())
        step.step()
    return np.array(path)


def z_mean(x, want):
    """(mean of x over axis 0 − want) / its standard error."""
    return (x.mean(0) - want) / (x.std(0, ddof=1) / len(x) ** 0.5)


def z_variance(x, want, groups=40):
    """The same for the variance, its error from `groups` groups of draws."""
    return z_mean(x.reshape(groups, -1, *x.shape[1:]).var(1, ddof=1), want)


def rounded(x, dtype):
    """x to a dtype; bfloat16 is kept as float32 with a lower half of 0."""
    if dtype != "bfloat16":
        return x.astype(dtype)
    bits = x.astype("f4").view("u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view("f4")
