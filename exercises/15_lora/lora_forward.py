"""Task 1 of 5: a linear layer with LoRA.  (15.1) of notebooks/15_lora.ipynb."""

import numpy as np


def lora_forward(x, W, b, adapters, which, rslora=False):
    """One batch, an adapter per row:  y_i = W'x_i + b,   W' = W + s B A      (15.1)

    Row i uses adapter which[i], an index into `adapters`; −1 stands for no adapter:
    the frozen layer alone. s = α/r, or α/√r with `rslora`; r is the rank of that
    adapter: how many rows its A has. Do not form B A: go through the rank.

    x (n, in), W (out, in), b (out,); adapters a list, perhaps empty, of (A, B, alpha)
    with A (r, in), B (out, r), alpha a float > 0; which (n,) of int.
    Returns y (n, out), a new array.
    """
    # YOUR CODE: equation (15.1)
    raise NotImplementedError("not implemented yet: lora_forward, equation (15.1)")
