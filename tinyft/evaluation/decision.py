"""Two ways to train: does the first lead to a larger error than the second?

A way to train is judged by several seeds, trained in pairs, on common test examples. With
d_si the loss of the first minus that of the second, seed s = 1..S and example i = 1..N,

    gap  = mean of d_si          half = t(S − 1) √(v_s/S + v_i/N)                     (1)
    v_s  = variance of the S means over examples, ddof = 1
    v_i  = max(0, variance of the N means over seeds − v_si/S)                        (2)
    v_si = Σ (d_si − d̄_s − d̄_i + d̄)²/((S − 1)(N − 1))

t is Student's. gap − half > 0: the first is worse. gap + half < 0: it is better. Else it
is not settled. What varies with seed and example at once, v_si, is in v_s/S already, so
(2) takes it off. McNemar's test looks at one seed: it judges two fixed models. An interval
over seeds, v_s alone, holds for these test examples only.
Source: the crossed random-effects model, Searle, Casella, McCulloch 1992, chapter 4.
"""

import math
import statistics
from dataclasses import dataclass

from tinyft import backend
from tinyft.autograd import Tensor

WORDS = {1: "negative transfer", -1: "positive transfer", 0: "not settled"}


@dataclass(frozen=True)
class Decision:
    """gap ± half, and in words; over_seeds and over_examples are the two terms of (1)."""

    gap: float
    half: float
    over_seeds: float
    over_examples: float

    @property
    def sign(self):
        """1: the first is worse, −1: it is better, 0: not settled."""
        return (self.gap > self.half) - (self.gap < -self.half)

    @property
    def verdict(self):
        """The first being transfer, the second training from scratch."""
        return WORDS[self.sign]


def decide(transfer, scratch, level=0.95):
    """The Decision between two ways to train, from losses (seeds, examples) of each.

    Row s of both comes from one seed (the same labels, the same order), column i is the
    same test example, chosen on by nobody; errors 0/1 or any other loss. Raises
    ValueError for other shapes, fewer than 2 seeds or examples, or NaN.
    """
    a, b = _losses("transfer", transfer), _losses("scratch", scratch)
    if a.shape != b.shape:
        raise ValueError(
            f"decide: transfer is {a.shape} and scratch {b.shape}; both need the same "
            "seeds and the same test examples, in the same order"
        )
    d = a - b
    t = student(level, len(d) - 1)
    seeds, examples = _variances(d)
    half = t * math.sqrt(seeds + examples)
    return Decision(float(d.mean()), half, math.sqrt(seeds), math.sqrt(examples))


def student(level, freedom):
    """t with P(|T| ≤ t) = level, T Student's with so many degrees of freedom, 1 or more.

    By bisection of the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4.
    """
    if not (0 < level < 1 and isinstance(freedom, int) and freedom >= 1):
        raise ValueError(
            f"student(level={level}, freedom={freedom}): 0 < level < 1 and an integer "
            ">= 1 expected; two seeds are the fewest"
        )
    low, high = 0.0, math.pi / 2  # of θ = arctan(t/√freedom)
    for _ in range(60):
        middle = (low + high) / 2
        below = _within(middle, freedom) < level
        low, high = (middle, high) if below else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def _within(angle, freedom):
    """P(|T| ≤ √freedom tan θ)."""
    odd, cos = freedom % 2, math.cos(angle)
    term = cos if odd else 1.0
    total = term if freedom > 1 else 0.0
    for j in range(2 + odd, freedom, 2):
        term *= (j - 1) / j * cos**2
        total += term
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total


def _variances(d):
    """v_s/S and v_i/N of (1) and (2), for d (S, N)."""
    S, N = d.shape
    of_seeds, of_examples = d.mean(axis=1), d.mean(axis=0)
    rest = d - of_seeds[:, None] - of_examples + d.mean()
    both = float((rest**2).sum()) / ((S - 1) * (N - 1))
    v_s, v_i = (statistics.variance(m.tolist()) for m in (of_seeds, of_examples))
    return v_s / S, max(0.0, v_i - both / S) / N


def _losses(name, x):
    x = x.data if isinstance(x, Tensor) else x
    x = backend.asnumpy(x if backend.is_array(x) else backend.create(x))
    x = x.astype(backend.float64)
    if x.ndim != 2 or min(x.shape) < 2:
        raise ValueError(
            f"decide: {name} should be (seeds, examples), at least 2 of each, got "
            f"{x.shape}; one pair of models is for evaluation.mcnemar"
        )
    if not abs(x).max() < math.inf:
        raise ValueError(f"decide: {name} has an entry that is NaN or infinite")
    return x
