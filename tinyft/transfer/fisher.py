"""The diagonal of the Fisher information: how much each parameter matters to a model.

    F_i = E_x E_{c ~ p(·|x)} [ (∂ log p(c|x) / ∂θ_i)² ]                            (1)

The class c is drawn from the model, not from the data: that is the true Fisher, the
curvature of KL(p_θ0 ‖ p_θ) at θ0. With the data's labels in its place one gets the
"empirical Fisher", another matrix (Kunstner, Hennig, Balles 2019). Either way the
square comes before the mean over examples, so each example needs its own backward pass
(GMvandeVen/continual-learning#11). Two common substitutes are here to be compared with:
the likeliest class for c ("argmax": never larger, min(p, 1−p)²x² for two classes), and
the square of a batch's mean gradient ("batch": at an optimum, with batches of B of N
examples, (N−B)/(B(N−1)) of the empirical one, so 0 for B = N). Sources: Kirkpatrick et
al. 2017 (EWC), where F is the `importance` of l2sp.py; van de Ven 2025 (the five).
"""

from tinyft import backend, ops
from tinyft.autograd import Tensor, grad, tensor

KINDS = ("true", "sampled", "empirical", "argmax", "batch")


def fisher_diagonal(model, batches, kind="true", rng=None):
    """{name: F_i, an array} of (1), for the parameters that require a gradient.

    batches   pairs of arrays (x, y); model(x) gives logits (B, C), in evaluation mode
    kind      "true": the exact sum over c, C backward passes per example; "sampled": one
              c drawn from p by `rng`, unbiased; "empirical": c = y, the data's label;
              "argmax": the likeliest c; "batch": the square of each batch's mean
              gradient of log p(y|x), then the mean over batches

    Raises ValueError for another kind, for "sampled" without rng, for no example, and
    for a model without a trainable parameter.
    """
    if kind not in KINDS or (kind == "sampled" and rng is None):
        raise ValueError(
            f"fisher_diagonal: kind={kind!r} should be one of {', '.join(KINDS)}, and "
            f"'sampled' needs a generator, rng=numpy.random.default_rng(0); rng={rng}"
        )
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    total = {name: 0 * p.data for name, p in named.items()}
    if not named:
        raise ValueError(
            "fisher_diagonal: the model has no parameter to measure, frozen?"
        )
    count, device = 0, next(model.parameters()).device
    cut = _whole if kind == "batch" else _one_by_one
    with model.evaluating():
        for x, y in cut(batches, device):
            logp = ops.log_softmax(model(x))  # (1, C), or (B, C) of a whole batch
            for start in _starts(logp.data, y, kind, rng):
                gs = grad(logp, named.values(), [start], True, allow_unused=True)
                for name, g in zip(named, gs):
                    if g is not None:
                        total[name] += g.data**2
            count += 1
    if not count:
        raise ValueError("fisher_diagonal: there is no example in `batches`")
    return {name: F / count for name, F in total.items()}


def _one_by_one(batches, device):
    for x, y in batches:
        for i in range(len(x)):
            yield tensor(x[i : i + 1], device=device), int(y[i])


def _whole(batches, device):
    for x, y in batches:
        if len(x):
            yield tensor(x, device=device), y


def _starts(logp, y, kind, rng):
    """Gradients to start from: √p_c at class c, whose square is the weight p_c."""
    xp = backend.xp_of(logp)
    p = xp.exp(logp)
    B, C = p.shape
    one_hot = xp.eye(C, dtype=p.dtype)
    if kind == "true":
        return [tensor(row[None]) for row in one_hot * xp.sqrt(p)]
    if kind == "batch":
        return [tensor(one_hot[backend.to(y, backend.device_of(p))] / B)]
    c = {"empirical": lambda: y, "argmax": lambda: int(p.argmax())}
    c = c.get(kind, lambda: _draw(p, rng))()
    return [tensor(one_hot[c : c + 1])]


def _draw(p, rng):
    cumulative = backend.asnumpy(p)[0].cumsum()
    return int((cumulative < rng.random() * cumulative[-1]).sum())


def check_importance(importance, shared, every):
    """{name: array} of F for every name of `shared`; {} for None, which means F = 1.

    Further names of `every`, all parameters, may be there: an old head's. Raises
    ValueError saying what is missing, unknown, negative or of another shape.
    """
    if importance is None:
        return {}
    missing, unknown = set(shared) - set(importance), set(importance) - set(every)
    if missing or unknown:
        raise ValueError(
            f"L2SP(importance): missing {sorted(missing)[:5]}, unknown "
            f"{sorted(unknown)[:5]}; expected one array for each shared parameter "
            "(fisher_diagonal gives none for a frozen one)"
        )
    F = {name: importance[name] for name in shared}
    F = {name: x.data if isinstance(x, Tensor) else x for name, x in F.items()}
    F = {name: backend.to(x, shared[name].device) for name, x in F.items()}
    for name, p in shared.items():
        if F[name].shape != p.shape or float(F[name].min()) < 0:
            raise ValueError(
                f"L2SP(importance): {name!r} should be >= 0 and of shape {p.shape}; "
                f"got shape {F[name].shape}, least entry {float(F[name].min()):g}"
            )
    return F
