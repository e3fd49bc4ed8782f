"""Grader of spectrum. Bounds: an FFT and an SVD of small matrices err by 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10


def problem(seed, outputs=4, inputs=3, k=3, shape=(6, 5)):
    """A kernel without any symmetry, an image that is not square."""
    kernel = np.random.default_rng(seed).normal(size=(outputs, inputs, k, k))
    return kernel, shape


def response(kernel, shape, centre=None, sign=1):
    """(3.5) term by term; lag 0 at tap `centre`, `sign` in the exponent."""
    k = kernel.shape[-1]
    centre = k // 2 if centre is None else centre
    a = 2 * np.pi * np.arange(shape[0]) / shape[0]
    b = 2 * np.pi * np.arange(shape[1]) / shape[1]
    K = np.zeros((*shape, *kernel.shape[:2]), complex)
    for i, j in np.ndindex(k, k):
        phase = np.add.outer(a * (i - centre), b * (j - centre))
        K += np.exp(sign * 1j * phase)[..., None, None] * kernel[:, :, i, j]
    return K


def matrix(kernel, shape, wrap=True):
    """The convolution as a matrix (O H W, C H W): wrapping round, or zero padding."""
    (O, C, k, _), (H, W) = kernel.shape, shape
    T = np.zeros((O, H, W, C, H, W))
    for h, w, i, j in np.ndindex(H, W, k, k):
        a, b = h + i - k // 2, w + j - k // 2
        if wrap or (0 <= a < H and 0 <= b < W):
            T[:, h, w, :, a % H, b % W] += kernel[:, :, i, j]
    return T.reshape(O * H * W, C * H * W)


def values(T):
    return np.linalg.svd(T, compute_uv=False)


def both(student, kernel, shape):
    got = student.spectrum(kernel.copy(), shape)
    assert isinstance(got, tuple) and len(got) == 2, (
        f"spectrum must return the tuple (K̂, singular values), it returned {type(got)}"
    )
    return got


@pytest.mark.points(2)
def test_response(student, seed):
    """K̂ at every frequency, from the sum over taps."""
    kernel, shape = problem(seed)
    right = response(kernel, shape)
    compare(
        both(student, kernel, shape)[0],
        want=right,
        mistakes={
            "not conjugated: that is true convolution": np.conj(right),
            "lag 0 is at the first tap": response(kernel, shape, centre=0),
            "shifted the wrong way": response(kernel, shape, centre=-1),
            "K̂ is divided by √(H W)": right / np.sqrt(np.prod(shape)),
            "the zero frequency stands in the middle": np.fft.fftshift(right, (0, 1)),
            "K̂ is transposed, C × O": right.transpose(0, 1, 3, 2),
            "the kernel is transposed": response(kernel.swapaxes(2, 3), shape),
            "only the real part": right.real,
            "only the gain |K̂|": np.abs(right),
        },
        tol=TOL,
        equation="(3.5)",
        called="spectrum(kernel, (6, 5))[0]",
    )


@pytest.mark.points(2)
def test_singular_values(student, seed):
    """The singular values, from the convolution written out as a matrix."""
    kernel, shape = problem(seed)
    right = values(matrix(kernel, shape))
    K = response(kernel, shape)
    compare(
        both(student, kernel, shape)[1],
        want=right,
        mistakes={
            "smallest first": right[::-1],
            "the order is by frequency, not by size": values(K).ravel(),
            "squared: the eigenvalues of TᵀT": right**2,
            "zero padding": values(matrix(kernel, shape, wrap=False)),
            "the sum over input channels of |K̂|": np.sort(
                np.abs(K).sum(axis=2).ravel()
            )[::-1],
            "the sizes |K̂[o, c]|, not singular values": np.sort(np.abs(K).ravel())[
                ::-1
            ],
            "K̂ is divided by √(H W)": right / np.sqrt(np.prod(shape)),
            "the singular values of the kernel as a matrix (O, C k k)": values(
                kernel.reshape(len(kernel), -1)
            ),
        },
        tol=TOL,
        equation="(3.6)",
        called="spectrum(kernel, (6, 5))[1]",
    )


def test_a_wave_goes_through(student, seed):
    """Each wave comes out as K̂ times itself: T e^{iω·x} = K̂(ω) e^{iω·x}, 5×5 taps."""
    kernel, (H, W) = problem(seed, outputs=2, inputs=3, k=5, shape=(5, 7))
    K, T = both(student, kernel, (H, W))[0], matrix(kernel, (H, W))
    right = response(kernel, (H, W))
    compare(
        K,
        want=right,
        mistakes={
            "not conjugated: that is true convolution": np.conj(right),
            "lag 0 is at the first tap": response(kernel, (H, W), centre=0),
        },
        tol=TOL,
        equation="(3.5)",
        called="spectrum(kernel, (5, 7))[0]",
    )
    for a, b in ((1, 2), (4, 3)):
        wave = np.exp(
            2j * np.pi * np.add.outer(a * np.arange(H) / H, b * np.arange(W) / W)
        )
        out = T.reshape(-1, 3, H * W) @ wave.ravel()  # (2 H W, 3): a channel each
        out = out.reshape(2, H, W, 3)
        compare(
            K[a, b][:, None, None, :] * wave[:, :, None],
            want=out,
            tol=TOL,
            equation="(3.5)",
            called=f"K̂(2π({a}/5, {b}/7)) on its wave",
        )


def test_box(student, seed):
    """The 3×3 box: (1 + 2cos ω₁)(1 + 2cos ω₂)/9, a real number for each frequency."""
    K = both(student, np.full((1, 1, 3, 3), 1 / 9), (6, 4))[0]
    a, b = np.cos(2 * np.pi * np.arange(6) / 6), np.cos(np.pi * np.arange(4) / 2)
    compare(
        np.asarray(K).reshape(6, 4),
        want=np.outer(1 + 2 * a, 1 + 2 * b) / 9 + 0j,
        mistakes={"only the gain |K̂|": np.abs(np.outer(1 + 2 * a, 1 + 2 * b)) / 9},
        tol=TOL,
        equation="(3.7)",
        called="spectrum(box, (6, 4))[0]",
    )
