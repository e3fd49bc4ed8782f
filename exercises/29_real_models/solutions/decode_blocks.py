"""Task 1 of 4: the weights in the blocks of a GGUF file.  (29.1) of the notebook."""

import numpy as np


def decode_blocks(raw, kind, shape):
    """The matrix whose blocks of 32 weights lie one behind the other in `raw`.

    w = d · q + m    kind "Q4_1": 20 bytes per block: d, m, 16 bytes of codes     (29.1)
    w = d · q        kind "Q8_0": 34 bytes per block: d, 32 bytes of codes        (29.1)

    d and m are little-endian floats of 16 bits. The q of Q8_0 are signed integers. The q
    of Q4_1 are 0, ..., 15: byte i of a block holds weight i in its four low bits and
    weight i + 16 in its four high bits.

    raw: a flat array of uint8; kind: a string; shape: (out, in), in a multiple of 32. The
    blocks follow the matrix row by row. Returns an array of this shape in float64.

    Example: a block of Q4_1 with d = 0.5, m = −2.0 and the codes 0x1F, 0xA0, 0, ..., 0:
    w[0] = 0.5·15 − 2 = 5.5, w[1] = −2, w[16] = 0.5·1 − 2 = −1.5, w[17] = 3. A block of
    Q8_0 with d = 0.25 and the codes 0x04, 0xFF, ...: w[0] = 1.0, w[1] = −0.25.
    """
    # YOUR CODE: (29.1)
    blocks = raw.reshape(-1, {"Q4_1": 20, "Q8_0": 34}[kind])
    d = blocks[:, :2].copy().view("<f2").astype("f8")
    if kind == "Q8_0":
        W = d * blocks[:, 2:].view("i1")
    else:
        m = blocks[:, 2:4].copy().view("<f2").astype("f8")
        codes = blocks[:, 4:]
        q = np.concatenate([codes & 15, codes >> 4], axis=1)
        W = d * q + m
    return W.reshape(shape)
    # END YOUR CODE
