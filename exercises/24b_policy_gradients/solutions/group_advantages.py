"""Task 1 of 4: how much better than the others.  (24b.3) and σ of (24b.4)."""

import numpy as np


def group_advantages(rewards, prompt, scaled):
    """The advantage of each answer within the answers to its prompt.

    prompt says which prompt an answer belongs to; the answers of one prompt may stand
    anywhere and their number G differs. The baseline of an answer is the mean reward of
    the *other* answers to the same prompt. An answer that is alone has nothing to be
    compared with: its advantage is 0.
    scaled: divide that by σ, the standard deviation (with 1/G) of the rewards of the group.
    The σ is that of (24b.4), the baseline is not: it stays the mean of the others. Equal
    rewards give 0, without dividing 0 by 0.

    Example: rewards = [1, 5, 0, 2, 5], prompt = [7, 3, 7, 7, 9]. Prompt 7 has the rewards
    1, 0, 2: A = 1 − (0 + 2)/2 = 0, 0 − 1.5 = −1.5 and 2 − 0.5 = 1.5; the two others are
    alone: [0, 0, −1.5, 1.5, 0]. σ of 1, 0, 2 is 0.8165, so scaled: [0, 0, −1.84, 1.84, 0]
    (GRPO, with the mean of all three as baseline, would have −1.22 and 1.22).

    rewards (n,) floats, prompt (n,) integers, scaled a bool. Returns (n,).
    """
    # YOUR CODE: (24b.3), and σ
    A = np.zeros(len(rewards))
    for one in np.unique(prompt):
        here = prompt == one
        R, G = rewards[here], here.sum()
        if R.max() > R.min():  # an answer alone has neither more nor less
            A[here] = R - (R.sum() - R) / (G - 1)
            if scaled:
                A[here] /= R.std()
    return A
    # END YOUR CODE
