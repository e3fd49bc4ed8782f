"""Task 2 of 4: rotary positions.  (2.10) of notebooks/02_transformer.ipynb."""

import numpy as np


def rotary(x, positions, base=10000.0):
    """Turn each pair (x_i, x_{i + d/2}) by the angle m θ_i, θ_i = base^(−2i/d)   (2.10)

    in the plane: (a, b) becomes (a cos − b sin, b cos + a sin), m the token's position.
    This is the half-split layout: the partner of x_0 is x_{d/2}, not x_1.

    x (H, T, d), d even; positions (T,) integers, not always 0 .. T − 1; returns
    (H, T, d), float64. Leave the inputs unchanged.

    Example: x [[[1., 0., 0., 0.]]], positions [2], base 100: the rates are [1, 0.1], the
    first pair (1, 0) turns by 2: [[[−0.4161, 0, 0.9093, 0]]].
    """
    # YOUR CODE: equation (2.10)
    raise NotImplementedError("not implemented yet: rotary, equation (2.10)")
