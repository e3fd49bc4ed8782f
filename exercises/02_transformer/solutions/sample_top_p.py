"""Task 4 of 4: temperature and top-p sampling.  (2.20) of
notebooks/02_transformer.ipynb."""

import numpy as np


def sample_top_p(logits, p, temperature, u):
    """Draw from the smallest set of tokens that holds the probability p          (2.20)

    q = softmax(logits / temperature). Keep the fewest tokens, likeliest first, whose q
    sums to p or more (the one that reaches p stays in; at least one is kept); the
    others get 0 and q is scaled to sum to 1. The draw is the first id i with
    q_0 + .. + q_i > u.

    logits (V,) without ties, p in (0, 1], temperature > 0, u in [0, 1) the uniform
    random number; returns the token (an int) and the distribution q (V,). u lies
    farther from the sums than roundings reach.

    Example: logits log [0.5, 0.2, 0.3], p 0.7, temperature 1: ids 0 and 2 hold 0.8 and
    stay, q = [0.625, 0, 0.375]; u = 0.5 draws 0, u = 0.7 draws 2.
    """
    # YOUR CODE: equation (2.20)
    q = np.exp((logits - logits.max()) / temperature)
    q = q / q.sum()
    order = np.argsort(-q)
    before = np.cumsum(q[order]) - q[order]  # what the likelier tokens hold
    kept = order[before < p]
    cut = np.zeros(len(q))
    cut[kept] = q[kept] / q[kept].sum()
    total = np.cumsum(cut)
    return int((total <= u * total[-1]).sum()), cut
    # END YOUR CODE
