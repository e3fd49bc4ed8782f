"""DPO and its family: losses by math.log, slopes by complex steps, optima by descent."""

import cmath
import math

import numpy as np
import pytest

from tinyft import models, no_grad, tensor
from tinyft.objectives import (
    FAMILY,
    answer_logps,
    pair_batch,
    pair_loss,
    preference_loss,
    tilted,
)

IGNORE, RNG = -100, np.random.default_rng(3)
W, L, NW, NL = 1.3, -0.5, 10, 3  # log-ratios of the pair of C3, and lengths
BETA, TAU, EPS, GAMMA, LAM = 0.3, 0.25, 0.1, 0.5, 0.4


def sigma(x):
    return 1 / (1 + cmath.exp(-x))


def log_sigma(x):
    return -cmath.log(1 + cmath.exp(-x))


def odds(v):
    return cmath.log(cmath.exp(v) / (1 - cmath.exp(v)))


SPEC = {  # (options, value of w and l): complex numbers pass
    "dpo": ({"beta": BETA}, lambda w, l: -log_sigma(BETA * (w - l))),
    "cdpo": (
        {"beta": BETA, "epsilon": EPS},
        lambda w, l: (
            -(1 - EPS) * log_sigma(BETA * (w - l)) - EPS * log_sigma(BETA * (l - w))
        ),
    ),
    "robust": (
        {"beta": BETA, "epsilon": EPS},
        lambda w, l: (
            (-(1 - EPS) * log_sigma(BETA * (w - l)) + EPS * log_sigma(BETA * (l - w)))
            / (1 - 2 * EPS)
        ),
    ),
    "ipo": ({"tau": TAU}, lambda w, l: (w - l - 1 / (2 * TAU)) ** 2),
    "hinge": ({"beta": BETA}, lambda w, l: 1 - BETA * (w - l)),
    "kto": (
        {"beta": BETA, "kl": 0.4, "desirable": 1.5, "undesirable": 0.7},
        lambda w, l: (
            1.5 * (1 - sigma(BETA * (w - 0.4))) + 0.7 * (1 - sigma(BETA * (0.4 - l)))
        ),
    ),
    "simpo": (
        {"beta": 2.0, "gamma": GAMMA},
        lambda w, l: -log_sigma(2 * (w - l) - GAMMA),
    ),
    "orpo": ({"weight": LAM}, lambda w, l: -w - LAM * log_sigma(odds(w) - odds(l))),
}


def test_the_family_is_complete():
    assert set(SPEC) == set(FAMILY)


@pytest.mark.parametrize("kind", SPEC)
def test_value_and_slope(kind):
    """Of three pairs at once; slopes by a complex step of the formula."""
    options, value = SPEC[kind]
    w = np.array([W, -0.2, 0.4]) - (3 if kind == "orpo" else 0)
    l = np.array([L, 0.3, 0.1]) - (3 if kind == "orpo" else 0)
    tw, tl = tensor(w, requires_grad=True), tensor(l, requires_grad=True)
    got = preference_loss(tw, tl, kind, **options)
    assert got.shape == (3,)
    assert got.numpy() == pytest.approx(
        [value(a, b).real for a, b in zip(w, l)], abs=1e-12
    )
    got.sum().backward()
    h = 1e-30
    gw = [value(complex(a, h), b).imag / h for a, b in zip(w, l)]
    gl = [value(a, complex(b, h)).imag / h for a, b in zip(w, l)]
    assert tw.grad.numpy() == pytest.approx(gw, abs=1e-12)
    assert tl.grad.numpy() == pytest.approx(gl, abs=1e-12)


def test_hinge_stops_at_its_margin():
    w = tensor([4.0], requires_grad=True)
    preference_loss(w, tensor([0.0]), "hinge", beta=0.3).backward()
    assert w.grad.item() == 0


def test_robust_is_the_clean_loss_on_average():
    """Labels flipped with ε: (1 − ε) robust(h) + ε robust(−h) = DPO(h)."""
    w, l = tensor([W], dtype="f8"), tensor([L], dtype="f8")
    o = {"beta": BETA, "epsilon": EPS}
    right, wrong = (preference_loss(*p, "robust", **o).item() for p in ((w, l), (l, w)))
    clean = preference_loss(w, l, "dpo", beta=BETA).item()
    assert (1 - EPS) * right + EPS * wrong == pytest.approx(clean, abs=1e-12)
    smooth = [preference_loss(*p, "cdpo", **o).item() for p in ((w, l), (l, w))]
    assert abs((1 - EPS) * smooth[0] + EPS * smooth[1] - clean) > 0.03


@pytest.mark.parametrize(
    "kind, options, optimum",
    [
        ("ipo", {"tau": TAU}, 1 / (2 * TAU)),
        ("cdpo", {"beta": BETA, "epsilon": EPS}, math.log((1 - EPS) / EPS) / BETA),
    ],
)
def test_an_unanimous_pair_has_an_optimum(kind, options, optimum):
    for h, sign in ((optimum - 0.1, -1), (optimum, 0), (optimum + 0.1, 1)):
        w = tensor([h], requires_grad=True, dtype="f8")
        preference_loss(w, tensor([0.0], dtype="f8"), kind, **options).backward()
        assert np.sign(np.round(w.grad.item(), 12)) == sign


@pytest.mark.parametrize("kind, options", [("dpo", {}), ("robust", {"epsilon": 0.1})])
def test_an_unanimous_pair_has_none(kind, options):
    w = tensor([60.0], requires_grad=True, dtype="f8")
    preference_loss(w, tensor([0.0], dtype="f8"), kind, beta=0.3, **options).backward()
    assert w.grad.item() < 0


def test_dpo_ends_at_the_tilted_policy():
    """Five answers, all pairs with their Bradley-Terry labels, gradient descent: 1e-6."""
    r, reference = np.array([0.4, -0.3, 1.0, 0.0, -0.8]), RNG.dirichlet(np.ones(5))
    z = tensor(np.zeros(5), requires_grad=True)
    i, j = np.nonzero(1 - np.eye(5))
    p = tensor(1 / (1 + np.exp(r[j] - r[i])))
    for _ in range(150):
        ratios = z - tensor(np.log(reference))
        loss = (p * preference_loss(ratios[i], ratios[j], beta=0.5)).mean()
        loss.backward()
        z.data = z.data - 25.0 * z.grad.data
        z.zero_grad()
    policy = np.exp(z.numpy()) / np.exp(z.numpy()).sum()
    assert np.abs(policy - tilted(reference, r, 0.5)).max() < 1e-6


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: preference_loss([1.0], [[0.0]]), "one number per pair"),
        (lambda: preference_loss([1.0, 2.0], [0.0]), "one number per pair"),
        (lambda: preference_loss([1.0], [0.0], "ppo"), "none of"),
        (lambda: preference_loss([1.0], [0.0], beta=0.0), "beta=0.0 of dpo"),
        (lambda: preference_loss([1.0], [0.0], "ipo", tau=-1.0), "tau=-1.0"),
        (lambda: preference_loss([1.0], [0.0], "ipo", beta=0.1), "not 'beta'"),
        (lambda: preference_loss([1.0], [0.0], "cdpo", epsilon=0.5), "epsilon=0.5"),
        (lambda: preference_loss([1.0], [0.0], "kto", kl=-0.1), "kl=-0.1"),
        (lambda: preference_loss([-1.0], [0.2], "orpo"), "below 0"),
    ],
)
def test_impossible_losses_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# --- pairs as a batch --------------------------------------------------------------

PAIRS = [([1, 2, 3], [4, 5, 9], [6, 9]), ([1], [7, 9], [8, 7, 7, 9])]


def test_a_batch_shifts_masks_and_pads():
    x, y = pair_batch(PAIRS)
    g = IGNORE
    assert x.tolist() == [
        [1, 2, 3, 4, 5],
        [1, 7, 0, 0, 0],
        [1, 2, 3, 6, 0],
        [1, 8, 7, 7, 0],
    ]
    assert y.tolist() == [
        [g, g, 4, 5, 9],
        [7, 9, g, g, g],
        [g, g, 6, 9, g],
        [8, 7, 7, 9, g],
    ]


@pytest.mark.parametrize(
    "pairs, length, match",
    [
        ([], None, "no pair"),
        ([([1], [2, 3], [2, 3])], None, "are equal, so neither"),
        ([([1], [2, 3, 4], [2, 3, 5])], 2, "length=2 leaves"),
        ([([], [2], [3])], None, "at least a BOS"),
        ([([1], [], [3])], None, "one or more ids"),
        ([([1], [2])], None, "prompt, chosen, rejected"),
        ([([1, 2, 3], [2], [3])], 2, "all prompt"),
    ],
)
def test_bad_pairs_are_refused(pairs, length, match):
    with pytest.raises(ValueError, match=match):
        pair_batch(pairs, length)


@pytest.fixture(scope="module")
def gpt():
    m = models.gpt2_tiny(rng=0, vocab=12, dim=16, layers=2, length=10, dtype="f8")
    for p in m.parameters():
        if p.ndim > 1:
            p.data = 0.4 * np.random.default_rng(p.size).normal(size=p.shape)
    return m.eval()


def by_hand(gpt, prompt, answer):
    """log π of an answer, token by token, one forward pass each."""
    total, ids = 0.0, list(prompt)
    with no_grad():
        for token in answer:
            z = gpt(tensor([ids])).numpy()[0, -1]
            total += z[token] - np.log(np.exp(z).sum())
            ids.append(token)
    return total


def test_log_probabilities_of_answers(gpt):
    x, y = pair_batch(PAIRS)
    want = [by_hand(gpt, p, c) for p, c, _ in PAIRS] + [
        by_hand(gpt, p, r) for p, _, r in PAIRS
    ]
    with no_grad():
        sums = answer_logps(gpt, tensor(x), tensor(y)).numpy()
        means = answer_logps(gpt, tensor(x), tensor(y), mean=True).numpy()
        host = answer_logps(gpt, x, y).numpy()
    assert sums == pytest.approx(want, abs=1e-10) and (sums == host).all()
    assert means == pytest.approx(np.array(want) / [3, 2, 2, 4], abs=1e-10)


def test_a_row_without_targets_is_refused(gpt):
    with pytest.raises(ValueError, match="row 1 has no target"):
        answer_logps(gpt, tensor([[1, 2], [1, 2]]), tensor([[2, 3], [IGNORE, IGNORE]]))


def test_the_loss_of_a_batch(gpt):
    """By hand: sums against a reference, a tenth of the chosen answers' loss per token."""
    x, y = (tensor(a) for a in pair_batch(PAIRS))
    reference = np.array([-7.0, -5.0, -6.0, -9.0])
    with no_grad():
        logps = answer_logps(gpt, x, y).numpy()
        got = pair_loss(gpt, x, y, reference, beta=0.3, chosen=0.1).item()
        mean = answer_logps(gpt, x, y, mean=True).numpy()
        simpo = pair_loss(
            gpt, x, y, kind="simpo", beta=2.0, gamma=0.5, chosen=0.1
        ).item()
    h = (logps - reference)[:2] - (logps - reference)[2:]
    nll = -logps[:2].sum() / 5
    assert got == pytest.approx(
        np.log1p(np.exp(-0.3 * h)).mean() + 0.1 * nll, abs=1e-10
    )
    v = 2.0 * (mean[:2] - mean[2:]) - 0.5
    assert simpo == pytest.approx(np.log1p(np.exp(-v)).mean() + 0.1 * nll, abs=1e-10)


def test_the_prompt_takes_no_gradient_of_its_own(gpt):
    """Another last layer for prompt positions changes nothing: they have no target."""
    x, y = pair_batch(PAIRS)
    masked = np.where(y == IGNORE, 11, y)
    reference = np.zeros(4)
    with no_grad():
        right = pair_loss(gpt, tensor(x), tensor(y), reference).item()
        wrong = pair_loss(gpt, tensor(x), tensor(masked), reference).item()
    assert abs(right - wrong) > 1e-3


@pytest.mark.parametrize("kind, reference", [("dpo", None), ("simpo", np.zeros(4))])
def test_a_missing_reference_is_refused(gpt, kind, reference):
    x, y = (tensor(a) for a in pair_batch(PAIRS))
    with pytest.raises(ValueError, match="reference"):
        pair_loss(gpt, x, y, reference, kind=kind)
