"""Task 2 of 4: the gradients of a convolution.  (3.4) of notebooks/03_resnet.ipynb."""

import numpy as np


def conv_backward(x, W, gy, stride, padding):
    """gx, gW and gb of  y[n,o,h,w] = b[o] + Σ x[n,c,s·h+i−p,s·w+j−p] W[o,c,i,j]   (3.1)

    gW[o,c,i,j] sums gy times the pixel that tap (i, j) saw, over n, h and w;
    gx gives each gy back, times W, to every pixel that it was computed from;
    gb[o] sums gy                                                              (3.4)

    x (N, C, H, W), W (O, C, kh, kw), gy (N, O, Ho, Wo) the gradient of y; stride s and
    padding p are numbers. Returns (gx, gW, gb), each of the shape of x, W and b (O,).
    Leave the inputs unchanged.
    """
    # YOUR CODE: equation (3.4)
    raise NotImplementedError("not implemented yet: conv_backward, equation (3.4)")
