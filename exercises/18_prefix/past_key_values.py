"""Task 5 of 5: from a file's matrix to keys and values, and back.  Reference H of
notebooks/18_prefix.ipynb."""

import numpy as np


def past_key_values(prompt, layers, kv_heads):
    """[(P_k, P_v), ...], a pair for each layer, from the one matrix of a prefix's file.

    Row t of the matrix belongs to prefix row t. It holds layer after layer, of each layer
    the key and then the value, of each of them head after head, d numbers per head:

        prompt[t] = [k of layer 0 | v of layer 0 | k of layer 1 | v of layer 1 | ...]

    prompt (l, layers · 2 · kv_heads · d); returns a list of `layers` pairs of arrays, each
    (kv_heads, l, d). With grouped queries kv_heads is the number of key heads. Raises
    ValueError when the columns are not a multiple of 2 · layers · kv_heads.

    Example: prompt = [[1, 2, 3, 4, 5, 6, 7, 8], [11, 12, 13, 14, 15, 16, 17, 18]],
    layers 2, kv_heads 2, so d = 1. Layer 0: P_k = [[[1], [11]], [[2], [12]]],
    P_v = [[[3], [13]], [[4], [14]]]; layer 1: P_k = [[[5], [15]], [[6], [16]]],
    P_v = [[[7], [17]], [[8], [18]]].
    """
    # YOUR CODE: Reference H
    raise NotImplementedError("not implemented yet: past_key_values, Reference H")


def prompt_matrix(pairs):
    """The matrix (l, layers · 2 · kv_heads · d) of such a list: the way back.

    pairs: [(P_k, P_v), ...] of arrays (kv_heads, l, d), one pair for each layer.
    """
    # YOUR CODE: the way back
    raise NotImplementedError("not implemented yet: prompt_matrix, the way back")
