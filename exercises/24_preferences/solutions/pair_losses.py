"""Task 4 of 4: IPO on a padded batch.  (24.9) and the family's table."""

import numpy as np


def pair_losses(logp, ref, prompts, lengths, tau):
    """IPO's loss of a padded batch, and its gradient by the log-probability of each token.

    h_i = Σ over the answer tokens of the chosen row (logp − ref)
          − the same sum of the rejected row                                     (24.9)
    loss_i = (h_i − 1/(2τ))²,   L = mean of loss_i over the B pairs

    logp, ref (2B, T): log-probability of each token by the policy and by the reference;
    rows 0..B−1 are the chosen answers, B..2B−1 the rejected ones of the same pairs.
    prompts (B,): how many tokens at the start of both rows are the prompt. lengths (2B,):
    tokens of each row, prompt and end-of-sequence token included; what follows is padding
    with arbitrary numbers. The end-of-sequence token is part of the answer.
    Returns (h (B,), losses (B,), gradient of L by logp (2B, T)).

    B = 2, tau = 0.25, ref = 0, prompts = [1, 2], lengths = [3, 4, 4, 3], logp = −[[9, 1,
    2, 9], [9, 9, 1, 1], [9, 2, 2, 1], [9, 9, 4, 9]]: h = [−3 + 5, −2 + 4] = [2, 2],
    losses = [0, 0], gradient 0. With tau = 0.5: losses = [1, 1], the gradient is
    2·(2 − 1)/2 = 1 at chosen answer tokens, −1 at rejected ones, 0 elsewhere.
    """
    # YOUR CODE: (24.9)
    B = len(prompts)
    t = np.arange(logp.shape[1])
    start = np.concatenate([prompts, prompts])[:, None]
    answer = (t >= start) & (t < lengths[:, None])
    ratios = np.where(answer, logp - ref, 0.0).sum(axis=1)
    h = ratios[:B] - ratios[B:]
    losses = (h - 1 / (2 * tau)) ** 2
    slope = 2 * (h - 1 / (2 * tau)) / B
    return h, losses, answer * np.concatenate([slope, -slope])[:, None]
    # END YOUR CODE
