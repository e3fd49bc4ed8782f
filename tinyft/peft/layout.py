"""Layout: how a layer keeps its weight, and where two low-rank factors stand beside it.

    layer      weight             A                B                B A
    Linear     (out, in)          (r, in)          (out, r)         ΔW
    Conv2d     (out, in, kh, kw)  (r, in, kh, kw)  (out, r, 1, 1)   ΔW, flat
    Embedding  (V, d)             (r, V)           (d, r)           ΔWᵀ

A method sees the weight as a matrix with one row per output, and never asks what kind of
layer it is on. The layouts of A and B follow Hugging Face PEFT's files.

`on_output` and `width` answer the same for a whole module: how a vector broadcasts over
its result, and how many features it reads and makes.
"""

import math

from tinyft import nn, ops


class Layout:
    """A weight (out, in), x (..., in), y (..., out): the Linear layer."""

    lookup = False  # x names columns of A: there is nothing to multiply or to drop

    def __init__(self, module):
        self.module = module
        self.shape, self.dtype, _ = module.weight_spec("weight")

    @property
    def sides(self):
        """(rows, columns) of the weight as a matrix: outputs and inputs."""
        return self.shape[0], math.prod(self.shape[1:])

    def factors(self, r):
        """The shapes of A and B of rank r."""
        rows, columns = self.sides
        return (r, columns), (rows, r)

    def matrix(self, W):
        """A weight, array or Tensor, as a matrix with one row per output."""
        return W.reshape((len(W), -1))

    def weight(self, matrix):
        """The inverse of `matrix`."""
        return matrix.reshape(self.shape)

    def change(self, A, B):
        """B A, a change of the weight in its own shape."""
        return self.weight(B.reshape((len(B), -1)) @ A.reshape((len(A), -1)))

    def through(self, x, W):
        """x through a weight of this layer, without the bias."""
        return ops.linear(x, W)

    def low(self, x, A, B):
        """B A x, by way of the r numbers A x."""
        return ops.linear(self.through(x, A), B)

    def kron(self, x, W1, W2):
        """(W₁ ⊗ W₂) x by way of X (m, n), x cut into m pieces: W₁ X W₂ᵀ."""
        pieces = x.reshape((*x.shape[:-1], W1.shape[1], -1))
        y = W1 @ self.through(pieces, W2)
        return y.reshape((*x.shape[:-1], -1))

    def refuse_rank(self, who, r):
        """Raise ValueError for a rank above the weight's."""
        rows, columns = self.sides
        if r > min(rows, columns):
            raise ValueError(
                f"{who}: rank {r} is above the rank of its {rows}×{columns} weight, at "
                f"most {min(rows, columns)}"
            )


class Convolution(Layout):
    """A weight (out, in, kh, kw), x (N, in, H, W), y (N, out, H', W')."""

    def factors(self, r):
        return (r, *self.shape[1:]), (self.shape[0], r, 1, 1)

    def through(self, x, W):
        return ops.conv2d(x, W, None, self.module.stride, self.module.padding)

    def low(self, x, A, B):
        return ops.conv2d(self.through(x, A), B)

    def kron(self, x, W1, W2):
        """The same: W₂ convolves each of the m pieces of the channels, W₁ mixes them."""
        (l, m), (N, _, *size) = W1.shape, x.shape
        y = self.through(x.reshape((N * m, -1, *size)), W2)
        mixed = W1 @ y.reshape((N, m, -1))
        return mixed.reshape((N, l * y.shape[1], *y.shape[2:]))


class Lookup(Layout):
    """A weight (V, d), x token ids, y (..., d): the Embedding keeps the transpose."""

    lookup = True

    @property
    def sides(self):
        return self.shape[1], self.shape[0]

    def matrix(self, W):
        return W.T

    def weight(self, matrix):
        return matrix.T

    def low(self, x, A, B):
        return ops.linear(ops.embedding(x, A.T), B)


KINDS = {nn.Conv2d: Convolution, nn.Embedding: Lookup, nn.Linear: Layout}


def layout_of(module):
    """The Layout of a layer; None if low-rank factors cannot sit there."""
    if getattr(module, "groups", 1) != 1:
        return None
    found = (made for kind, made in KINDS.items() if isinstance(module, kind))
    made = next(found, None)
    return None if made is None else made(module)


def on_output(module, b, y):
    """A vector (out,) in the shape that broadcasts over the output y of a layer."""
    images = isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm))
    return b.reshape((-1,) + (1,) * (y.ndim - 2)) if images and y.ndim > 2 else b


def width(module, inward=False):
    """(does it make images, features out) of a module, or in; None if that is unknown.

    A module made of several has its last layer's, or its first's.
    """
    if isinstance(module, nn.Linear):
        return False, module.in_features if inward else module.out_features
    if isinstance(module, nn.Embedding):
        return None if inward else (False, module.embedding_dim)
    if isinstance(module, nn.Conv2d):
        return True, module.in_channels if inward else module.out_channels
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        return False, module.size
    if isinstance(module, nn.BatchNorm2d):
        return True, module.num_features
    below = list(module.children())
    found = (width(child, inward) for child in (below if inward else reversed(below)))
    return next((each for each in found if each is not None), None)
