"""Frequencies: which ones a filter passes, a model uses, and a task still needs.

A signal x of N samples, a filter k (circular correlation), a readout w:

    f(x) = ⟨w, k∗x⟩ = ⟨β, x⟩,   gain g(ω) = |k̂(ω)|,   |β̂(ω)| = g(ω) |ŵ(ω)|         (1)
    loss ½(f − y)², x + ε·wave:  mean over the phase ΔL = ½ε² S,  S = g²|ŵ|²/N         (2)
    residual correlation  ρ = E[(y − f) x] = β* − β  for x ~ N(0, I), y = ⟨β*, x⟩      (3)

S says what the model uses, whatever the task; ρ says what the task lacks. Least excess
risk |β* − β|² of tuning one part: late (w) must leave what lies where g = 0, and early
(k) reaches the shifts of w alone.                                                   (4)

Bin j stands for ω = 2πj/N, j cycles in N samples, 0 to Nyquist's N/2. Beyond it a wave
has the samples of a slower one (Shannon 1949), so it is refused.
"""

import math

from tinyft import backend


def wave(n, frequency, phase=0.0):
    """A unit-norm cosine of `frequency` whole cycles in n samples, (n,), float64, host.

    Raises ValueError for a frequency below 0, beyond Nyquist, or not a whole number.
    """
    check_frequency("wave", n, frequency)
    xp = backend.HOST
    x = xp.cos(2 * math.pi * frequency / n * xp.arange(n) + phase)
    size = math.sqrt(float(x @ x))
    if size < 1e-6:  # only at 0 and Nyquist
        raise ValueError(
            f"wave: at frequency {frequency} the phase {phase} gives zeros"
        )
    return x / size


def check_frequency(caller, n, frequency):
    """Raise ValueError unless n samples hold that many whole cycles."""
    if not 0 <= frequency <= n / 2:
        alias = abs(frequency - n * round(frequency / n))
        raise ValueError(
            f"{caller}: frequency {frequency} is beyond Nyquist's {n / 2:g} for {n} "
            f"samples; sampled, it is the wave of frequency {alias:g}. Take 0 to {n // 2}"
        )
    if frequency != int(frequency):
        raise ValueError(
            f"{caller}: frequency {frequency} is not a whole number of cycles in {n} "
            "samples, so it is no bin of its Fourier transform"
        )


def gain(kernel, shape):
    """|k̂| at every frequency: of taps (..., k) for shape n, (..., n//2 + 1).

    Filters of images: taps (..., kh, kw), shape (H, W), result (..., H, W//2 + 1) as of
    `rfft2`. Raises ValueError for more taps than samples.
    """
    xp, shape = backend.xp_of(kernel), _tuple(shape)
    axes = tuple(range(-len(shape), 0))
    if any(kernel.shape[a] > n for a, n in zip(axes, shape)):
        raise ValueError(
            f"gain: a kernel of shape {kernel.shape} has more taps than {shape} samples"
        )
    return xp.abs(xp.fft.rfftn(kernel, shape, axes))


def sensitivity(kernel, readout):
    """S = g²|ŵ|²/N at every frequency, (N//2 + 1,): taps (k,), readout w (N,)."""
    xp, n = backend.xp_of(readout), len(readout)
    return (gain(kernel, n) * xp.abs(xp.fft.rfft(readout))) ** 2 / n


def residual_correlation(x, residual):
    """ρ of (3): the mean of residual × x. x (n, ...), y − f (n,); of x's inner shape."""
    if len(x) != len(residual) or residual.ndim != 1:
        raise ValueError(
            "residual_correlation: one residual y − f for each signal, got shapes "
            f"{x.shape} and {residual.shape}"
        )
    return backend.xp_of(x).tensordot(residual, x, 1) / len(x)


def energy(signal):
    """|signal|² by frequency: (..., N) → (..., N//2 + 1), with the same sum."""
    xp, n = backend.xp_of(signal), signal.shape[-1]
    both = xp.full(n // 2 + 1, 2.0)  # ω and −ω
    both[0] = 1
    if n % 2 == 0:
        both[-1] = 1
    return both * xp.abs(xp.fft.rfft(signal)) ** 2 / n


def filtered(kernel, signal):
    """Kᵀw: what ⟨w, k∗x⟩ weighs x by. k (odd,), centre tap at lag 0; w (N,)."""
    xp, half = backend.xp_of(signal), len(kernel) // 2
    lags = range(-half, len(kernel) - half)
    return sum(float(k) * xp.roll(signal, lag) for k, lag in zip(kernel, lags))


def floors(kernel, readout, target, blind=1e-9):
    """{"frozen", "early", "late": least excess risk} of (4), Python numbers.

    kernel (k,) with k odd, readout w and target β* (N,). A gain below blind × the
    largest counts as 0.
    """
    xp = backend.xp_of(target)
    linalg, half = backend.linalg_of("floors", target), len(kernel) // 2
    shifts = [xp.roll(readout, lag) for lag in range(-half, len(kernel) - half)]
    columns = xp.stack(shifts, axis=1)
    early = target - columns @ (linalg.pinv(columns) @ target)
    g = gain(kernel, len(target))
    late = xp.where(g > blind * g.max(), 0.0, energy(target)).sum()
    frozen = target - filtered(kernel, readout)
    return {"frozen": _square(frozen), "early": _square(early), "late": float(late)}


def relative_gradients(groups):
    """{name: ‖∇‖ / ‖θ‖} of groups {name: parameters}, after a backward pass.

    Auto-RGN (Lee et al. 2022, "Surgical Fine-Tuning") tunes where it is largest. Raises
    ValueError for a group without gradients or with all parameters 0.
    """
    return {name: _relative(name, list(group)) for name, group in groups.items()}


def _relative(name, params):
    grads = [p.grad.data for p in params if p.grad is not None]
    size = math.sqrt(sum(_square(p.data) for p in params))
    if not grads or not size:
        lack = (
            "a gradient; call backward() first" if size else "a parameter other than 0"
        )
        raise ValueError(f"relative_gradients: group {name!r} has not got {lack}")
    return math.sqrt(sum(_square(g) for g in grads)) / size


def _square(a):
    a = a.ravel()
    return float(a @ a)


def _tuple(shape):
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
