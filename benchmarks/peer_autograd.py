"""HIPS autograd: its NumPy, its convolution written with its own einsum on windows."""

import autograd.numpy as anp
import functional
from autograd import value_and_grad
from serve import serve


def conv(x, weight, stride):
    """Sum over the taps of the kernel, each one matrix product."""
    pad, size = weight.shape[2] // 2, weight.shape[2]
    x = anp.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="constant")
    H = (x.shape[2] - size) // stride + 1
    total = 0
    for u in range(size):
        for v in range(size):
            rows = slice(u, u + stride * H - stride + 1, stride)
            columns = slice(v, v + stride * H - stride + 1, stride)
            total = total + anp.einsum(
                "nchw,oc->nohw", x[:, :, rows, columns], weight[:, :, u, v]
            )
    return total


if __name__ == "__main__":
    serve(lambda name: functional.build(name, anp, value_and_grad, conv=conv))
