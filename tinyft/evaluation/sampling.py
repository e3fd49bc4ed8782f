"""Several answers to one question: pass@k, the majority's vote, the best of n.

    pass@k = 1 − C(n − c, k)/C(n, k) = 1 − Π_{i<k} (n − c − i)/(n − i)                (1)
    best of k = Σ_i v_(i) C(i − 1, k − 1)/C(n, k),  scores ascending                  (2)

n samples of a question, c of them right. (1) and (2) are means over all subsets of k
samples, so they are unbiased for k fresh ones; 1 − (1 − c/n)^k is too low. A subset's best
is the one with the highest score, ties shared. The vote goes to the most frequent answer,
ties shared. Sources: Chen et al. 2021 (1); Wang et al. 2023 (self-consistency);
Stiennon et al. 2020 (best of n).
"""

from collections import Counter
from math import comb

from tinyft import backend


def pass_at_k(n, c, k):
    """(1): the chance that one of k samples is right, float64 of c's shape.

    n: samples per question. c: how many are right, an integer or an array (P,), one per
    question; the mean over questions is taken afterwards, of these values. Raises
    ValueError unless 1 <= k <= n and 0 <= c <= n.
    """
    xp = backend.host()
    c = xp.asarray(c)
    if not 1 <= k <= n:
        raise ValueError(
            f"pass_at_k: k={k} should be between 1 and n={n}: from {n} samples nothing "
            "is known about more; draw more of them"
        )
    if c.dtype.kind not in "iu" or (c.size and not (0 <= c.min() and c.max() <= n)):
        raise ValueError(
            f"pass_at_k: c counts the right ones of n={n} samples, integers 0..{n}, got "
            f"{c!r:.60}"
        )
    c, none = c.astype("int64"), xp.ones(c.shape)  # n may exceed a small c's type
    for i in range(k):
        none = none * xp.maximum(n - c - i, 0) / (n - i)
    return 1.0 - none


def vote(answers):
    """{answer: share} of the most frequent of `answers`; ties are shared evenly.

    None is not an answer (an output that could not be read) and has no vote. Raises
    ValueError when nobody votes.
    """
    counts = Counter(answer for answer in answers if answer is not None)
    if not counts:
        raise ValueError(
            f"vote: none of the {len(answers)} samples has an answer that can be counted"
        )
    most = max(counts.values())
    winners = [answer for answer, count in counts.items() if count == most]
    return {answer: 1 / len(winners) for answer in winners}


def vote_accuracy(answers, right, n=None):
    """The chance that the vote of n samples is `right`; ties are shared.

    answers: N samples of one question, in the order drawn. n divides N: the mean over the
    N/n groups of n that follow each other; None: one vote of all. A group whose samples
    are all None is wrong.
    """
    n = len(answers) if n is None else n
    if n < 1 or len(answers) % n:
        raise ValueError(
            f"vote_accuracy: n={n} should divide the {len(answers)} samples"
        )
    groups = [answers[i : i + n] for i in range(0, len(answers), n)]
    voted = [vote(group) if set(group) != {None} else {} for group in groups]
    return sum(shares.get(right, 0.0) for shares in voted) / len(groups)


def best_of(scores, values, k):
    """(2): the mean value of the highest-scored of k samples, a float.

    scores, values: n numbers each; what to choose by, and what the choice is worth (1 for
    right, 0 for wrong). Among equal scores each is as likely. Raises ValueError unless
    1 <= k <= n, and for scores that are NaN.
    """
    xp = backend.host()
    scores, values = (xp.asarray(a, "float64") for a in (scores, values))
    n = len(scores)
    if scores.shape != values.shape or not 1 <= k <= n:
        raise ValueError(
            f"best_of: one value per score, and k={k} between 1 and their number, got "
            f"{scores.shape} scores and {values.shape} values"
        )
    if (scores != scores).any():
        raise ValueError("best_of: a score is NaN, so no sample is the best")
    total = 0.0
    for score in xp.unique(scores):
        below, upto = int((scores < score).sum()), int((scores <= score).sum())
        chance = (comb(upto, k) - comb(below, k)) / comb(n, k)
        total += chance * float(values[scores == score].mean())
    return total
