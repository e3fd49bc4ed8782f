"""ggml's blocks decoded number by number, as ggml-quants.c writes its loops.

An independent reading for the tests: Python floats and one float32 rounding wherever C
rounds (products and differences of float32 are float32).
"""

import struct

import numpy as np

F = np.float32


def half(data, at):
    return F(struct.unpack_from("<e", data, at)[0])


def q4_0(b):
    d, q = half(b, 0), b[2:]
    return [d * F((q[j % 16] >> 4 * (j // 16) & 15) - 8) for j in range(32)]


def q4_1(b):
    d, m, q = half(b, 0), half(b, 2), b[4:]
    return [d * F(q[j % 16] >> 4 * (j // 16) & 15) + m for j in range(32)]


def q5_0(b):
    d, high, q = half(b, 0), int.from_bytes(b[2:6], "little"), b[6:]
    codes = [
        (q[j % 16] >> 4 * (j // 16) & 15) | (high >> j & 1) << 4 for j in range(32)
    ]
    return [d * F(code - 16) for code in codes]


def q8_0(b):
    return [half(b, 0) * F(q) for q in struct.unpack_from("<32b", b, 2)]


def scale_min(j, q):
    """get_scale_min_k4 of ggml-quants.c."""
    if j < 4:
        return q[j] & 63, q[j + 4] & 63
    return (
        (q[j + 4] & 15) | ((q[j - 4] >> 6) << 4),
        (q[j + 4] >> 4) | ((q[j] >> 6) << 4),
    )


def q4_k(b):
    d, low, q, out = half(b, 0), half(b, 2), b[16:], []
    for j in range(8):
        s, m = scale_min(j, b[4:16])
        part = q[32 * (j // 2) : 32 * (j // 2) + 32]
        codes = [(x >> 4 * (j % 2)) & 15 for x in part]
        out += [d * F(s) * F(x) - low * F(m) for x in codes]
    return out


def q6_k(b):
    scales, d = struct.unpack_from("<16b", b, 192), half(b, 208)
    out = [F(0)] * 256
    for n in range(2):
        low, high = b[64 * n : 64 * n + 64], b[128 + 32 * n : 160 + 32 * n]
        for i in range(32):
            four = [low[i] & 15, low[i + 32] & 15, low[i] >> 4, low[i + 32] >> 4]
            for k, x in enumerate(four):
                at = 128 * n + 32 * k + i
                code = (x | (high[i] >> 2 * k & 3) << 4) - 32
                out[at] = d * F(scales[at // 16]) * F(code)
    return out


SCALAR = {
    "F32": lambda b: [F(struct.unpack("<f", b)[0])],
    "F16": lambda b: [half(b, 0)],
    "Q4_0": q4_0,
    "Q4_1": q4_1,
    "Q5_0": q5_0,
    "Q8_0": q8_0,
    "Q4_K": q4_k,
    "Q6_K": q6_k,
}
