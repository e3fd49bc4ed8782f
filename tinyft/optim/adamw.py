"""AdamW: Adam with the weight decay taken out of the gradient.

    p <- (1 - lr w) p - lr m^ / (sqrt(v^) + eps)

Adam with an L2 penalty divides the decay by sqrt(v) too, so weights with large
gradients hardly decay; here all decay at one rate. It is not ridge regression: on
l/2 (x - a)^2 the limit is the minimum itself if w |a| < 1, else the edge 1/w of a box.
Source: Loshchilov and Hutter 2019 (arXiv:1711.05101).
"""

from tinyft.optim.adam import Adam, adam


class AdamW(Adam):
    """Adam with decoupled weight decay, multiplied by lr as in PyTorch."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.01,
        amsgrad=False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)

    def rule(self, p, g, state, t, group):
        if group["weight_decay"]:
            p *= 1 - group["lr"] * group["weight_decay"]
        adam(p, g, state, t, group)

    fused_of, decoupled = rule, True
