"""L2-SP: weight decay that pulls to the starting point, not to zero.

    Ω(θ) = λ Σ_S F_i (θ_i − θ0_i)²  +  μ Σ_N θ_i²                                 (1)

S are the pretrained parameters, θ0 their values when the penalty was made. N is a new
head: its start is random, so it decays to zero. F = 1 unless `importance` is given.
There is no ½ here: the gradient is 2λF(θ − θ0). The constants of others:
    Li, Grandvalet, Davoine 2018, L2-SP          α/2 and β/2          λ = α/2, μ = β/2
    Kirkpatrick et al. 2017, EWC                 λ_EWC/2, F Fisher    λ = λ_EWC/2
    SGD(weight_decay=w), whose gradient is wθ    w/2, to zero         μ = w/2

Give the optimiser weight_decay=0 for S: its pull to zero would work against this one.
"""

import math

from tinyft import backend
from tinyft.autograd import Function, Tensor
from tinyft.transfer.fisher import check_importance
from tinyft.transfer.freeze import matching

# c/λ of the closed form: E = Xθ − y is (n, K), the penalty λ|θ − θ0|²
LOSSES = {
    "half_mean": lambda n, K: 2 * n,  # |E|² / 2n: the course's
    "mean": lambda n, K: n * K,  # |E|² / nK: PyTorch's MSELoss
    "half_sum": lambda n, K: 2,  # |E|² / 2
    "sum": lambda n, K: 1,  # |E|²
}


class SquaredDistance(Function):
    """Σ_k w_k |x_k − a_k|²,  gx_k = 2 w_k (x_k − a_k) gy: one node for all."""

    @staticmethod
    def forward(ctx, *arrays, weights):
        xs, ctx.anchors = arrays[: len(weights)], arrays[len(weights) :]
        ctx.save(*xs)
        ctx.weights, total = weights, 0.0
        for x, a, w in zip(xs, ctx.anchors, weights):
            d = x - a
            total = total + (w * d).ravel() @ d.ravel()
        return total

    @staticmethod
    def backward(ctx, gy):
        terms = zip(ctx.saved, ctx.anchors, ctx.weights, ctx.needs)
        gxs = [(x - a) * (2 * w * gy) if need else None for x, a, w, need in terms]
        return (*gxs, *[None] * len(gxs))  # the anchors are constants


class L2SP:
    """Ω(θ) of (1) for a model as it is now: make it before the first step.

    strength        λ ≥ 0, for all parameters but the new head's
    head            a pattern, as for `freeze`, that names the new head's parameters
    head_strength   μ ≥ 0
    importance      F: {name: array of the parameter's shape, ≥ 0}, each name of S

    Raises ValueError for a number below 0, a head that names nothing or everything, an
    importance with missing or unknown names, negative entries or other shapes.
    """

    def __init__(self, model, strength, head=None, head_strength=0.0, importance=None):
        _check(strength, head_strength, head)
        new = matching(model, head, "L2SP(head)").values() if head else ()
        ids, every = {id(p) for p in new}, dict(model.named_base_parameters())
        self.shared = {name: p for name, p in every.items() if id(p) not in ids}
        self.head = {name: p for name, p in every.items() if id(p) in ids}
        if not self.shared:
            raise ValueError(f"L2SP: head={head!r} names all; name the new layer only")
        _check_trains(model, self.shared)
        self.start = {name: p.data.copy() for name, p in self.shared.items()}
        self.parameters = [*self.shared.values(), *self.head.values()]
        self.anchors = [*self.start.values(), *(0 * p.data for p in self.head.values())]
        F = check_importance(importance, self.shared, every)
        self.weights = [float(strength) * F.get(name, 1.0) for name in self.shared]
        self.weights += [float(head_strength)] * len(self.head)

    def penalty(self):
        """Ω(θ), a scalar Tensor: add it to the loss of each step, once."""
        arrays = *self.parameters, *self.anchors
        return SquaredDistance.apply(*arrays, weights=self.weights)

    def add_gradient(self):
        """Add 2λF(θ − θ0) and 2μθ to `.grad`: penalty().backward() without the tape."""
        for p, a, w in zip(self.parameters, self.anchors, self.weights):
            if p.requires_grad:
                p.accumulate_grad(Tensor((p.data - a) * (2 * w)))

    def distance(self):
        """|θ_S − θ0_S| as a Python number: how far training has gone."""
        moved = [(p.data - self.start[name]).ravel() for name, p in self.shared.items()]
        return math.sqrt(sum(float(d @ d) for d in moved))


def closed_form(X, y, theta0, strength, loss="half_mean"):
    """θ of (XᵀX + cI) θ = Xᵀy + cθ0, the minimiser of loss(Xθ − y) + λ|θ − θ0|².

    X (n, d), y (n,) or (n, K), theta0 (d,) or (d, K), arrays; `loss` a key of LOSSES;
    strength λ, or one for each coordinate, (d,): α/2, and β/2 where theta0 = 0 (a new
    head); λ_EWC F/2. Raises ValueError for λ < 0, or λ = 0 with n < d: not unique.
    """
    if loss not in LOSSES:
        raise ValueError(f"closed_form: loss={loss!r} is none of {', '.join(LOSSES)}")
    xp, (n, d) = backend.xp_of(X), X.shape
    c = LOSSES[loss](n, math.prod(y.shape[1:])) * (strength + xp.zeros(d, X.dtype))
    if c.min() < 0 or (n < d and c.min() == 0):
        raise ValueError(
            f"closed_form: strength={strength} should be >= 0, and > 0 if n < d (here "
            f"{n}, {d}); its limit at 0 is theta0 + pinv(X) @ (y - X @ theta0)"
        )
    pull = c[:, None] * theta0 if theta0.ndim == 2 else c * theta0
    linalg = backend.linalg_of("closed_form", X)
    return linalg.solve(X.T @ X + xp.diag(c), X.T @ y + pull)


def _check_trains(model, shared):
    """Under an adapter the base is frozen: its distance to θ0 would stay 0."""
    adapted = any(True for _ in model.named_deltas())
    if adapted and not any(p.requires_grad for p in shared.values()):
        raise ValueError(
            "L2SP: an adapter is attached and the pretrained parameters are frozen, so "
            "this penalty would stay 0; the frozen base is held exactly. Leave L2SP out, "
            "or unfreeze what it should hold first"
        )


def _check(strength, head_strength, head):
    if not (0 <= strength < math.inf and 0 <= head_strength < math.inf):
        got = f"strength={strength}, head_strength={head_strength}"
        raise ValueError(f"L2SP: both should be finite and >= 0, got {got}")
    if head_strength and not head:
        raise ValueError('L2SP: head_strength acts on a head; name it: head="fc"')
