"""Packed: a matrix in 4 bits, two codes a byte, and the bytes that it takes.

    bits per weight = 4 + 32/B                       one float32 scale per block of B
                      4 + 64/B                       affine: a scale and a minimum
                      4 + 8/B + 32/(256 B)           scales in 8 bits, blocks of 256
and one float32 mean per matrix beside the last. At B = 64: 4.5, 5 and 4.126953125.
"""

import math
from typing import NamedTuple

NESTED = 256  # scales that share one float32, in double quantisation


class Packed(NamedTuple):
    """Blocks of `block` weights in row-major order; the last one may be shorter.

    codes    uint8 (⌈n/2⌉,): the first weight of a pair in the high four bits
    scale    float32 (blocks,), or uint8 of double quantisation
    nested   float32 (⌈blocks/256⌉,) and offset float32 (1,): what the uint8 stand for
    minimum  float32 (blocks,) of an affine code
    code     a quantise.Code; shape: of the matrix
    """

    codes: object
    scale: object
    nested: object
    offset: object
    minimum: object
    code: object
    block: int
    shape: tuple

    @property
    def arrays(self):
        """{name: array} of what is stored, in bytes `nbytes`."""
        names = ("codes", "scale", "nested", "offset", "minimum")
        return {n: getattr(self, n) for n in names if getattr(self, n) is not None}

    @property
    def nbytes(self):
        return sum(array.nbytes for array in self.arrays.values())

    @property
    def size(self):
        """How many weights."""
        return math.prod(self.shape)


def check_block(block):
    """Raise ValueError unless block is a power of two from 16 to 4096."""
    good = type(block) is int and 16 <= block <= 4096 and block & (block - 1) == 0
    if not good:
        raise ValueError(
            f"quantise: block is the number of weights that share a scale, a power of "
            f"two from 16 to 4096 such as 64, got {block!r}"
        )


def check_double(code, double):
    """The choice of double quantisation; None is True where the code allows it."""
    if double and not code.has_zero:
        raise ValueError(
            f"quantise: double=True rounds the scales, and a block of zeros stays zero "
            f"only if zero is a level: code {code.name!r} has none; use double=False"
        )
    return code.has_zero if double is None else bool(double)


def bits_per_weight(block=64, double=True, affine=False):
    """Bits per weight of a large matrix; the formula at the head of this file."""
    check_block(block)
    constants = 8 / block + 32 / (NESTED * block) if double else 32 / block
    return 4 + constants + (32 / block if affine else 0)


def packed_bytes(shape, block=64, double=True, affine=False):
    """Bytes that a matrix takes, to the byte: shorter blocks and the mean included."""
    check_block(block)
    n = math.prod(shape)
    blocks = -(-n // block)
    scales = blocks + 4 * -(-blocks // NESTED) + 4 if double else 4 * blocks
    return -(-n // 2) + scales + (4 * blocks if affine else 0)
