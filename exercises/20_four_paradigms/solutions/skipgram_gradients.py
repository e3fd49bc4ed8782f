"""Task 4 of 4: one batch of skip-gram.  (20.4) of 20_four_paradigms.ipynb."""

import numpy as np


def skipgram_gradients(V, U, centres, contexts, noise):
    """The loss of B word pairs and its gradients.                                (20.4)

    loss = 1/B Σ_b [ −ln σ(v·u⁺) − Σ_j ln σ(−v·u_j) ],       σ(s) = 1/(1 + e^(−s))

    Pair b has the centre's row v = V[centres[b]], the context's row u⁺ = U[contexts[b]]
    and the rows u_j = U[noise[b, j]] of its k negatives. As in word2vec's C code, a
    negative that is the context of its own pair is left out of the sum. Any other counts
    as often as it was drawn, and a word that several pairs use collects from all of them.
    The derivative of −ln σ(s) with respect to s is σ(s) − 1. Scores may be ±1000, so
    let no exp overflow: −ln σ(s) = ln(1 + e^(−s)) = np.logaddexp(0, −s).

    V (n, d) vectors of the words as centres, U (n, d) as contexts; centres (B,),
    contexts (B,) and noise (B, k) integers 0 ... n − 1. Do not change the inputs.
    Returns (loss, gV, gU): a number and two arrays (n, d).

    By hand, B = 2, k = 2, d = 1: V = [[1], [2], [0]], U = [[0], [1], [−1]],
    centres = [0, 1], contexts = [1, 0] and noise = [[2, 2], [0, 1]]. Pair 0: σ(1) = 0.731
    for its context and σ(−1) = 0.269 for each of two negatives: 0.313 + 2·0.313 = 0.940.
    Pair 1: its context has σ(0) = ½, noise 0 is that context and left out, noise 1 has
    σ(2) = 0.881: 0.693 + 2.127 = 2.820. The loss is 1.880. From pair 0, U[2] gets
    2·0.269·1 and U[1] gets (0.731 − 1)·1; from pair 1, U[1] gets 0.881·2 more and U[0]
    (½ − 1)·2. With the ½ of B: gU = [[−0.5], [0.746], [0.269]],
    gV = [[−0.403], [0.440], [0]].
    """
    # YOUR CODE: (20.4)
    B = len(centres)
    ids = np.concatenate([contexts[:, None], noise], axis=1)
    v, u = V[centres][:, None], U[ids]
    sign = np.where(np.arange(ids.shape[1]) == 0, 1.0, -1.0)
    score = sign * (v * u).sum(2)
    counts = np.concatenate([np.ones((B, 1)), noise != contexts[:, None]], axis=1) / B
    loss = (counts * np.logaddexp(0, -score)).sum()
    slope = -counts * sign * np.exp(-np.logaddexp(0, score))
    gV, gU = np.zeros(V.shape), np.zeros(U.shape)
    np.add.at(gV, centres, (slope[:, :, None] * u).sum(1))
    np.add.at(gU, ids, slope[:, :, None] * v)
    return loss, gV, gU
    # END YOUR CODE
