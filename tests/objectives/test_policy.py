"""Policy gradients against gradients counted over every answer and every group."""

import numpy as np
import pytest

from tests.objectives.policy_world import World, groups
from tinyft import models, tensor
from tinyft.objectives import (
    METHODS,
    Rule,
    advantages,
    kl_estimate,
    kl_loss,
    penalised,
    policy_loss,
    steered_loss,
    token_log_probs,
    up_to_end,
)

RNG = np.random.default_rng(2)
WORLD = World(RNG.normal(size=(3, 3)))
N = len(WORLD.all)
R = RNG.choice([0.0, 0.3, 1.0, 1.5, 2.5], size=N)
BINARY = (R > 0.9).astype(float)
S = WORLD.scores()


def true_gradient(reward):
    return WORLD.slope(lambda z: (WORLD.p(z) * reward).sum())


def expected(rule, reward, G=3):
    """E of minus the gradient of the loss, over all groups of G answers, (3, 3)."""
    p, logp, total = WORLD.p(), WORLD.token_logp(), np.zeros((3, 3))
    for rows, orders in groups(N, G):
        A = advantages(reward[rows], G, rule.baseline, rule.scale, equal="zero")
        if not A.any():
            continue
        x = tensor(logp[rows], requires_grad=True)
        policy_loss(x, A, WORLD.mask[rows], rule, limit=3).backward()
        weight = orders * np.prod(p[rows])
        total -= weight * np.einsum("it,itvw->vw", x.grad.numpy(), S[rows])
    return total


def cosine(g, h):
    return (g * h).sum() / np.linalg.norm(g) / np.linalg.norm(h)


def test_the_world_is_a_distribution():
    assert np.isclose(WORLD.p().sum(), 1, atol=1e-14)


def test_rloo_is_the_gradient():
    want = true_gradient(R)
    assert abs(expected(METHODS["RLOO"], R) - want).max() < 1e-12


def test_dr_grpo_is_the_gradient_times_a_number():
    """(G − 1)/G from the own sample in the mean, 1/3 from the limit: exactly."""
    want = true_gradient(R) * (2 / 3) / 3
    assert abs(expected(METHODS["Dr. GRPO"], R) - want).max() < 1e-12


def test_reinforce_without_baseline():
    p, want = WORLD.p(), true_gradient(R)
    x = tensor(WORLD.token_logp(), requires_grad=True)
    # by linearity, the weights of all answers at once
    policy_loss(x, R, WORLD.mask, METHODS["REINFORCE"]).backward()
    got = -N * np.einsum("i,it,itvw->vw", p, x.grad.numpy(), S)
    assert abs(got - want).max() < 1e-12


def test_one_over_length_is_another_vector():
    """(G − 1)/G of ∇E[R/L] − E[R] ∇E[1/L], which is not a gradient of anything."""
    p, L = WORLD.p(), WORLD.lengths

    def value(z, what):
        return (WORLD.p(z) * what).sum()

    want = WORLD.slope(lambda z: value(z, R / L)) - (p @ R) * WORLD.slope(
        lambda z: value(z, 1 / L)
    )
    got = expected(Rule("mean", "none", "each"), R)
    assert abs(got - 2 / 3 * want).max() < 1e-12
    assert cosine(got, true_gradient(R)) < 0.999


def test_sigma_turns_only_when_rewards_have_many_values():
    rule = Rule("mean", "group", "answers")
    assert cosine(expected(rule, R), true_gradient(R)) < 0.999
    got, want = expected(rule, BINARY), true_gradient(BINARY)
    p, G = float(WORLD.p() @ BINARY), 3
    k = np.arange(G + 1)
    chance = np.array([1, 3, 3, 1]) * p**k * (1 - p) ** (G - k)
    factor = (chance * np.sqrt(k * (G - k))).sum() / (G * p * (1 - p))
    assert abs(got - factor * want).max() < 1e-12


@pytest.mark.parametrize("name", ["GRPO", "DAPO"])
def test_the_paper_forms_are_biased(name):
    got, want = expected(METHODS[name], R), true_gradient(R)
    scale = (got * want).sum() / (got * got).sum()  # at its best scale
    assert np.linalg.norm(scale * got - want) > 0.05 * np.linalg.norm(want)


def test_a_baseline_that_knows_the_prefix_is_unbiased():
    """A of (n, T): a critic's; here any function of the tokens before."""
    b = np.array([0.7, -1.3, 0.4])[WORLD.before]  # of the token before
    x = tensor(WORLD.token_logp(), requires_grad=True)
    policy_loss(x, R[:, None] - b, WORLD.mask, METHODS["REINFORCE"]).backward()
    got = -N * np.einsum("i,it,itvw->vw", WORLD.p(), x.grad.numpy(), S)
    assert abs(got - true_gradient(R)).max() < 1e-12


# --- the clip -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "A", "slope"),
    [
        (0.5, 1, 0.5),  # worse than before and good: pull back
        (1.0, 1, 1.0),
        (1.5, 1, 0.0),  # far enough
        (0.5, -1, 0.0),  # far enough
        (1.0, -1, -1.0),
        (1.5, -1, -1.5),  # likelier than before and bad: pull back
    ],
)
def test_six_regions(ratio, A, slope):
    x = tensor(np.array([[np.log(ratio) - 1.2]]), requires_grad=True)
    rule = Rule("mean", "none", "answers", 0.2, 0.2)
    old = np.array([[-1.2]])
    policy_loss(x, np.array([float(A)]), np.ones((1, 1)), rule, old).backward()
    assert np.isclose(x.grad.numpy()[0, 0], -slope, atol=1e-14)


def test_the_upper_clip_is_its_own():
    x = tensor(np.log([[1.25]]), requires_grad=True)
    args = np.array([1.0]), np.ones((1, 1)), METHODS["DAPO"], np.zeros((1, 1))
    policy_loss(x, *args).backward()
    assert np.isclose(x.grad.numpy()[0, 0], -1.25)  # 1.28 is not reached


def test_answer_importance_is_exact_off_policy():
    """Answers of another policy, weighted by π/μ as a whole: unbiased. By token: not."""
    mu, found = World(np.random.default_rng(5).normal(size=(3, 3))), {}
    for level in ("answer", "token"):
        x = tensor(WORLD.token_logp(), requires_grad=True)
        args = R, WORLD.mask, Rule(), mu.token_logp()
        policy_loss(x, *args, importance=level).backward()
        found[level] = -N * np.einsum("i,it,itvw->vw", mu.p(), x.grad.numpy(), S)
    want = true_gradient(R)
    assert abs(found["answer"] - want).max() < 1e-12
    assert cosine(found["token"], want) < 0.995


# --- the KL ---------------------------------------------------------------------------

REF = World(RNG.normal(size=(3, 3)))


def kl(z=None, reverse=True):
    p, q = WORLD.p(z), REF.p()
    p, q = (p, q) if reverse else (q, p)
    return (p * (np.log(p) - np.log(q))).sum()


def loss_gradient(kind, weighted):
    """E of ∇ of the loss on whole answers: one "token" per answer."""
    p, S1 = WORLD.p(), np.einsum("itvw->ivw", S)
    x = tensor(np.log(p)[:, None], requires_grad=True)
    ref, one = np.log(REF.p())[:, None], np.ones((N, 1))
    kl_loss(x, ref, one, kind, weighted=weighted).backward()
    return N * np.einsum("i,it,ivw->vw", p, x.grad.numpy(), S1)


def test_values():
    p, gap = WORLD.p(), np.log(WORLD.p()) - np.log(REF.p())
    assert np.isclose(p @ kl_estimate(gap, "k1"), kl(), atol=1e-14)
    assert np.isclose(p @ kl_estimate(gap, "k3"), kl(), atol=1e-14)
    assert abs(p @ kl_estimate(gap, "k2") - kl()) > 0.01


@pytest.mark.parametrize(
    ("kind", "weighted", "which"),
    [
        ("k1", False, "none"),
        ("k2", False, "reverse"),
        ("k3", False, "forward"),
        ("k1", True, "reverse"),
        ("k3", True, "reverse"),
    ],
)
def test_gradients(kind, weighted, which):
    zero = np.zeros((3, 3))
    want = {
        "none": zero,
        "reverse": WORLD.slope(kl),
        "forward": WORLD.slope(lambda z: kl(z, reverse=False)),
    }[which]
    assert abs(loss_gradient(kind, weighted) - want).max() < 1e-12


def test_k2_with_its_weight_is_neither():
    gap = loss_gradient("k2", True) - WORLD.slope(kl)
    assert np.linalg.norm(gap) > 0.1 * np.linalg.norm(WORLD.slope(kl))


def test_k3_keeps_its_digits():
    small = np.array([1e-9, -1e-9, 3e-12])  # relative error eps over the log-ratio
    assert np.allclose(kl_estimate(small, "k3"), small**2 / 2, rtol=1e-3, atol=0)


def test_the_reward_less_its_nats_has_the_gradient_of_the_aim():
    """R − β Σ log(π/ref) in (1) is ∇(E R − β KL), exactly."""
    beta = 0.3
    args = R, WORLD.token_logp(), REF.token_logp(), WORLD.mask, beta
    got = expected(METHODS["RLOO"], penalised(*args))
    want = WORLD.slope(lambda z: (WORLD.p(z) * R).sum() - beta * kl(z))
    assert abs(got - want).max() < 1e-12


def test_the_optimum_is_the_tilted_reference():
    """π ∝ ref e^{R/β}: there the expected step is 0 (all answers, one reward each)."""
    beta, q = 0.5, REF.p()
    best = q * np.exp(R / beta)
    best = np.log(best / best.sum())[:, None]
    less = penalised(R, best, np.log(q)[:, None], np.ones((N, 1)), beta)
    # equal for every answer: nothing is better than anything else
    assert np.ptp(less) < 1e-13


@pytest.mark.parametrize("place", ["reward", "loss"])
def test_one_step(place):
    """steered_loss is its parts, off-policy too."""
    rng = np.random.default_rng(0)
    old, ref = (rng.normal(-1, 0.3, (6, 3)) for _ in range(2))
    now = old + rng.normal(0, 0.2, (6, 3))
    mask, reward = np.array([[1, 1, 0]] * 2 + [[1, 1, 1]] * 4), rng.normal(size=6)
    x, y = (tensor(now, requires_grad=True) for _ in range(2))
    rule, beta = METHODS["Dr. GRPO"], 0.2
    steered_loss(
        x, reward, mask, 3, rule, ref, beta, place, old=old, limit=3
    ).backward()
    if place == "reward":
        reward = reward - beta * ((old - ref) * mask).sum(1)
    A = advantages(reward, 3, "mean")
    loss = policy_loss(y, A, mask, rule, old, limit=3)
    if place == "loss":
        # ∇ρk3 is ρ ℓ times the score
        weight = np.exp(now - old) * (now - ref) * mask / (6 * 3)
        loss = loss + beta * (y * tensor(weight)).sum()
    loss.backward()
    assert abs(x.grad.numpy() - y.grad.numpy()).max() < 1e-12


# --- advantages by hand ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("baseline", "scale", "want"),
    [
        ("none", "none", [1, 0, 2, 5, 5, 5]),
        ("mean", "none", [0, -1, 1, 0, 0, 0]),
        ("others", "none", [0, -1.5, 1.5, 0, 0, 0]),
        ("mean", "group", [0, -(1.5**0.5), 1.5**0.5, 0, 0, 0]),
        ("mean", "batch", [0, -1 / 14**0.5 * 3**0.5, 3**0.5 / 14**0.5, 0, 0, 0]),
    ],
)
def test_two_groups(baseline, scale, want):
    rewards = [1, 0, 2, 5, 5, 5]
    if scale == "batch":
        want = np.array([0, -1, 1, 0, 0, 0]) / np.std(rewards)
    assert np.allclose(advantages(rewards, 3, baseline, scale), want, atol=1e-14)


def test_denominators_by_hand():
    """Two answers of 1 and 3 tokens, A = 1 and 2; the gradient is −A/D."""
    mask, A = np.array([[1, 0, 0], [1, 1, 1]]), np.array([1.0, 2.0])
    for denominator, D in {
        "answers": [2, 2],
        "each": [2, 6],
        "tokens": [4, 4],
        "limit": [10, 10],
    }.items():
        x = tensor(np.zeros((2, 3)), requires_grad=True)
        policy_loss(x, A, mask, Rule(denominator=denominator), limit=5).backward()
        want = -mask * A[:, None] / np.array(D)[:, None]
        assert np.allclose(x.grad.numpy(), want, atol=1e-15), denominator


# --- a language model -----------------------------------------------------------------


def test_log_probabilities_of_a_model():
    model = models.gpt2_tiny(np.random.default_rng(0), "float64")
    rows = np.random.default_rng(1).integers(0, model.config.vocab, (3, 7))
    logits = model(tensor(rows)).numpy()
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    want = [[np.log(p[i, t - 1, rows[i, t]]) for t in range(4, 7)] for i in range(3)]
    got = token_log_probs(model, rows, 4)
    assert np.allclose(got.numpy(), want, atol=1e-12)


def test_up_to_and_with_the_end():
    got = up_to_end([[3, 9, 9, 1], [9, 2, 9, 9], [1, 2, 3, 4]], 9)
    want = [[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]
    assert (got == np.array(want, bool)).all()


# --- bad input ------------------------------------------------------------------------

X = np.zeros((4, 3))
ONES = np.ones((4, 3))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: advantages([1.0, 2.0], 1), "a group of 1 has nothing to compare"),
        (lambda: advantages([1, 1, 0, 0], 2), "all the same"),
        (lambda: advantages([1, 2, 3], 2), "3 rewards do not make groups of 2"),
        (lambda: advantages(np.ones((4, 1)), 2), r"\(n,\) minus \(n, 1\)"),
        (lambda: advantages([1, np.nan], 2), "NaN"),
        (lambda: advantages([1, 2], 2, "median"), "'median' is none of"),
        (lambda: policy_loss(tensor(X), ONES[:, :1], ONES, Rule()), "A has shape"),
        (lambda: policy_loss(tensor(X), ONES[0], ONES, Rule()), "A has shape"),
        (lambda: policy_loss(tensor(X), ONES, ONES[:2], Rule()), "mask has shape"),
        (
            lambda: policy_loss(tensor(X), ONES, ONES, Rule(), X, importance=None),
            "without it there is",
        ),
        (
            lambda: policy_loss(tensor(X), ONES, 0 * ONES, Rule()),
            "no token that counts",
        ),
        (lambda: policy_loss(tensor(X), ONES, ONES, METHODS["Dr. GRPO"]), "limit=None"),
        (lambda: Rule(low=0.2), "belong together"),
        (lambda: Rule(low=1.2, high=0.2), "0 < low < 1"),
        (
            lambda: steered_loss(tensor(X), [1, 2, 3, 4], ONES, 2, Rule("mean"), X),
            "used only if both",
        ),
        (
            lambda: steered_loss(tensor(X), [1, 2, 3, 4], ONES, 2, Rule(), beta=0.1),
            "without ref",
        ),
        (
            lambda: steered_loss(
                tensor(X), [1, 2, 3, 4], ONES, 2, Rule("mean"), X, 0.1, "both"
            ),
            "neither 'reward' nor 'loss'",
        ),
        (lambda: kl_estimate(X, "k4"), "'k4' is none of"),
        (lambda: kl_loss(tensor(X), X[:2], ONES), "ref has shape"),
        (lambda: penalised([1, 2], X, X, ONES, 0.1), "rewards \\(n,\\)"),
    ],
)
def test_refused_in_a_sentence(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_equal_rewards_teach_nothing_and_may_be_let_through():
    assert not advantages([1, 1, 0, 0], 2, scale="group", equal="zero").any()
