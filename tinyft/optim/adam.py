"""Adam: steps measured in units of the gradient's own size.

    m <- b1 m + (1 - b1) g            v <- b2 v + (1 - b2) g^2
    p <- p - lr m^ / (sqrt(v^) + eps)     m^ = m / (1 - b1^t)    v^ = v / (1 - b2^t)

eps stands outside the root. The first step is -lr g / (|g| + eps), whatever g's size.
Source: Kingma and Ba 2015 (arXiv:1412.6980); AMSGrad: Reddi et al. 2018.
"""

import math

from tinyft import kernels
from tinyft.backend import xp_of
from tinyft.optim.optimizer import Optimizer


class Adam(Optimizer):
    """Adam; `weight_decay` is coupled, g <- g + w p, so the decay too is rescaled by v.

    amsgrad=True divides by the largest v so far.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.0,
        amsgrad=False,
    ):
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
        )

    def check_dtype(self, p):
        if p.dtype == "float16":
            raise TypeError(
                f"{self._name}: a parameter of shape {p.shape} is float16, where g² and "
                "eps leave the range (6e-8 to 65504) and the step is NaN; train in "
                "float32, model.float(), and convert the result, or use SGD"
            )

    def state_names_of(self, group):
        return ("m", "v", "v_max") if group["amsgrad"] else ("m", "v")

    def rule(self, p, g, state, t, group):
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        adam(p, g, state, t, group)

    fused_of, decoupled = rule, False  # what fused_rule computes

    def rule_on(self, slab):
        if type(self).rule is not type(self).fused_of:
            return self.rule
        kernel = kernels.adam_for(slab.state["m"])
        return self.rule if kernel is None else self.fused_rule(kernel)

    def fused_rule(self, kernel):
        """`rule` as one kernel (kernels/fused.cu, kernels/compiled/adam.py)."""

        def rule(p, g, state, t, group):
            (beta1, beta2), lr, w = group["betas"], group["lr"], group["weight_decay"]
            root = math.sqrt(1 - beta2**t)
            step, eps = lr * root / (1 - beta1**t), group["eps"] * root
            coupled, shrink = (0.0, 1 - lr * w) if self.decoupled else (w, 1.0)
            kernel(p, g, state, (beta1, beta2, step, eps, coupled, shrink))

        return rule


def adam(p, g, state, t, group):
    """p -= lr m^ / (sqrt(v^) + eps), in place; `a` is the one temporary array."""
    (m, v, *largest), xp = state, xp_of(p)
    (beta1, beta2), lr = group["betas"], group["lr"]
    a = g - m
    a *= 1 - beta1
    m += a  # m + (1 - b1)(g - m) = b1 m + (1 - b1) g
    if not beta1:
        m[...] = g  # the difference would keep the rounding of an old, larger m
    xp.multiply(g, g, out=a)
    if beta2:
        a -= v
        a *= 1 - beta2
        v += a
    else:
        v[...] = a  # likewise
    if largest:
        xp.maximum(largest[0], v, out=largest[0])
        v = largest[0]
    root = math.sqrt(1 - beta2**t)  # sqrt(v^) + eps = (sqrt(v) + eps root) / root
    xp.sqrt(v, out=a)
    a += group["eps"] * root
    xp.divide(m, a, out=a)
    a *= lr * root / (1 - beta1**t)
    p -= a
