"""Grader of pair_losses. The reference adds up token by token: 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(2, 8, 0.3), (3, 9, 0.2), (4, 7, 0.45)]  # pairs, T, tau


def problem(rng, B, T, tau):
    prompts = rng.integers(1, T - 3, B)
    lengths = np.concatenate([prompts, prompts]) + rng.integers(2, 4, 2 * B)
    lengths[0] = lengths[B] - 1 if lengths[0] == lengths[B] else lengths[0]
    lengths = np.minimum(lengths, T)
    logp, ref = -rng.uniform(0.5, 4.0, (2, 2 * B, T))
    return logp, ref, prompts, lengths, tau


def spans(given, start=0, stop=0):
    """[(row, tokens of its answer)], both ends shifted."""
    logp, _, prompts, lengths, _ = given
    B, T = len(prompts), logp.shape[1]
    edges = [(prompts[i % B] + start, lengths[i] + stop) for i in range(2 * B)]
    return [list(range(max(a, 0), min(b, T))) for a, b in edges]


def worked(given, rows=None, mean=False, ref=True, target=None, count=None, kind="ipo"):
    """(h, losses, gradient) of token lists, by loops."""
    logp, reference, prompts, _, tau = given
    B, rows = len(prompts), rows or spans(given)
    reference = reference if ref else 0 * reference
    totals = [sum(logp[i, t] - reference[i, t] for t in at) for i, at in enumerate(rows)]
    fit = [1 / len(at) if mean else 1.0 for at in rows]
    totals = [a * s for a, s in zip(totals, fit)]
    target = 1 / (2 * tau) if target is None else target
    h = np.array([totals[i] - totals[B + i] for i in range(B)])
    losses, slopes = (h - target) ** 2, 2 * (h - target)
    if kind == "dpo":
        losses, slopes = np.log1p(np.exp(-tau * h)), -tau / (1 + np.exp(tau * h))
    gradient = np.zeros(logp.shape)
    for i, at in enumerate(rows):
        sign = 1.0 if i < B else -1.0
        gradient[i, at] = sign * slopes[i % B] * fit[i] / (count or B)
    return h, losses, gradient


def mistakes(given):
    logp, _, prompts, lengths, tau = given
    B = len(prompts)
    whole = [list(range(n)) for n in lengths]
    right = spans(given)
    swapped = [*right[B:], *right[:B]]
    padded = [list(range(prompts[i % B], logp.shape[1])) for i in range(2 * B)]
    return {
        "means over the tokens, not sums": worked(given, mean=True),
        "the prompt is counted in both rows": worked(given, whole),
        "the prompt is masked in the chosen row only": worked(
            given, right[:B] + whole[B:]
        ),
        "the end-of-sequence token is left out": worked(given, spans(given, stop=-1)),
        "the mask is one token early, as before the shift": worked(
            given, spans(given, -1, -1)
        ),
        "the first token of the answer is left out": worked(given, spans(given, 1)),
        "padding is counted": worked(given, padded),
        "chosen and rejected rows have each other's mask": worked(given, swapped),
        "the reference is left out": worked(given, ref=False),
        "the target is 1/τ": worked(given, target=1 / tau),
        "the target is τ/2": worked(given, target=tau / 2),
        "−log σ(τ h): DPO, not IPO": worked(given, kind="dpo"),
    }


def differing(given, which):
    return {k: v[which] for k, v in mistakes(given).items()}


@pytest.mark.draws(*SIZES)
def test_h(student, rng, draw):
    """The difference of the two log-ratios."""
    given = problem(rng, *draw)
    same = ("target", "DPO")
    known = {k: v for k, v in differing(given, 0).items() if not any(s in k for s in same)}
    want = worked(given)[0]
    compare(
        student.pair_losses(*given)[0],
        want=want,
        mistakes=known | {"rejected minus chosen": -want},
        tol=TOL,
        equation="(24.9)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """One loss per pair."""
    given = problem(rng, *draw)
    h, want, _ = worked(given)
    tau = given[-1]
    compare(
        student.pair_losses(*given)[1],
        want=want,
        mistakes=differing(given, 1)
        | {
            "the square of the mean, one number for all": np.full(
                len(h), (h.mean() - 1 / (2 * tau)) ** 2
            ),
            "half the square": want / 2,
            "(τ h − 1/2)²: the same optimum, another loss": (tau * h - 0.5) ** 2,
            "rejected minus chosen": (-h - 1 / (2 * tau)) ** 2,
            "divided by B": want / len(h),
        },
        tol=TOL,
        equation="(24.9)",
    )


@pytest.mark.draws(*SIZES)
def test_gradient(student, rng, draw):
    """The gradient of the mean loss by every log-probability."""
    given = problem(rng, *draw)
    B, tau = len(given[2]), given[-1]
    want = worked(given)[2]
    both = np.concatenate([want[:B], -want[B:]])
    compare(
        student.pair_losses(*given)[2],
        want=want,
        mistakes=differing(given, 2)
        | {
            "not divided by B": B * want,
            "the factor 2 of the square is missing": want / 2,
            "the rejected row has the sign of the chosen one": both,
            "the chosen row alone": np.concatenate([want[:B], 0 * want[B:]]),
            "(τ h − 1/2)²: the same optimum, another loss": tau**2 * want,
            "the opposite sign": -want,
        },
        tol=TOL,
        equation="(24.9)",
    )


@pytest.mark.draws((2, 8, 0.3), (3, 6, 0.25))
def test_padding_may_hold_anything(student, rng, draw):
    """NaN and −inf behind the end change nothing."""
    given = problem(rng, *draw)
    want = worked(given)
    logp, ref, prompts, lengths, tau = given
    behind = np.arange(logp.shape[1]) >= lengths[:, None]
    dirty = np.where(behind, np.nan, logp), np.where(behind, -np.inf, ref)
    compare(
        student.pair_losses(*dirty, prompts, lengths, tau),
        want=want,
        mistakes={},
        tol=TOL,
        equation="(24.9)",
    )
