"""Task 3 of 4: train a policy on pairs.  (24.7), (24.8) of the notebook."""

import numpy as np


def train_dpo(ref, pairs, beta, epsilon, weight, lr, steps):
    """DPO with smoothed labels and a term for the chosen answer, on K answers.

    π = softmax(z), at first π = ref. For a pair (w, l) of answers
    u = β [log π(w)/ref(w) − log π(l)/ref(l)],
    loss = −(1 − ε) log σ(u) − ε log σ(−u) − weight · log π(w);
    L = mean over the pairs; gradient descent on z.                              (24.8)

    ref (K,) probabilities > 0; pairs (n, 2) ints: the preferred answer, the other; beta,
    epsilon, weight, lr floats; steps int. Returns (π (K,), losses (steps + 1,), chosen
    (steps + 1,)): L and the mean of log π(w), before every step and after the last.

    ref = [0.5, 0.3, 0.2], pairs = [[0, 1], [2, 1]], beta = 0.5, epsilon = 0.1,
    weight = 0.2, lr = 1, one step: u = [0, 0], the slope by u is −0.4, so z moves by
    0.4·0.5·([1, −1, 0] + [0, −1, 1])/2 + 0.2·([0.5, 0, 0.5] − ref) = [0.1, −0.26, 0.16];
    π = [0.5425, 0.2271, 0.2304], losses = [0.9234, 0.8279], chosen = [−1.1513, −1.0397].
    """
    # YOUR CODE: (24.8)
    raise NotImplementedError("not implemented yet: train_dpo, (24.8)")
