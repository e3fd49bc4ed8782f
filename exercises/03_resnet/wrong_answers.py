"""Named wrong answers: small edits of the solutions, to be caught and named."""

WRONG = {
    "im2col": [
        (
            "columns in the order i, j, c",
            "return A.reshape",
            "return A.transpose(0, 1, 2, 4, 5, 3).reshape",
        ),
        (
            "columns in the order c, j, i",
            "return A.reshape",
            "return A.swapaxes(4, 5).reshape",
        ),
        (
            "rows in the order h, w, n",
            "return A.reshape",
            "return A.transpose(1, 2, 0, 3, 4, 5).reshape",
        ),
        (
            "rows in the order n, w, h",
            "return A.reshape",
            "return A.swapaxes(1, 2).reshape",
        ),
        (
            "the taps are flipped",
            "A[..., i, j] = seen",
            "A[..., kh - 1 - i, kw - 1 - j] = seen",
        ),
        (
            "the edge is repeated, not 0",
            "(q, q)))",
            '(q, q)), mode="edge")',
        ),
        ("padded at the top and left only", "(p, p), (q, q)", "(p, 0), (q, 0)"),
        ("padded at the bottom and right only", "(p, p), (q, q)", "(0, p), (0, q)"),
        (
            "the stride is taken as (sw, sh)",
            "(kh, kw), (sh, sw), (p, q) =",
            "(kh, kw), (sw, sh), (p, q) =",
        ),
        (
            "the stride is ignored",
            "= size, stride, padding",
            "= size, (1, 1), padding",
        ),
        (
            "the padding is taken as (q, p)",
            "(kh, kw), (sh, sw), (p, q) =",
            "(kh, kw), (sh, sw), (q, p) =",
        ),
        (
            "the padding is ignored",
            "= size, stride, padding",
            "= size, stride, (0, 0)",
        ),
        (
            "the window is taken as (kw, kh)",
            "(kh, kw), (sh, sw), (p, q) =",
            "(kw, kh), (sh, sw), (p, q) =",
        ),
        (
            "A is transposed: (C kh kw, N Ho Wo)",
            "C * kh * kw)\n",
            "C * kh * kw).T\n",
        ),
        (
            "one place too few: the + 1 is missing",
            "(H - kh) // sh + 1, (W - kw) // sw + 1",
            "(H - kh) // sh, (W - kw) // sw",
        ),
        (
            "the number of places is rounded up",
            "    N, C, H, W = padded.shape\n",
            "    padded = np.pad(padded, ((0, 0), (0, 0), (0, sh - 1), (0, sw - 1)))\n"
            "    N, C, H, W = padded.shape\n",
        ),
        ("the dtype of x is lost", "kw), x.dtype)", "kw))"),
        (
            "A shares its memory with x",
            "(kh, kw), (sh, sw), (p, q) = size, stride, padding\n",
            "(kh, kw), (sh, sw), (p, q) = size, stride, padding\n"
            "    if size == stride == (1, 1) and padding == (0, 0):\n"
            "        return x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])\n",
        ),
    ],
    "conv_backward": [
        (
            "gx is spread with stride 1",
            "gpadded[seen] += np",
            "gpadded[..., i : i + Ho, j : j + Wo] += np",
        ),
        (
            "gx still has the padding",
            "gpadded[:, :, p : p + H, p : p + width]",
            "gpadded",
        ),
        (
            "gW is returned before gx",
            "gpadded[:, :, p : p + H, p : p + width], gW",
            "gW, gpadded[:, :, p : p + H, p : p + width]",
        ),
        ("gW is transposed, (C, O, kh, kw)", "width], gW", "width], gW.swapaxes(0, 1)"),
        ("gb is a mean over the images", "gb = gy", "gb = 1 / len(x) * gy"),
        (
            "gb is not summed over the images",
            "gy.sum(axis=(0, 2, 3))",
            "gy.sum(axis=(2, 3))",
        ),
        (
            "gb is summed over the channels too",
            "gy.sum(axis=(0, 2, 3))",
            "gy.sum()",
        ),
        (
            "gy was changed in place",
            "    s, p = stride, padding\n",
            "    s, p = stride, padding\n    gy *= 2\n    gy /= 2\n    gy += 1\n",
        ),
        (
            "the taps of W are flipped",
            "gy, W[:, :, i, j])",
            "gy, W[:, :, ::-1, ::-1][:, :, i, j])",
        ),
        (
            "overlapping windows overwrite each other",
            "gpadded[seen] +=",
            "gpadded[seen] =",
        ),
        (
            "gx is divided by the number of images",
            "p : p + width], gW",
            "p : p + width] / len(x), gW",
        ),
        (
            "gx is cut from the padded image at its corner",
            "p : p + H, p : p + width",
            ":H, :width",
        ),
        (
            "the taps of gW are flipped",
            "gW[:, :, i, j] =",
            "gW[:, :, -1 - i, -1 - j] =",
        ),
        (
            "gW is divided by the number of images",
            "gy, padded[seen])",
            "gy, padded[seen]) / len(x)",
        ),
        (
            "gW is a mean over images and places",
            "gy, padded[seen])",
            "gy, padded[seen]) / (len(x) * Ho * Wo)",
        ),
        (
            "gW sees only the first image",
            '"nohw,nchw->oc", gy, padded[seen]',
            '"nohw,nchw->oc", gy[:1], padded[:1][seen]',
        ),
        (
            "gW takes the window of stride 1",
            "gy, padded[seen])",
            "gy, padded[:, :, i : i + Ho, j : j + Wo])",
        ),
        (
            "gb is a mean over images and places",
            "gy.sum(axis=(0, 2, 3))",
            "gy.mean(axis=(0, 2, 3))",
        ),
        (
            "gb is summed over the images only",
            "gy.sum(axis=(0, 2, 3))",
            "gy.sum(axis=0)",
        ),
    ],
    "spectrum": [
        (
            "not conjugated: that is true convolution",
            "np.conj(np.fft.fft2(wide))",
            "np.fft.fft2(wide)",
        ),
        (
            "lag 0 is at the first tap",
            "wide = np.roll(wide, (-(k // 2), -(k // 2)), axis=(2, 3))",
            "wide = wide",
        ),
        (
            "not conjugated, and lag 0 is at the first tap",
            "wide = np.roll(wide, (-(k // 2), -(k // 2)), axis=(2, 3))\n"
            "    K = np.conj(np.fft.fft2(wide))",
            "K = np.fft.fft2(wide)",
        ),
        ("lag 0 is at the last tap", "(-(k // 2), -(k // 2))", "(1 - k, 1 - k)"),
        ("K̂ is divided by H W", "np.conj(np.fft.fft2(wide))", "np.fft.ifft2(wide)"),
        ("K̂ is returned as (O, C, H, W)", "return K,", "return K.transpose(2, 3, 0, 1),"),
        (
            "only the largest singular value of each frequency",
            "values.ravel()",
            "values[..., 0].ravel()",
        ),
        (
            "the singular values of the real part of K̂",
            "np.linalg.svd(K,",
            "np.linalg.svd(K.real,",
        ),
        (
            "the singular values are left as an array (H, W, min(O, C))",
            "np.sort(values.ravel())[::-1]",
            "values",
        ),
        ("shifted the wrong way", "(-(k // 2), -(k // 2))", "(k // 2, k // 2)"),
        ("K̂ is divided by √(H W)", "fft2(wide)", 'fft2(wide, norm="ortho")'),
        (
            "the zero frequency stands in the middle",
            "K = np.conj(np.fft.fft2(wide))",
            "K = np.fft.fftshift(np.conj(np.fft.fft2(wide)), (2, 3))",
        ),
        ("K̂ is transposed, C × O", "transpose(2, 3, 0, 1)", "transpose(2, 3, 1, 0)"),
        (
            "the kernel is transposed",
            ":k, :k] = kernel",
            ":k, :k] = kernel.swapaxes(2, 3)",
        ),
        (
            "only the real part",
            "np.conj(np.fft.fft2(wide))",
            "np.real(np.fft.fft2(wide))",
        ),
        (
            "only the gain |K̂|",
            "np.conj(np.fft.fft2(wide))",
            "np.abs(np.fft.fft2(wide))",
        ),
        ("smallest first", "np.sort(values.ravel())[::-1]", "np.sort(values.ravel())"),
        (
            "the order is by frequency, not by size",
            "np.sort(values.ravel())[::-1]",
            "values.ravel()",
        ),
        (
            "squared: the eigenvalues of TᵀT",
            "np.linalg.svd(K, compute_uv=False)",
            "np.linalg.svd(K, compute_uv=False) ** 2",
        ),
        (
            "the sum over input channels of |K̂|",
            "np.linalg.svd(K, compute_uv=False)",
            "np.abs(K).sum(axis=2)",
        ),
        (
            "the sizes |K̂[o, c]|, not singular values",
            "np.linalg.svd(K, compute_uv=False)",
            "np.abs(K)",
        ),
        (
            "the singular values of the kernel as a matrix (O, C k k)",
            "np.linalg.svd(K, compute_uv=False)",
            "np.linalg.svd(kernel.reshape(O, -1), compute_uv=False)",
        ),
    ],
    "residual_gradient": [
        ("the skip path is forgotten", "return g + gz @ W", "return gz @ W"),
        (
            "the skip path goes round the ReLU",
            "return g + gz @ W",
            "return gy + gz @ W",
        ),
        ("the ReLU is forgotten", "g = gy * (x + gamma * zh + beta > 0)", "g = gy"),
        (
            "the mask of the branch alone is used",
            "(x + gamma * zh + beta > 0)",
            "(gamma * zh + beta > 0)",
        ),
        ("the slope of the ReLU at 0 is taken as 1", "beta > 0)", "beta >= 0)"),
        ("the mask of x is used", "(x + gamma * zh + beta > 0)", "(x > 0)"),
        (
            "the statistics are taken as constants",
            "(g - gbeta / len(x) - zh * ggamma / len(x))",
            "g",
        ),
        ("the term of the mean is missing", "(g - gbeta / len(x) -", "(g -"),
        (
            "the term of the variance is missing",
            "gbeta / len(x) - zh * ggamma / len(x))",
            "gbeta / len(x))",
        ),
        ("the skip path counts twice", "return g + gz", "return 2 * g + gz"),
        ("the branch is forgotten in gx", "return g + gz @ W", "return g"),
        ("the mask is inverted", "beta > 0)", "beta <= 0)"),
        ("the term of the mean is added", "(g - gbeta", "(g + gbeta"),
        ("the term of the variance is added", " - zh * ggamma", " + zh * ggamma"),
        (
            "sums instead of means in gz",
            "gbeta / len(x) - zh * ggamma / len(x)",
            "gbeta - zh * ggamma",
        ),
        ("γ comes twice in gz", "gz = gamma / s", "gz = gamma**2 / s"),
        ("gz is not divided by s", "gz = gamma / s", "gz = gamma"),
        ("gz is divided by s²", "gz = gamma / s", "gz = gamma / s**2"),
        ("gW is a mean over the rows", "gz.T @ x", "gz.T @ x / len(x)"),
        (
            "gβ is returned before gγ",
            "return g + gz @ W, gz.T @ x, ggamma, gbeta",
            "return g + gz @ W, gz.T @ x, gbeta, ggamma",
        ),
        ("γ is missing in gz", "gz = gamma / s", "gz = 1 / s"),
        ("the variance is the unbiased one", "z.var(axis=0)", "z.var(axis=0, ddof=1)"),
        ("ε is forgotten", "z.var(axis=0) + eps", "z.var(axis=0)"),
        ("gx takes Wᵀ instead of W", "gz @ W,", "gz @ W.T,"),
        ("gW is transposed", "gz.T @ x", "x.T @ gz"),
        (
            "gγ and gβ are means",
            "return g + gz @ W, gz.T @ x, ggamma, gbeta",
            "return g + gz @ W, gz.T @ x, ggamma / len(x), gbeta / len(x)",
        ),
        (
            "gγ takes z instead of ẑ",
            "return g + gz @ W, gz.T @ x, ggamma, gbeta",
            "return g + gz @ W, gz.T @ x, (g * z).sum(axis=0), gbeta",
        ),
    ],
}
