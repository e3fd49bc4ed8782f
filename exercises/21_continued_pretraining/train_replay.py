"""Task 2 of 4: continued pretraining with replay, as a training run.  (21.1), (21.3)"""

import numpy as np


def train_replay(new, old, table, share, lr, steps):
    """Train a bigram model on new text while a share of the loss is the old text's.

    The model: p(b | a) = softmax(table[a])_b, a row of logits for each token a. It says
    the next token from the present one alone.
        J = (1 − w) L_new + w L_old,   w = share                                 (21.3)
        L = the mean of −log p(next | present) over all transitions of a text    (21.1)
    A text is an array of rows (n, T) of token ids, filled up with −1 at the end of a row;
    a transition is two neighbouring tokens of one row. Rows may differ in length: L is
    the sum over all transitions of the text divided by their number, not a mean of rows.

    Each step moves the table by −lr times the gradient of J over both texts, whole.
    table (V, V) at the start, of any size: mind exp. share in [0, 1]; lr a float; steps
    an int.
    Returns (table, losses): the trained table, and [L_new, L_old] before every step and
    after the last, (steps + 1, 2). Do not change the inputs.

    Example: table = zeros (2, 2), new = [[0, 1, 1], [1, −1, −1]], old = [[1, 0], [0, 0]],
    share 0.25, lr 4, one step: new has the transitions 0→1 and 1→1, old 1→0 and 0→0. The
    table is then [[−0.5, 0.5], [−0.5, 0.5]], and the losses fall from [0.693, 0.693]
    to [0.313, 1.313].
    """
    # YOUR CODE: (21.1), (21.3)
    raise NotImplementedError("not implemented yet: train_replay, (21.1), (21.3)")
