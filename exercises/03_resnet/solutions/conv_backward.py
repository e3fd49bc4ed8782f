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
    s, p = stride, padding
    (H, width), (Ho, Wo) = x.shape[2:], gy.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    gpadded, gW = np.zeros(padded.shape), np.empty(W.shape)
    for i in range(W.shape[2]):
        for j in range(W.shape[3]):
            seen = (..., slice(i, i + s * Ho, s), slice(j, j + s * Wo, s))
            gW[:, :, i, j] = np.einsum("nohw,nchw->oc", gy, padded[seen])
            gpadded[seen] += np.einsum("nohw,oc->nchw", gy, W[:, :, i, j])
    gb = gy.sum(axis=(0, 2, 3))
    return gpadded[:, :, p : p + H, p : p + width], gW, gb
    # END YOUR CODE
