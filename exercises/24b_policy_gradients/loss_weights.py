"""Task 2 of 4: what pushes each token.  (24b.5), (24b.6) of the notebook."""

import numpy as np


def loss_weights(logp, old, A, mask, low, high, denominator):
    """∂L/∂logp (n, T) of the clipped loss L = −Σ min(ρ A, clip(ρ) A)/D.

    ρ = exp(logp − old), token by token; clip(ρ) keeps it in [1 − low, 1 + high]. Only
    tokens with mask 1 count, the others have weight 0; L_i is how many count in answer i.
    denominator: "answers", D = n; "tokens", D = Σ L_i; "each", D = n L_i for the tokens
    of answer i. On the edges of the band the gradient does not matter: no ρ lies there.

    Example: n = 2, T = 2, old = 0, logp = log [[1.5, 0.5], [0.5, 1.5]], A = [1, −1],
    mask = [[1, 1], [1, 0]], low = high = 0.2. Answer 0 is good: ρ = 1.5 is far enough
    (0), ρ = 0.5 is not (0.5). Answer 1 is bad: ρ = 0.5 is far enough (0); its second
    token does not count. "answers": [[0, −0.25], [0, 0]]; "tokens", D = 3:
    [[0, −0.167], [0, 0]]; "each", D = 4 for answer 0: [[0, −0.125], [0, 0]].

    logp, old, mask (n, T), A (n,), low, high floats. Returns (n, T).
    """
    # YOUR CODE: (24b.5), (24b.6)
    raise NotImplementedError("not implemented yet: loss_weights, (24b.5), (24b.6)")
