"""Task 1 of 4: a linear layer with LoRA.  (15.1) of notebooks/15_lora.ipynb."""

import numpy as np


def lora_forward(x, W, b, A, B, alpha, rslora=False):
    """y = x W'ᵀ + b,   W' = W + s B A                                       (15.1)

    s = α/r, or α/√r with `rslora`; r is the rank of the update: how many rows A has.
    Take the path through the rank: W' and B A are not needed.

    x (n, in), W (out, in), b (out,), A (r, in), B (out, r), alpha a float > 0;
    returns y (n, out).
    """
    # YOUR CODE: equation (15.1)
    raise NotImplementedError("not implemented yet: lora_forward, equation (15.1)")
