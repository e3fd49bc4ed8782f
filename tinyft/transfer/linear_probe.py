r"""A linear probe: the frozen model gives features, and only a linear map is trained.

    z = body(x) for every image, once;   logits = W z + b

    squared    ½ · mean |W z + b − onehot(y)|²  + λ |W|²                             (1)
               W = Yᶜ Zᶜᵀ (Zᶜ Zᶜᵀ + 2nλ I)⁻¹  with centred Zᶜ (d, n), Yᶜ;  b = ȳ − W z̄
    logistic   mean cross-entropy(W z + b, y)  + λ |W|²;   at the minimum            (2)
               2λ W = mean (onehot(y) − p) zᵀ   and   mean p = mean onehot(y)

The bias is not penalised, which for (1) is the same as centring. With λ = 0, (1) gives
the smallest of all W that fit best; (2) has no minimum when a line separates the classes,
so it asks for λ > 0. Both are solved in float64, in the span of the features: n rows
need at most n of the d directions.

Sources: Alain and Bengio 2016, "Understanding intermediate layers using linear classifier
probes"; Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features" (LP-FT).
"""

from tinyft import backend, nn
from tinyft.nn.select import near_misses
from tinyft.transfer.checked import checked_pair, checked_penalty, checked_rows
from tinyft.transfer.drift import features as watched
from tinyft.transfer.freeze import freeze
from tinyft.transfer.norms.batchnorm import batchnorm

LOSSES = ("squared", "logistic")
STEPS = 100  # of Newton; a handful is enough when λ is not tiny


def features(model, x, layer, batch_size=256):
    """The output (n, ...) of submodule `layer` for inputs x (n, ...), an array.

    The model is in evaluation mode for the duration, each module's mode is restored,
    and no gradient is kept. Raises ValueError for a layer that the model does not have
    or does not call, and for no inputs.
    """
    paths = [path for path, _ in model.named_modules() if path]
    if layer not in paths:
        raise ValueError(
            f"features: {type(model).__name__} has no layer {layer!r}; nearest names: "
            f"{', '.join(near_misses(layer, paths))}"
        )
    if not len(x):
        raise ValueError(f"features: no inputs came, x has shape {x.shape}")
    starts = range(0, len(x), batch_size)
    parts = [watched(model, x[i : i + batch_size], [layer])[layer] for i in starts]
    if parts[0] is None:
        raise ValueError(f"features: the model did not call its layer {layer!r}")
    return backend.xp_of(parts[0]).concatenate(parts)


class LinearProbe:
    """logits = features Wᵀ + b. weight W (classes, d) and bias b (classes,), float64."""

    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias

    def __call__(self, features):
        """The logits (n, classes) of features (n, d)."""
        Z = checked_rows("LinearProbe", features, self.weight.shape[1])
        return Z @ self.weight.T + self.bias

    def predict(self, features):
        """The class of each row of features (n, d): integers (n,)."""
        return self(features).argmax(axis=1)

    def accuracy(self, features, labels):
        """The share of rows whose class is predicted, a float."""
        Z, y = checked_pair("LinearProbe.accuracy", features, labels)
        return float((self.predict(Z) == y).mean())

    def linear(self, dtype=None):
        """The same map as an nn.Linear, to put on the model."""
        outputs, inputs = self.weight.shape
        with nn.init.skipped():
            layer = nn.Linear(inputs, outputs, dtype=dtype)
        for p, value in ((layer.weight, self.weight), (layer.bias, self.bias)):
            host = backend.asnumpy(value).astype(p.dtype)
            p.data = backend.xp_of(p.data).asarray(host)
        return layer


def linear_probe(features, labels, penalty, loss="squared"):
    """The LinearProbe that minimises (1) or (2), exactly.

    features (n, d); labels (n,) integers 0 ... classes − 1, each class at least once;
    penalty λ >= 0 (> 0 for "logistic"); loss "squared" or "logistic". Raises ValueError
    for other shapes or labels, features that are not finite, or a single class.
    """
    if loss not in LOSSES:
        raise ValueError(f"linear_probe: loss={loss!r} should be one of {LOSSES}")
    Z, y = checked_pair("linear_probe", features, labels, several=True)
    penalty = checked_penalty(penalty, loss == "logistic")
    xp = backend.xp_of(Z)
    center = Z.mean(axis=0)
    onehot = (y[:, None] == xp.arange(int(y.max()) + 1)).astype("float64")
    linalg = backend.linalg_of("linear_probe", Z)
    U, S, Vt = linalg.svd(Z - center, full_matrices=False)
    kept = S > S[0] * max(Z.shape) * 2.0**-52  # the others are rounding
    solve = _squared if loss == "squared" else _logistic
    low, bias = solve(U[:, kept] * S[kept], onehot, penalty)  # (classes, rank)
    weight = low @ Vt[kept]
    return LinearProbe(weight, bias - weight @ center)


def _squared(A, onehot, penalty):
    """(1) for centred A (n, r) whose columns are orthogonal."""
    mean = onehot.mean(axis=0)
    return (onehot - mean).T @ A / ((A * A).sum(axis=0) + 2 * len(A) * penalty), mean


def spread(features):
    """Mean squared distance of the rows of features (n, d) from their mean: the scale
    that a penalty is measured against (λ = 0.01 spread means the same for every layer)."""
    Z = checked_rows("spread", features)
    return float(((Z - Z.mean(axis=0)) ** 2).sum(axis=1).mean())


def head_only(model, name, head, rng=None):
    """Freeze the model and put a new head, the only part that trains, in place of `name`.

    name    the path of an nn.Linear, "fc"
    head    a number of classes for a random head, drawn from rng; or a LinearProbe: the
            start of LP-FT, after which `model.requires_grad_(True)` trains everything

    BatchNorm layers keep their stored statistics from here on, in training too. Returns
    the new head. Raises ValueError if `name` is not a Linear or the sizes do not fit.
    """
    old = dict(model.named_modules()).get(name)
    if not isinstance(old, nn.Linear):
        linears = [p for p, m in model.named_modules() if isinstance(m, nn.Linear)]
        raise ValueError(
            f"head_only: {name!r} is not a Linear of {type(model).__name__}; it has "
            f"{', '.join(linears[:5]) or 'none'}"
        )
    inputs = old.weight.shape[1]
    new = _head(head, inputs, str(old.weight.dtype), rng).to(old.weight.device)
    freeze(model, ".*")
    if any(isinstance(m, nn.BatchNorm2d) for m in model.modules()):
        batchnorm(model, "freeze")
    model.set_submodule(name, new)
    return new


def _head(head, inputs, dtype, rng):
    if not isinstance(head, LinearProbe):
        return nn.Linear(inputs, head, rng=rng, dtype=dtype)
    if head.weight.shape[1] != inputs:
        raise ValueError(
            f"head_only: the probe reads {head.weight.shape[1]} features and the head it "
            f"replaces {inputs}; fit it on what enters that layer"
        )
    return head.linear(dtype)


# --- logistic: Newton's method ---------------------------------------------------------


def _logistic(A, onehot, penalty):
    """(2) for centred A (n, r): Newton's steps, halved until the objective falls."""
    xp = backend.xp_of(A)
    A = xp.concatenate([A, xp.ones((len(A), 1))], axis=1)  # the last column: the bias
    pull = xp.full(A.shape[1], 2 * penalty)
    pull[-1] = 0.0
    W = xp.zeros((onehot.shape[1], A.shape[1]))
    value, P = _objective(A, onehot, pull, W)
    for _ in range(STEPS):
        gradient = (P - onehot).T @ A / len(A) + W * pull
        step = _newton_step(A, P, pull, gradient)
        W, value, P, moved = _descend(A, onehot, pull, W, value, P, step)
        if not moved:
            return W[:, :-1], W[:, -1]
    raise ArithmeticError(
        f"linear_probe: no minimum after {STEPS} steps of Newton with penalty="
        f"{penalty:g}; the classes are separable and the penalty tiny: take a larger one"
    )


def _objective(A, onehot, pull, W):
    """(value of (2), probabilities (n, classes))."""
    xp = backend.xp_of(A)
    logits = A @ W.T
    logits = logits - logits.max(axis=1, keepdims=True)
    P = xp.exp(logits)
    total = P.sum(axis=1, keepdims=True)
    loss = (xp.log(total[:, 0]) - (onehot * logits).sum(axis=1)).mean()
    return float(loss + (pull * W * W).sum() / 2), P / total


def _newton_step(A, P, pull, gradient):
    """H⁻¹ gradient; H[k, l] = mean p_k (δ_kl − p_l) a aᵀ + δ_kl diag(pull).

    H is zero along one direction, the same constant on every bias, and so is the
    gradient: a constant term there makes the system regular and changes nothing.
    """
    xp, (K, r) = backend.xp_of(A), gradient.shape
    H = xp.zeros((K, r, K, r))
    for k in range(K):
        for m in range(K):
            weight = P[:, k] * ((k == m) - P[:, m]) / len(A)
            H[k, :, m, :] = (A * weight[:, None]).T @ A
        H[k, :, k, :] += xp.diag(pull)
    H[:, -1, :, -1] += 1.0 / K
    step = backend.linalg_of("linear_probe", A).solve(
        H.reshape(K * r, K * r), gradient.ravel()
    )
    return step.reshape(K, r)


def _descend(A, onehot, pull, W, value, P, step):
    """(W, value, P, did it fall?) after the largest step 1, ½, ¼, ... that descends."""
    for halvings in range(30):
        there = W - step / 2**halvings
        lower, Q = _objective(A, onehot, pull, there)
        if lower < value:
            return there, lower, Q, True
    return W, value, P, False
