"""Task 1 of 4: from stored bytes to weights.  (17.1), (17.5) of the notebook."""

import numpy as np


def unpack_weights(codes, scales, nested, offset, levels, table, block, group, shape):
    """The matrix that a 4-bit layer stores, with scales in 8 bits.

    ŵ = scale · levels[k] for each weight, one scale per block                  (17.1)
    scale = offset + nested · table[j] for each block, one `nested` per group   (17.5)

    The weights lie in row-major order. codes (⌈n/2⌉,) of uint8 holds two k a byte, the
    first in the four high bits; for an odd n the last byte ends with a padding code.
    scales (⌈n/block⌉,) of uint8 holds a j per block; the last block may have fewer than
    `block` weights. nested (⌈blocks/group⌉,): the last group may be shorter too. offset is
    a float; levels (16,) and table (256,) are floats; shape = (out, in), n = out·in.
    Returns an array of this shape in float64.

    Example: levels = k/15, table = j/255, codes [0x1F, 0xA0], scales [255, 51], nested
    [2.0], offset 1.0, block 2, group 4, shape (1, 3): the scales are 3.0 and 1.4, the k
    1, 15, 10, and the weights [[0.2, 3.0, 0.9333]].
    """
    # YOUR CODE: (17.1) and (17.5)
    n = shape[0] * shape[1]
    k = np.stack([codes // 16, codes % 16], axis=1).reshape(-1)[:n]
    of_block = nested[np.arange(len(scales)) // group]
    scale = offset + of_block * table[scales]
    W = levels[k] * scale[np.arange(n) // block]
    return W.reshape(shape)
    # END YOUR CODE
