"""Task 1 of 4: bits per byte, and when two models may be compared.  (21.2)"""

import numpy as np


def bits_per_byte(nats, targets, tokens):
    """How many bits a model needs for one byte of the text.                     (21.2)

    nats (B, T): the loss of each target.  targets (B, T) of int: its token, or -100 where
    nothing is predicted: such a place counts neither above nor below.
    tokens: a list of strings; tokens[i] is the text that token i stands for, "" for a
    special token. A special token that is a target has a loss but no bytes.
    A byte is one of UTF-8: "é" has two. Returns a float.

    Example: tokens = ["", "the", "é"], nats = [[0.7, 2.1, 9.9], [1.4, 0.7, 2.1]],
    targets = [[1, 2, -100], [1, 0, 2]]: 7.0 nats are 10.099 bits, the text has
    3 + 2 + 3 + 0 + 2 = 10 bytes, and the answer is 1.0099.
    """
    # YOUR CODE: (21.2)
    counts = targets != -100
    sizes = [len(tokens[i].encode("utf-8")) for i in targets[counts]]
    return float(nats[counts].sum() / (np.log(2) * sum(sizes)))
    # END YOUR CODE


def fewer_bits(first, second):
    """By how many bits per byte `second` is better: those of `first` minus its own.

    first and second are (nats, targets, tokens) as above, of two models with tokenizers of
    their own. Row after row, the targets of a model spell the text it was asked for. If
    the two texts differ, the numbers cannot be compared: return None.
    """
    # YOUR CODE: (21.2), on one text
    spelt = ["".join(w[i] for i in y[y != -100]) for _, y, w in (first, second)]
    if spelt[0] != spelt[1]:
        return None
    return bits_per_byte(*first) - bits_per_byte(*second)
    # END YOUR CODE
