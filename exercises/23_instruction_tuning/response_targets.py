"""Task 1 of 4: which tokens of a batch are learned.  (23.1), (23.2) of chapter 23."""

import numpy as np


def response_targets(ids, bot, end, last_only):
    """The targets of a padded batch of conversations, −100 where nothing is learned.

    An answer is what follows a token `bot`, up to and with the next `end`. It is learned;
    `bot` itself, the user's turns with their own `end`, and the padding (what follows the
    last `end` of a row) are not. last_only: of each row only the last answer is learned.
    The target at t is the token at t + 1; the last place of a row has none.

    Example: bot = 8, end = 9, a user's turn begins with 7, the padding is 0:
    ids        = [[7, 1, 9, 8, 2, 3, 9, 7, 4, 9, 8, 5, 9],  [7, 6, 9, 8, 5, 9, 0, ...]]
    targets    = [[−, −, −, 2, 3, 9, −, −, −, −, 5, 9, −],  [−, −, −, 5, 9, −, −, ...]]
    last_only  = [[−, −, −, −, −, −, −, −, −, −, 5, 9, −],  [−, −, −, 5, 9, −, −, ...]]
    (− stands for −100.)

    ids (B, T) integers; bot, end integers; every `bot` has its `end`, and no `bot` stands
    inside an answer. Returns integers (B, T).
    """
    # YOUR CODE: (23.1)
    raise NotImplementedError("not implemented yet: response_targets, (23.1)")
