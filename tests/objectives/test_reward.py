"""Rewards: likelihoods by loops, optima by brute force; float64, 1e-9 unless said."""

import itertools
import math

import numpy as np
import pytest

from tinyft import models, no_grad, ops, tensor
from tinyft.objectives import (
    RewardModel,
    accepted,
    bradley_terry,
    reward_loss,
    step_loss,
    tilted,
)

RNG = np.random.default_rng(24)


def sigma(x):
    return 1 / (1 + math.exp(-x))


def likelihood(wins, r):
    K = range(len(r))
    return sum(
        wins[i][j] * math.log(sigma(r[i] - r[j])) for i in K for j in K if i != j
    )


def test_the_loss_is_the_mean_of_minus_log_sigma():
    chosen, rejected, sure = [2.0, -1.0, 0.5], [1.0, 1.0, 0.0], [1.0, 0.8, 0.5]
    want = 0.0
    for a, b, p in zip(chosen, rejected, sure):
        want -= (p * math.log(sigma(a - b)) + (1 - p) * math.log(sigma(b - a))) / 3
    got = reward_loss(
        tensor(chosen, dtype="f8"),
        tensor(rejected, dtype="f8"),
        sure=tensor(sure, dtype="f8"),
    )
    assert got.item() == pytest.approx(want, abs=1e-12)
    plain = reward_loss(tensor([2.0], dtype="f8"), tensor([1.0], dtype="f8"))
    assert plain.item() == pytest.approx(math.log(1 + math.exp(-1)), abs=1e-12)


def test_its_gradient_vanishes_where_the_model_is_sure_enough():
    """At r₁ − r₂ = logit p, by (2)."""
    r = tensor([math.log(0.8 / 0.2)], requires_grad=True, dtype="f8")
    reward_loss(r, tensor([0.0], dtype="f8"), sure=0.8).backward()
    assert abs(r.grad.item()) < 1e-12


@pytest.mark.parametrize(
    "shapes", [((3,), (3, 1)), ((3,), (2,)), ((2, 2), (2, 2)), ((0,), (0,))]
)
def test_other_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="one number per pair"):
        reward_loss(*(tensor(np.ones(s)) for s in shapes))


def test_two_answers_in_closed_form():
    r = bradley_terry([[0, 30], [10, 0]])
    assert r[0] - r[1] == pytest.approx(math.log(3), abs=1e-12)
    assert r.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_bradley_terry_is_the_maximum(seed):
    """No single step of 1e-3 in any direction of two answers is better."""
    rng = np.random.default_rng(seed)
    wins = rng.integers(1, 9, (4, 4)) * (1 - np.eye(4, dtype=int))
    r = bradley_terry(wins)
    best = likelihood(wins, r)
    for i, j in itertools.permutations(range(4), 2):
        moved = r.copy()
        moved[i], moved[j] = moved[i] + 1e-3, moved[j] - 5e-4
        assert likelihood(wins, moved) < best


def test_bradley_terry_finds_planted_rewards():
    """With expected counts instead of sampled ones, exactly; far apart too."""
    for scale in (1.0, 8.0):
        r = scale * np.array([0.7, -0.4, 0.1, -0.4])
        wins = 1 / (1 + np.exp(r[None] - r[:, None])) * (1 - np.eye(4))
        assert np.abs(bradley_terry(wins) - r + r.mean()).max() < 1e-9


def test_a_chain_of_comparisons_is_enough():
    wins = np.zeros((3, 3))
    wins[0, 1], wins[1, 0], wins[1, 2], wins[2, 1] = 3, 1, 1, 4
    r = bradley_terry(wins)
    assert r[0] - r[1] == pytest.approx(math.log(3), abs=1e-10)
    assert r[1] - r[2] == pytest.approx(-math.log(4), abs=1e-10)


@pytest.mark.parametrize(
    "wins, match",
    [
        ([[0, 5], [0, 0]], "no chain of wins leads from 1 to 0"),
        ([[0, 2, 0], [1, 0, 0], [0, 0, 0]], "no chain"),
        ([[0, -1], [1, 0]], "not negative"),
        ([[1, 1], [1, 1]], "0 on the diagonal"),
        ([[0]], "K of 2 or more"),
    ],
)
def test_wins_that_have_no_maximum_are_refused(wins, match):
    with pytest.raises(ValueError, match=match):
        bradley_terry(wins)


# --- steps -----------------------------------------------------------------------------


def test_steps_without_a_label_do_not_count():
    scores, labels = RNG.normal(size=(2, 3)), [[1, 0, -100], [-100, 1, -100]]
    want = (
        -(
            math.log(sigma(scores[0, 0]))
            + math.log(sigma(-scores[0, 1]))
            + math.log(sigma(scores[1, 1]))
        )
        / 3
    )
    s = tensor(scores, requires_grad=True)
    loss = step_loss(s, tensor(labels))
    assert loss.item() == pytest.approx(want, abs=1e-12)
    loss.backward()
    assert s.grad.numpy()[0, 2] == s.grad.numpy()[1, 0] == 0


@pytest.mark.parametrize(
    "labels, match",
    [
        ([[-100, -100]], "none of the 2 steps"),
        ([[2, 1]], "0, 1 or -100"),
        ([[1]], "one label per score"),
    ],
)
def test_bad_labels_are_refused(labels, match):
    with pytest.raises(ValueError, match=match):
        step_loss(tensor([[0.1, 0.2]]), tensor(labels))


@pytest.fixture
def judge():
    gpt = models.gpt2_tiny(rng=0, vocab=20, dim=16, layers=2, length=12, dtype="f8")
    return RewardModel(gpt, rng=1).to("float64")


def test_the_reward_is_read_at_the_last_token(judge):
    """Padding on the right changes nothing, and the score is a product by hand."""
    ids = RNG.integers(0, 20, (2, 7))
    mask = np.arange(7) < np.array([[4], [7]])
    with no_grad():
        got = judge(tensor(ids), tensor(mask)).numpy()
        short = judge(tensor(ids[:1, :4])).numpy()
        states = judge.model.states(tensor(ids[1:])).numpy()
    assert got[0] == pytest.approx(short[0], abs=1e-12)
    want = states[0, -1] @ judge.score.weight.numpy()[0] + judge.score.bias.numpy()[0]
    assert got[1] == pytest.approx(want, abs=1e-12)


def test_every_step_has_its_own_number(judge):
    """The reward after token t is the reward of the text cut there: it is causal."""
    ids = RNG.integers(0, 20, (3, 6))
    with no_grad():
        every = judge.every(tensor(ids)).numpy()
        for t in (0, 3, 5):
            assert (
                np.abs(every[:, t] - judge(tensor(ids[:, : t + 1])).numpy()).max()
                < 1e-12
            )


def test_a_row_of_padding_is_refused(judge):
    with pytest.raises(ValueError, match="row 1 of the mask has no token"):
        judge(tensor([[1, 2], [3, 4]]), tensor([[True, True], [False, False]]))


# --- the policy that a reward asks for ----------------------------------------------------


def value(pi, reference, r, beta):
    some = pi > 0
    kl = sum(p * math.log(p / q) for p, q in zip(pi[some], reference[some]))
    return pi @ r - beta * kl


@pytest.mark.parametrize("beta", [0.2, 1.0, 5.0])
def test_tilted_is_the_best_policy(beta):
    """Its value is β log Z; no other of 500 policies near it or anywhere reaches it."""
    reference, r = RNG.dirichlet(np.ones(5)), RNG.normal(size=5)
    best = tilted(reference, r, beta)
    assert best.sum() == pytest.approx(1)
    top = value(best, reference, r, beta)
    assert top == pytest.approx(
        beta * math.log(reference @ np.exp(r / beta)), abs=1e-12
    )
    for i in range(500):
        other = RNG.dirichlet(np.ones(5))
        other = other if i % 2 else 0.99 * best + 0.01 * other
        gap = top - value(other, reference, r, beta)
        kl = sum(p * math.log(p / q) for p, q in zip(other, best))
        assert gap == pytest.approx(beta * kl, abs=1e-10) and gap > 0


def test_tilted_overflows_nowhere():
    p = tilted([0.5, 0.5, 0.0], [900.0, 899.0, 5000.0], 0.5)
    assert p[2] == 0 and p[0] / p[1] == pytest.approx(math.exp(2))
    rows = tilted(np.full((2, 3), 1 / 3), [[0, 1, 2], [0, 0, 0]], 1.0)
    assert rows.sum(1) == pytest.approx([1, 1]) and rows[1] == pytest.approx(1 / 3)


def test_what_is_accepted_follows_the_tilted_law():
    """Shares of 200,000 draws: the standard error of a share is below 0.0025."""
    reference, r = np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.0, 0.5])
    rng = np.random.default_rng(3)
    drawn = rng.choice(3, 200_000, p=reference)
    keep = accepted(r[drawn], 0.5, rng, most=1.0)
    share = np.bincount(drawn[keep], minlength=3) / keep.sum()
    assert share == pytest.approx(tilted(reference, r, 0.5), abs=0.01)
    rate = (reference * np.exp((r - 1) / 0.5)).sum()
    assert keep.mean() == pytest.approx(rate, abs=0.01)


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: tilted([0.5, 0.4], [1, 2], 1.0), "sum to 1"),
        (lambda: tilted([0.5, 0.5], [1, 2, 3], 1.0), "one reward each"),
        (lambda: tilted([0.5, 0.5], [1, 2], 0.0), "positive and finite"),
        (lambda: tilted([0.5, 0.5], [1, 2], -1.0), "positive and finite"),
        (lambda: accepted([1.0, 3.0], 1.0, 0, most=2.0), "lies above most=2"),
        (lambda: accepted([1.0], math.inf, 0), "positive and finite"),
    ],
)
def test_impossible_policies_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_gradients_reach_body_and_head(judge):
    ids = tensor(RNG.integers(0, 20, (4, 5)))
    r = judge(ids)
    reward_loss(r[:2], r[2:]).backward()
    assert all(
        np.abs(p.grad.numpy()).max() > 0
        for p in (judge.score.weight, judge.model.embed.weight)
    )
    assert judge.score.bias.grad.numpy() == pytest.approx(0, abs=1e-12)
    assert ops.sum(r).item() == pytest.approx(float(r.numpy().sum()))
