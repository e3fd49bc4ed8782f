"""Grader of spectrum. Bounds: an FFT and an SVD of small matrices err by 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-10
# O, C, k, H, W: more outputs or more inputs; one tap; as many taps as rows
DRAWS = (
    (4, 3, 3, 6, 5),
    (2, 5, 3, 4, 7),
    (3, 1, 5, 7, 6),
    (1, 2, 1, 5, 3),
    (5, 2, 3, 3, 4),
)


def problem(rng, O, C, k, H, W):
    """A kernel without any symmetry, an image that is not square."""
    return rng.normal(size=(O, C, k, k)), (H, W)


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


def responses(kernel, shape):
    right, k = response(kernel, shape), kernel.shape[-1]
    H, W = shape
    return {
        "not conjugated: that is true convolution": np.conj(right),
        "lag 0 is at the first tap": response(kernel, shape, centre=0),
        "not conjugated, and lag 0 is at the first tap": np.conj(
            response(kernel, shape, centre=0)
        ),
        "lag 0 is at the last tap": response(kernel, shape, centre=k - 1),
        "shifted the wrong way": response(kernel, shape, centre=-(k // 2)),
        "K̂ is divided by √(H W)": right / np.sqrt(H * W),
        "K̂ is divided by H W": right / (H * W),
        "the zero frequency stands in the middle": np.fft.fftshift(right, (0, 1)),
        "K̂ is transposed, C × O": right.transpose(0, 1, 3, 2),
        "K̂ is returned as (O, C, H, W)": right.transpose(2, 3, 0, 1),
        "the kernel is transposed": response(kernel.swapaxes(2, 3), shape),
        "only the real part": right.real,
        "only the gain |K̂|": np.abs(right),
    }


def singular(kernel, shape):
    right, K = values(matrix(kernel, shape)), response(kernel, shape)
    O, H_W = len(kernel), np.prod(shape)
    return {
        "smallest first": right[::-1],
        "the order is by frequency, not by size": values(K).ravel(),
        "squared: the eigenvalues of TᵀT": right**2,
        "zero padding": values(matrix(kernel, shape, wrap=False)),
        "the sum over input channels of |K̂|": np.sort(np.abs(K).sum(axis=2).ravel())[
            ::-1
        ],
        "the sizes |K̂[o, c]|, not singular values": np.sort(np.abs(K).ravel())[::-1],
        "only the largest singular value of each frequency": np.sort(
            values(K)[..., 0].ravel()
        )[::-1],
        "K̂ is divided by √(H W)": right / np.sqrt(H_W),
        "K̂ is divided by H W": right / H_W,
        "the singular values of the kernel as a matrix (O, C k k)": values(
            kernel.reshape(O, -1)
        ),
        "the singular values of the real part of K̂": np.sort(values(K.real).ravel())[
            ::-1
        ],
        "the singular values are left as an array (H, W, min(O, C))": values(K),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_response(student, rng, draw):
    """K̂ at every frequency, from the sum over taps."""
    given = problem(rng, *draw)
    want = response(*given)
    compare(
        student.spectrum(*given)[0],
        want=want,
        mistakes=responses(*given),
        tol=TOL,
        equation="(3.5)",
        called=f"spectrum(kernel, {given[1]})[0]",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_singular_values(student, rng, draw):
    """The singular values, from the convolution written out as a matrix."""
    given = problem(rng, *draw)
    want = values(matrix(*given))
    want = want[: np.prod(draw[3:]) * min(draw[:2])]
    compare(
        student.spectrum(*given)[1],
        want=want,
        mistakes=singular(*given),
        tol=TOL,
        equation="(3.6)",
        called=f"spectrum(kernel, {given[1]})[1]",
    )


@pytest.mark.draws((2, 3, 5, 6, 7, (1, 2)), (4, 1, 3, 5, 8, (4, 3)))
def test_a_wave_goes_through(student, rng, draw):
    """Each wave comes out as K̂ times itself: T e^{iω·x} = K̂(ω) e^{iω·x}."""
    O, C, k, H, W, (a, b) = draw
    kernel, shape = problem(rng, O, C, k, H, W)
    K, _ = take(student.spectrum(kernel, shape), K=(H, W, O, C), values=(None,))
    phase = np.add.outer(a * np.arange(H) / H, b * np.arange(W) / W)
    wave = np.exp(2j * np.pi * phase)
    out = matrix(kernel, shape).reshape(O * H * W, C, H * W) @ wave.ravel()
    known = {
        said: v[a, b][:, None, None, :] * wave[:, :, None]
        for said, v in responses(kernel, shape).items()
        if v.shape == K.shape
    }
    want = out.reshape(O, H, W, C)  # one channel of the input after the other
    compare(
        K[a, b][:, None, None, :] * wave[:, :, None],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(3.5)",
        called=f"K̂(2π({a}/{H}, {b}/{W})) on its wave",
    )


@pytest.mark.draws((6, 4), (5, 7))
def test_box(student, draw):
    """The 3×3 box: (1 + 2cos ω₁)(1 + 2cos ω₂)/9, a real number for each frequency."""
    H, W = draw
    kernel = np.full((1, 1, 3, 3), 1 / 9)
    K, _ = take(student.spectrum(kernel, draw), K=(H, W, 1, 1), values=(None,))
    a, b = (np.cos(2 * np.pi * np.arange(n) / n) for n in draw)
    want = np.outer(1 + 2 * a, 1 + 2 * b)[:, :, None, None] / 9 + 0j
    compare(
        K,
        want=want,
        mistakes=responses(kernel, draw),
        tol=TOL,
        equation="(3.7)",
        called=f"spectrum(box, {draw})[0]",
    )
