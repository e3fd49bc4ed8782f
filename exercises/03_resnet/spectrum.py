"""Task 3 of 4: what a kernel does to each frequency.  (3.5), (3.6) of the notebook."""

import numpy as np


def spectrum(kernel, shape):
    """The response of a convolution on a torus, and all its singular values.

    K̂(ω)[o, c] = Σ_{u,v} k[o, c, u, v] e^{+i(ω₁u + ω₂v)},  ω = 2π(a/H, b/W)      (3.5)

    where tap (k//2, k//2) of the kernel is lag u = v = 0: y = k ⋆ x, images wrapping
    round, turns the wave e^{iω·x} of channel c into K̂(ω)[o, c] e^{iω·x} of channel o.
    The whole map has the singular values of all matrices K̂(ω) together         (3.6)

    kernel (O, C, k, k) with k odd, shape (H, W) of the image, both at least k. Returns
    K̂ (H, W, O, C), complex, entry (a, b) for ω above, and the singular values
    (H W min(O, C),), largest first. Leave the kernel unchanged.
    """
    # YOUR CODE: equations (3.5), (3.6)
    raise NotImplementedError("not implemented yet: spectrum, equations (3.5), (3.6)")
