"""Stochastic gradient descent with momentum, in PyTorch's form.

    g <- g + w p                      (weight decay w, coupled: an L2 penalty w/2 |p|^2)
    v <- mu v + (1 - dampening) g     (v = g at the first step)
    p <- p - lr v                     (Nesterov: p - lr (g + mu v))

Sources: Polyak 1964 (heavy ball); Sutskever et al. 2013. The learning rate multiplies
v, not g inside v: when lr changes, the velocity does not remember the old one.
"""

from tinyft.optim.optimizer import Optimizer


class SGD(Optimizer):
    """p <- p - lr v,  v <- mu v + g.  On h/2 x^2 it is stable iff lr h < 2 (1 + mu)."""

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0.0,
        dampening=0.0,
        nesterov=False,
        weight_decay=0.0,
    ):
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            nesterov=nesterov,
            weight_decay=weight_decay,
        )

    def check_numbers(self, group):
        super().check_numbers(group)
        if group["nesterov"] and not (group["momentum"] > 0 == group["dampening"]):
            raise ValueError(
                "SGD: nesterov=True needs momentum > 0 and dampening = 0, got "
                f"momentum={group['momentum']}, dampening={group['dampening']}"
            )

    def state_names_of(self, group):
        return ("velocity",) if group["momentum"] else ()

    def rule(self, p, g, state, t, group):
        lr, mu = group["lr"], group["momentum"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if mu:
            (v,) = state
            v *= mu
            v += g if t == 1 else (1 - group["dampening"]) * g
            g = g + mu * v if group["nesterov"] else v
        p -= lr * g
