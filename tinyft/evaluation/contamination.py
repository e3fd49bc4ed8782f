"""Has a model been trained on a test set? Two models, two sets of texts, four means.

    ℓ_i = mean loss of text i per predicted token, in nats: its log-perplexity        (1)
    D_i = ℓ_i of the suspect − ℓ_i of a clean model, for the same text                (2)
    DiD = mean D over the test set − mean D over the shadow set                       (3)
    s.e.² = s²_test/n_test + s²_shadow/n_shadow,  s² the variances of D, ddof = 1     (4)
    p = (1 + #{permuted DiD ≤ DiD})/(1 + draws)                                       (5)

The shadow set holds texts like the test's that neither model has seen. How much better the
suspect is at such texts anyway cancels in (3), and how hard a text is in (2).
Contamination makes DiD < 0. (5) permutes which texts are "test": under the null the two
sets must be exchangeable (drawn from one pool), nothing else is assumed. The mean of
each text is (1), never the total, which would compare lengths; and never exp ℓ, whose
differences do not cancel when one model is better by a factor.
Sources: Card, Krueger 1994 (DiD); Phipson, Smyth 2010, (5) with its + 1; Berger 1982, the
test of "both" (`joint`).
"""

import itertools
import math
from dataclasses import dataclass

from tinyft import backend, ops
from tinyft.autograd import Tensor
from tinyft.autograd.mode import no_grad
from tinyft.evaluation.decision import student


@dataclass(frozen=True)
class Contrast:
    """(3) with its error: value ± half; test, shadow: the means of D; freedom of t."""

    value: float
    error: float
    half: float
    freedom: int
    test: float
    shadow: float

    @property
    def sign(self):
        """−1: the interval lies below 0 (contamination), 1: above, 0: not settled."""
        return (self.value > self.half) - (self.value < -self.half)


def plant(rng, slots, repeats):
    """Where a leak is read: (slots,) integers, the text of each row, −1 for no leak.

    repeats (n,): how often text i is read, integers >= 0; the rows are drawn from all
    slots of a training (steps · batch) by rng. Raises ValueError for negative repeats, and
    for more of them than slots.
    """
    xp, r = backend.host(), backend.host().asarray(repeats)
    if r.ndim != 1 or r.dtype.kind not in "iu" or (r < 0).any():
        raise ValueError(
            f"plant: repeats should be integers >= 0, one per text, got {repeats!r:.60}"
        )
    if r.sum() > slots:
        raise ValueError(
            f"plant: {int(r.sum())} repeats do not fit into {slots} rows of training"
        )
    where = xp.full(slots, -1)
    where[rng.permutation(slots)[: r.sum()]] = xp.repeat(xp.arange(len(r)), r)
    return where


# --- losses per text -------------------------------------------------------------------


def token_losses(model, texts, rows=64):
    """The loss of every token but the first, given those before it: n host arrays.

    texts: n rows of token ids (T_i,), 2 tokens or more, or an array (n, T); entry i of
    the result is (T_i − 1,) float64, in nats. Raises ValueError for an empty text.
    """
    return over_texts(model, texts, _losses, rows)


def over_texts(model, texts, one, rows=64):
    """`one`(logits (b, T − 1, V), targets (b, T − 1)) of texts of one length together:
    n host arrays, the rows of what it returns, in the order of the texts."""
    xp, found = backend.host(), [None] * len(texts)
    texts = [_ids(i, text) for i, text in enumerate(texts)]
    if not texts:
        raise ValueError("token_losses: no text; give n rows of token ids")
    device = next(iter(model.parameters())).device
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for _, same in itertools.groupby(order, key=lambda i: len(texts[i])):
        same = list(same)
        for part in (same[i : i + rows] for i in range(0, len(same), rows)):
            ids = backend.to(xp.stack([texts[i] for i in part]), device)
            with no_grad(), model.evaluating():
                logits = model(Tensor._of(ids[:, :-1], None))
                values = backend.asnumpy(one(logits, ids[:, 1:]))
            for i, row in zip(part, values.astype("float64")):
                found[i] = row
    return found


def _losses(logits, targets):
    flat = logits.reshape(-1, logits.shape[-1])
    y = Tensor._of(targets.reshape(-1), None)
    return ops.cross_entropy(flat, y, reduction="none").data.reshape(targets.shape)


def log_perplexity(losses):
    """(1): the mean of each text's token losses, (n,) float64; longer texts count no more.

    losses: n arrays (T_i,), from `token_losses`. Raises ValueError for a text without one.
    """
    xp = backend.host()
    if not len(losses) or any(not len(row) for row in losses):
        raise ValueError(
            "log_perplexity: a text without a predicted token has no mean loss; leave "
            "empty texts and texts of one token out"
        )
    return xp.array([float(xp.asarray(row, "float64").mean()) for row in losses])


# --- the comparison --------------------------------------------------------------------


def difference_in_differences(test, shadow, level=0.95):
    """(3) and (4) as a Contrast; half is t · s.e. with Welch's degrees of freedom.

    test, shadow: pairs (suspect, clean) of log-perplexities (n,), each pair of the same
    texts in the same order. Raises ValueError without a shadow set, for a set of fewer
    than 2 texts, for sets that are the same texts, and for one model given twice.
    """
    a, b = _sets("difference_in_differences", test, shadow)
    parts = [float(d.var(ddof=1)) / len(d) for d in (a, b)]
    error = math.sqrt(sum(parts))
    if not error > 0:
        raise ValueError(
            "difference_in_differences: the two models differ by the same amount on every "
            "text; is the suspect compared with itself?"
        )
    bottom = sum(part**2 / (len(d) - 1) for part, d in zip(parts, (a, b)))
    freedom = max(1, int(error**4 / bottom))
    means = float(a.mean()), float(b.mean())
    half = student(level, freedom) * error
    return Contrast(means[0] - means[1], error, half, freedom, *means)


def permutation_p(test, shadow, rng=None, draws=999):
    """(5), one-sided: how often a random choice of "test" texts has a DiD as low.

    test, shadow: as in `difference_in_differences`. With at most draws + 1 choices all are
    listed, and p is exact without rng: #{≤}/all, the observed one among them.
    """
    a, b = _sets("permutation_p", test, shadow)
    xp = backend.host()
    every, n = xp.concatenate([a, b]), len(a)
    bound = float(a.sum()) + 1e-9 * float(
        abs(every).sum()
    )  # the sum over "test" decides
    ways = math.comb(len(every), n)
    if ways <= draws + 1:
        chosen = itertools.combinations(every.tolist(), n)
        return sum(math.fsum(one) <= bound for one in chosen) / ways
    if rng is None:
        raise ValueError(
            f"permutation_p: {ways:.3g} choices of {n} texts are too many to list; give rng"
        )
    low = sum(float(rng.permutation(every)[:n].sum()) <= bound for _ in range(draws))
    return (1 + low) / (1 + draws)


def joint(p_values, rule="all"):
    """One p-value of several tests, from theirs.

    rule "all": contaminated if every test says so: the largest p, no correction; its size
    lies between 0 and α (α^k for k independent tests, α if only one null is true).
    rule "any": if one of them does: k times the least (Bonferroni); uncorrected, k
    independent tests would have size 1 − (1 − α)^k.
    """
    p = [float(x) for x in p_values]
    if not p or not all(0 <= x <= 1 for x in p):
        raise ValueError(
            f"joint: p_values should be numbers in 0..1, got {p_values!r:.60}"
        )
    if rule not in ("all", "any"):
        raise ValueError(f'joint: rule={rule!r} should be "all" or "any"')
    return max(p) if rule == "all" else min(1.0, len(p) * min(p))


# --- what may come in ------------------------------------------------------------------


def _ids(i, text):
    ids = text.data if isinstance(text, Tensor) else text
    ids = backend.host().asarray(backend.asnumpy(ids) if backend.is_array(ids) else ids)
    if ids.ndim != 1 or len(ids) < 2 or ids.dtype.kind not in "iu":
        raise ValueError(
            f"token_losses: text {i} should be 2 or more token ids (T,), got shape "
            f"{ids.shape}; the first token has no loss, so an empty text and a text of one "
            "token say nothing"
        )
    return ids


def _sets(what, test, shadow):
    if shadow is None or not len(shadow):
        raise ValueError(
            f"{what}: no shadow set; without texts that nobody has read, a suspect that is "
            "better at everything looks contaminated"
        )
    a, b = (_pair(what, *named) for named in (("test", test), ("shadow", shadow)))
    if a.shape == b.shape and (a == b).all():
        raise ValueError(
            f"{what}: test and shadow have the same losses; they should be different "
            "texts of one kind, or the difference is 0 by construction"
        )
    return a, b


def _pair(what, name, pair):
    xp = backend.host()
    shapes = [getattr(x, "shape", None) or (len(x),) for x in pair]
    if len(pair) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 1:
        raise ValueError(
            f"{what}: {name} should be (suspect, clean), the log-perplexities (n,) of the "
            f"same texts by both models, got {len(pair)} of shapes {shapes}"
        )
    d = xp.asarray(pair[0], "float64") - xp.asarray(pair[1], "float64")
    if len(d) < 2:
        raise ValueError(
            f"{what}: {name} has {len(d)} text; its spread needs 2 or more, and a useful "
            "interval some 30"
        )
    if not abs(d).max() < math.inf:
        raise ValueError(f"{what}: {name} has a loss that is NaN or infinite")
    return d
