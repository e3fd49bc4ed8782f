"""Task 2 of 4: the weights in the blocks of a GGUF file.  (29.4) of the notebook."""

import numpy as np


def decode_blocks(raw, kind, shape):
    """The matrix whose blocks of 32 weights lie one behind the other in `raw`.

    w = s · u + m    kind "Q4_1": 20 bytes per block: s, m, 16 bytes of codes     (29.4)
    w = s · u        kind "Q8_0": 34 bytes per block: s, 32 bytes of codes        (29.4)

    s and m are little-endian floats of 16 bits. The u of Q8_0 are signed integers. The u
    of Q4_1 are 0, ..., 15: byte i of a block holds weight i in its four low bits and
    weight i + 16 in its four high bits.

    raw: a flat array of uint8; kind: a string; shape: (out, in), in a multiple of 32. The
    blocks follow the matrix row by row. Returns an array of this shape in float64.

    Example: a block of Q4_1 with s = 0.5, m = −2.0 and the codes 0x1F, 0xA0, 0, ..., 0:
    w[0] = 0.5·15 − 2 = 5.5, w[1] = −2, w[16] = 0.5·1 − 2 = −1.5, w[17] = 3. A block of
    Q8_0 with s = 0.25 and the codes 0x04, 0xFF, ...: w[0] = 1.0, w[1] = −0.25.
    """
    # YOUR CODE: (29.4)
    blocks = raw.reshape(-1, {"Q4_1": 20, "Q8_0": 34}[kind])
    s = blocks[:, :2].copy().view("<f2").astype("f8")
    if kind == "Q8_0":
        W = s * blocks[:, 2:].view("i1")
    else:
        m = blocks[:, 2:4].copy().view("<f2").astype("f8")
        codes = blocks[:, 4:]
        u = np.concatenate([codes & 15, codes >> 4], axis=1)
        W = s * u + m
    return W.reshape(shape)
    # END YOUR CODE
