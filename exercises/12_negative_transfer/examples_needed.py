"""Task 2 of 4: how large must the test set be?  (12.3), (12.5) of the notebook."""

import math


def examples_needed(gap, discordance, power, alpha, most):
    """The smallest test set on which McNemar's exact test finds a true gap.

    Each test example is discordant with probability ψ = `discordance`, and then it is the
    first model's error with the probability that makes the expected gap, P(only the first
    is wrong) − P(only the second is), equal to `gap`: q = (1 + gap/ψ)/2. The exact
    two-sided test (12.3) rejects when p ≤ alpha; without discordant examples it never
    does.

    Go up from N = 1 and stop at the first N whose probability to reject (12.5), with
    `alpha` for 0.05, is ≥ `power`. Stop at N = `most` in any case: there are no more
    examples. Returns (N, the probability to reject at this N), an int and a float.

    0 < gap ≤ discordance ≤ 1, 0 < power < 1, 0 < alpha < 1, floats; most ≥ 1, an int.

    Example: gap = 0.2, discordance = 0.4, power = 0.5, alpha = 0.05, most = 160 gives
    (46, 0.5076), and most = 20 gives (20, 0.1737).
    (Here most ≤ 160. Above 1000, math.comb times a float overflows: use logarithms, by
    math.lgamma.)
    """
    # YOUR CODE: (12.3), (12.5)
    raise NotImplementedError("not implemented yet: examples_needed, (12.3), (12.5)")
