"""Two fixed models on the same examples: the gap, its error, and McNemar's tests.

    b  examples that only the first model gets wrong,  c  only the second,  n = b + c
    gap  = (b − c)/N                the first's error rate minus the second's         (1)
    s.e. = √(b + c − (b − c)²/N) / N                                                  (2)

Between equally good models each of the n examples is a fair coin: B ~ Bin(n, ½).
Two-sided p-values, with k = min(b, c) and X ~ χ² with one degree of freedom:
    exact      min(1, 2 P(B ≤ k))                                                     (3)
    mid-p      2 P(B ≤ k) − P(B = k)                                                  (4)
    χ²         P(X ≥ (b − c)²/n)                                                      (5)
    corrected  P(X ≥ max(|b − c| − 1, 0)²/n)                                          (6)

Examples that both get right, or both wrong, say nothing about which model is better.
Sources: McNemar 1947; Edwards 1948, (6); Fagerland, Lydersen, Laake 2013, (4).
"""

import functools
import itertools
import math
from dataclasses import dataclass

from tinyft import backend
from tinyft.autograd import Tensor

# the p-value from 2^n P(B = k) and 2^n P(B ≤ k), integers and so exact, n and |b − c|
FORMULAS = {
    "exact": lambda term, below, n, apart: min(2 * below, 2**n) / 2**n,
    "mid-p": lambda term, below, n, apart: (2 * below - term) / 2**n,
    "chi2": lambda term, below, n, apart: math.erfc(apart / math.sqrt(2 * n)),
    "corrected": lambda term, below, n, apart: math.erfc(
        max(apart - 1, 0) / math.sqrt(2 * n)
    ),
}
KINDS = tuple(FORMULAS)


@dataclass(frozen=True)
class Pairs:
    """N examples, b that only the first model gets wrong, c that only the second does."""

    N: int
    b: int
    c: int

    @property
    def gap(self):
        """The first model's error rate minus the second's (1); > 0: the first is worse."""
        return (self.b - self.c) / self.N

    @property
    def standard_error(self):
        """The standard deviation of the gap over examples (2), as the bootstrap has it."""
        square = self.b + self.c - (self.b - self.c) ** 2 / self.N
        return math.sqrt(square) / self.N


def paired(first, second, targets=None):
    """The Pairs of two models' predictions for the same examples.

    first, second   predicted classes (N,), integers; targets (N,) the right ones.
                    Without targets: errors (N,), 1 or True where the model was wrong.

    Raises ValueError when the lengths differ, or for logits, probabilities, NaN, and
    without targets for anything but 0 and 1.
    """
    a, b = _predictions("first", first), _predictions("second", second)
    _same_length(first=a, second=b)
    if targets is None:
        _zeros_and_ones(first=a, second=b)
    else:
        y = _predictions("targets", targets)
        _same_length(first=a, targets=y)
        a, b = a != y, b != y
    only_first, only_second = (a > b).sum(), (b > a).sum()
    return Pairs(len(a), int(only_first), int(only_second))


def mcnemar(b, c, kind="exact"):
    """The two-sided p-value, a float, of b against c discordant examples.

    kind: "exact" (3), "mid-p" (4), "chi2" (5) or "corrected" (6). Raises ValueError
    when b + c = 0: two models that err on the same examples leave nothing to test.
    """
    _check_kind("mcnemar", kind)
    if not all(_is_count(x) for x in (b, c)):
        raise ValueError(
            f"mcnemar(b={b!r}, c={c!r}): both are counts of examples, integers >= 0; "
            "evaluation.paired(first, second, targets) counts them"
        )
    if b + c == 0:
        raise ValueError(
            "mcnemar(0, 0): no discordant pair; both models are wrong on the same "
            "examples, so there is nothing to test. The gap is 0: not settled"
        )
    *_, p = (p for _, p in zip(range(min(b, c) + 1), _p_values(b + c, kind)))
    return p


def rejection(n, kind="exact", alpha=0.05, share=0.5):
    """P(p ≤ alpha) given n discordant examples: the test's size, or its power.

    share: the chance that such an example is the first model's error. At ½ the models
    are equally good, and this is the size: how often the test raises a false alarm.
    """
    _check_kind("rejection", kind)
    _check_shares("rejection", alpha=alpha, share=share)
    k = _critical(n, kind, alpha)
    tails = {i for low in range(k + 1) for i in (low, n - low)}
    return min(1.0, math.fsum(binomial(n, i, share) for i in tails))


def rejection_overall(N, discordance, kind="exact", alpha=0.05, share=0.5):
    """P(p ≤ alpha) of a test set of N examples: `rejection` averaged over Bin(N, ψ).

    discordance: ψ, the chance that exactly one of the models gets an example wrong, so
    the true gap is ψ(2·share − 1). Without discordant examples nothing is rejected.
    """
    _check_shares("rejection_overall", discordance=discordance)
    return math.fsum(
        weight * rejection(n, kind, alpha, share)
        for n in range(N + 1)
        if (weight := binomial(N, n, discordance)) > 1e-15
    )


def paired_bootstrap(first, second, rng, draws=2000, level=0.95):
    """(low, high): the percentile interval of the mean of first − second.

    first, second: losses of the same N examples, errors 0/1 or any other, (N,). Each of
    `draws` samples takes N examples with replacement, and both losses of each. rng: a
    generator of the host. The interval covers the choice of examples, not of seeds.
    """
    a, b = _numbers("first", first), _numbers("second", second)
    _same_length(first=a, second=b)
    _check_shares("paired_bootstrap", level=level)
    if not draws >= 100:
        raise ValueError(f"paired_bootstrap: draws={draws} should be 100 or more")
    d, N = a - b, len(a)
    means = sorted(float(d[rng.integers(0, N, N)].mean()) for _ in range(draws))
    cut = int((1 - level) / 2 * draws)
    return means[cut], means[draws - 1 - cut]


def binomial(n, k, share):
    """P(B = k), B ~ Bin(n, share), to 12 digits for n up to 10^4."""
    if share in (0, 1):
        return float(k == n * share)
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(share) + (n - k) * math.log1p(-share))


@functools.lru_cache(maxsize=4096)
def _critical(n, kind, alpha):
    """The most that the rarer side may have in a rejection; −1: nothing is rejected."""
    p = _p_values(n, kind) if n else ()
    return sum(1 for _ in itertools.takewhile(lambda value: value <= alpha, p)) - 1


def _p_values(n, kind):
    """The p-value of k = 0, 1, ..., n // 2 examples on the rarer side; they rise."""
    term = below = 1
    for k in range(n // 2 + 1):
        yield FORMULAS[kind](term, below, n, n - 2 * k)
        term = term * (n - k) // (k + 1)
        below += term


# --- what may come in ------------------------------------------------------------------


def _host(x):
    x = x.data if isinstance(x, Tensor) else x
    return backend.asnumpy(x if backend.is_array(x) else backend.create(x))


def _numbers(name, x):
    """A host array (N,) of finite numbers, N ≥ 1."""
    x = _host(x)
    if x.ndim != 1 or not len(x):
        raise ValueError(
            f"a paired comparison: {name} should have shape (N,), one entry per example, "
            f"got {x.shape}; of logits (N, classes) take the argmax over the last axis"
        )
    if x.dtype.kind == "f" and not abs(x).max() < math.inf:  # NaN too
        raise ValueError(
            f"a paired comparison: {name} has an entry that is NaN or infinite; leave an "
            "example out of both models, or count it as an error of the one that failed"
        )
    return x if x.dtype.kind == "f" else x.astype(backend.int64)


def _predictions(name, x):
    x = _numbers(name, x)
    if x.dtype.kind == "f" and (x != x.round()).any():
        raise ValueError(
            f"paired: {name} holds {float(x[x != x.round()][0]):g}, which is not a class; "
            "pass predicted classes (or errors 0/1), not scores or probabilities"
        )
    return x.astype(backend.int64)


def _same_length(**arrays):
    (a, x), (b, y) = arrays.items()
    if len(x) != len(y):
        raise ValueError(
            f"a paired comparison: {a} has {len(x)} examples and {b} has {len(y)}; a "
            "paired test needs both models on the same examples, in the same order"
        )


def _zeros_and_ones(**errors):
    for name, x in errors.items():
        if ((x != 0) & (x != 1)).any():
            raise ValueError(
                f"paired: without targets {name} should hold errors, 0 or 1, got "
                f"{int(x[(x != 0) & (x != 1)][0])}; pass predicted classes with targets"
            )


def _is_count(x):
    return isinstance(x, int) and not isinstance(x, bool) and x >= 0


def _check_kind(what, kind):
    if kind not in KINDS:
        raise ValueError(f"{what}: kind={kind!r} is none of {', '.join(KINDS)}")


def _check_shares(what, **shares):
    for name, x in shares.items():
        if not 0 <= x <= 1:
            raise ValueError(f"{what}: {name}={x} should lie between 0 and 1")
