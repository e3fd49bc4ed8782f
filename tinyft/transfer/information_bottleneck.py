"""An information-bottleneck penalty: features may move where they tell about the label.

    Ω(θ) = λ · mean_x Σ_k (1 − s_k) KL( q_θ(z_k|x) ‖ q_θ0(z_k|x) )                    (1)

s_k is the relevance of feature k (information.py), θ0 the start. With q = N(z_k(x), τ_k²)
and fixed τ the KL is (z_k − z0_k)² / 2τ_k²: a pull on features, where L2-SP pulls on
weights. A sum over k and a mean over x: λ keeps its meaning for another batch size. For
a fixed reference r, Alemi et al. 2017 ("Deep Variational Information Bottleneck"):

    E_x KL( q(z|x) ‖ r ) = I(X;Z) + KL( q(z) ‖ r )  ≥  I(X;Z)                         (2)
"""

import copy

from tinyft import backend, ops
from tinyft.autograd import no_grad


def gaussian_kl(mean, sd, mean0, sd0):
    """KL( N(mean, sd²) ‖ N(mean0, sd0²) ) by element, a Tensor, in nats.

    ½ [ ln(sd0²/sd²) + (sd² + (mean − mean0)²)/sd0² − 1 ]
    """
    ratio, away = sd / sd0, (mean - mean0) / sd0
    return 0.5 * (ratio * ratio + away * away - 1) - ops.log(ratio)


class WeightedKL:
    """Ω of (1) for an encoder as it is now: make it before the first step.

    encoder   a Module, x → features (n, d); it is copied
    strength  λ ≥ 0
    scores    s, (d,) in [0, 1], an array: a feature with s_k = 1 is free
    sd        τ, a number > 0 or (d,)

    Raises ValueError for a strength below 0, a score outside [0, 1] or sd not above 0.
    """

    def __init__(self, encoder, strength, scores, sd=1.0):
        self.weights = penalty_weights("WeightedKL", strength, scores, sd)
        self.start = copy.deepcopy(encoder).requires_grad_(False)

    def penalty(self, z, x):
        """Ω, a scalar Tensor: z the features of x under the model as it is now."""
        return (self._squares(z, x) * self.weights.astype(z.data.dtype)).sum()

    def moved(self, z, x):
        """mean_x (z_k − z0_k)² by feature, an array (d,)."""
        with no_grad():
            return self._squares(z, x).data

    def _squares(self, z, x):
        with no_grad(), self.start.evaluating():
            z0 = self.start(x)
        away = z - z0
        return (away * away).mean(axis=0)


def penalty_weights(caller, strength, scores, sd):
    """λ(1 − s_k)/2τ_k², (d,); refuses scores that are not shares."""
    if not strength >= 0:
        raise ValueError(f"{caller}: strength={strength} should be >= 0")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError(
            f"{caller}: scores must lie in [0, 1], got {float(scores.min()):g} to "
            f"{float(scores.max()):g}; they are I/H(Y) cut to [0, 1], as relevance gives "
            "them (above 1, the weight 1 − s would reward moving away)"
        )
    tau = sd + 0 * scores
    if not (tau > 0).all():
        raise ValueError(f"{caller}: sd={sd} should be > 0")
    return strength * (1 - scores) / (2 * tau**2)


def closed_form(X, y, W0, readout, strength, scores, sd=1.0):
    """The encoder W (d, in) that minimises  |X Wᵀa − y|²/2n + Ω,  z = W x.

    c_k = τ_k² a_k / (λ(1 − s_k)),  S = Σ a_k c_k:  w_k = w0_k + c_k/(1 + S) (b − b0)  (3)

    b is least squares and b0 = W0ᵀa: the predictor moves by S/(1 + S) of the way.
    X (n, in) of full column rank, y (n,), readout a (d,). Raises ValueError where a
    weight λ(1 − s_k) is 0 (S would be infinite), or n < in.
    """
    weights = 2 * penalty_weights("closed_form", strength, scores, sd)
    if weights.min() == 0 or len(X) < X.shape[1]:
        raise ValueError(
            "closed_form: every λ(1 − s_k) must be above 0 and n >= in, got the least "
            f"weight {float(weights.min()):g} and X of shape {X.shape}; a free feature "
            "takes the whole change, so the fit is least squares"
        )
    linalg = backend.linalg_of("closed_form", X)
    b, c = linalg.solve(X.T @ X, X.T @ y), readout / weights
    return W0 + c[:, None] * (b - W0.T @ readout) / (1 + readout @ c)
