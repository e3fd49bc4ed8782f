"""Task 2 of 4: conversations behind one system prompt.  (23.3), (23.4) of chapter 23."""

import numpy as np


def packed_row(shared, lengths, T):
    """(mask, positions) of conversations that share the system prompt in front of them.

    The first `shared` tokens are the prompt, written once. After it come conversations of
    `lengths` tokens, then padding up to T. Each must compute what it would alone behind
    its own copy of the prompt:

    mask (T, T) of bool: query t (row) may look at key s (column). Nobody looks ahead. The
    prompt's tokens and the conversation's own are seen, other conversations are not.
    Padding sees itself alone (a row of the softmax must not be empty).
    positions (T,) integers: the place of each token in its own copy; 0 for padding.

    Example: shared = 2, lengths = [1, 2], T = 6, the last token is padding:
    positions = [0, 1, 2, 2, 3, 0], and the rows of the mask (1 = may look)
    100000, 110000, 111000, 110100, 110110, 000001.

    shared, T integers >= 0; lengths a list of integers >= 1 that fit. Returns (mask,
    positions).
    """
    # YOUR CODE: (23.3), (23.4)
    owner, positions = np.full(T, -2), np.zeros(T, dtype=int)
    owner[:shared], positions[:shared] = -1, np.arange(shared)
    start = shared
    for i, n in enumerate(lengths):
        owner[start : start + n] = i
        positions[start : start + n] = shared + np.arange(n)
        start += n
    past = np.tri(T, dtype=bool)
    same = owner[:, None] == owner[None]
    real = owner[:, None] != -2
    mask = past & real & (same | (owner[None] == -1))
    return mask | np.eye(T, dtype=bool), positions
    # END YOUR CODE
