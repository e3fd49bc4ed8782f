"""Task vectors, TIES and DARE: brute force, enumeration, closed forms, errors.

float64; 1e-11 for sums in another order, exact where nothing is rounded.
"""

import itertools

import numpy as np
import pytest

from tinyft import models, nn, peft, tensor, transfer
from tinyft.models import mlp
from tinyft.transfer.merging.ties import trimmed

EXACT = 1e-11


@pytest.fixture
def rng():
    return np.random.default_rng(27)


def vectors(rng, count=3, shapes=((9, 7), (11,), (2, 3, 4))):
    scales = np.resize([1.0, 0.6, 1.4], count)
    return [
        {f"w{i}": s * rng.normal(size=n) for i, n in enumerate(shapes)} for s in scales
    ]


def flat(vector):
    return np.concatenate([x.ravel() for x in vector.values()])


def moved(net, seed):
    """The net with other weights, a model of its own."""
    twin, rng = mlp(5, 4, 3, rng=0, dtype="float64"), np.random.default_rng(seed)
    twin.load_state_dict(
        {k: v.numpy() + rng.normal(size=v.shape) for k, v in net.state_dict().items()}
    )
    return twin


# --- task arithmetic -------------------------------------------------------------------


def test_a_vector_brings_the_base_to_the_tuned_model_and_minus_takes_it_back(rng):
    base = mlp(5, 4, 3, rng=0, dtype="float64")
    tuned = moved(base, 1)
    tau = transfer.task_vector(tuned, base)
    there = transfer.add_vectors(base, [tau])
    back = transfer.add_vectors(tuned, [tau], -1)
    for name, p in base.state_dict().items():
        assert np.allclose(there[name], tuned.state_dict()[name].numpy(), atol=EXACT)
        assert np.allclose(back[name], p.numpy(), atol=EXACT)


def test_a_weighted_sum_of_parts_leaves_other_names(rng):
    base = {"a": rng.normal(size=3), "b": rng.normal(size=(2, 2)), "n": np.array(7)}
    one, two = {"a": np.ones(3)}, {"a": np.arange(3.0), "b": np.ones((2, 2))}
    state = transfer.add_vectors(base, [one, two], [0.5, -2])
    assert np.allclose(state["a"], base["a"] + 0.5 - 2 * np.arange(3))
    assert np.allclose(state["b"], base["b"] - 2) and state["n"] == 7
    state["a"][:] = 0
    assert base["a"].all(), "the base is another array"


def test_running_statistics_are_in_no_vector_and_stay_the_bases():
    base, tuned = models.resnet_tiny(0), models.resnet_tiny(1)
    tuned.bn1.running_mean.data = tuned.bn1.running_mean.data + 5
    tau = transfer.task_vector(tuned, base)
    assert set(tau) == {name for name, _ in base.named_parameters()}
    base.load_state_dict(transfer.add_vectors(base, [tau]))
    assert not base.bn1.running_mean.numpy().any()


def test_a_tied_weight_moves_once_under_all_its_names():
    base, tuned = models.gpt2_tiny(0), models.gpt2_tiny(1)
    tau = transfer.task_vector(tuned, base)
    assert len(tau) < len(base.state_dict())
    base.load_state_dict(transfer.add_vectors(base, [tau], 1.0))
    ids = np.array([[1, 2, 3]])
    assert np.allclose(base(ids).numpy(), tuned(ids).numpy(), atol=1e-4)


def test_vectors_of_baked_adapters_add_like_combine(rng):
    """θ0 + 0.7 τ_1 − 0.4 τ_2 = combine(cat) with these weights, for LoRA."""
    base, x = mlp(5, 4, 3, rng=0, dtype="float64"), tensor(rng.normal(size=(6, 5)))
    taus, draws = [], [np.random.default_rng(i) for i in (1, 2)]
    for draw in draws:
        net = mlp(5, 4, 3, rng=0, dtype="float64")
        fill(peft.attach(net, peft.LoRA(r=2, alpha=3), target="0"), draw)
        peft.bake(net)
        taus.append(transfer.task_vector(net, base))
    both = mlp(5, 4, 3, rng=0, dtype="float64")
    lora = [peft.attach(both, peft.LoRA(2, 3), target="0", name=n) for n in "ab"]
    for adapter, seed in zip(lora, (1, 2)):
        fill(adapter, np.random.default_rng(seed))
    peft.combine(lora, [0.7, -0.4])
    base.load_state_dict(transfer.add_vectors(base, taus, [0.7, -0.4]))
    assert np.allclose(base(x).numpy(), both(x).numpy(), atol=EXACT)


def fill(adapter, rng):
    for p in adapter.parameters():
        p.data = rng.normal(size=p.shape)


def test_similarity_is_the_cosine(rng):
    a, b, _ = vectors(rng)
    u, v = flat(a), flat(b)
    want = u @ v / np.linalg.norm(u) / np.linalg.norm(v)
    assert transfer.similarity(a, b) == pytest.approx(want, rel=EXACT)
    assert transfer.similarity(a, {k: -2 * x for k, x in a.items()}) == pytest.approx(
        -1
    )
    assert transfer.similarity(a, {k: 0 * x for k, x in a.items()}) == 0


def test_disjoint_tasks_add_up_to_joint_fine_tuning(rng):
    """X_1 X_2ᵀ = 0: θ0 + τ_1 + τ_2 is where gradient descent on both ends."""
    Q = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    X = [rng.normal(size=(3, 4)) @ Q[:4], rng.normal(size=(3, 4)) @ Q[4:]]
    y, theta0 = [rng.normal(size=3) for _ in X], rng.normal(size=8)
    tau = [np.linalg.pinv(A) @ (b - A @ theta0) for A, b in zip(X, y)]
    both = transfer.add_vectors({"w": theta0}, [{"w": t} for t in tau])["w"]
    A, b, theta = np.concatenate(X), np.concatenate(y), theta0.copy()
    theta += np.linalg.pinv(A) @ (b - A @ theta0)  # where descent from θ0 ends
    assert np.allclose(both, theta, atol=EXACT)
    assert np.allclose(A @ both, b, atol=1e-10)


# --- the tangent model -----------------------------------------------------------------


def test_tangent_is_the_derivative_and_additive(rng):
    net, x = mlp(5, 6, 3, rng=0, dtype="float64"), tensor(rng.normal(size=(7, 5)))
    taus = [transfer.task_vector(moved_mlp(net, i), net) for i in (1, 2)]
    J = [transfer.tangent(net, x, tau) for tau in taus]
    both = {k: taus[0][k] + taus[1][k] for k in taus[0]}
    assert np.allclose(transfer.tangent(net, x, both), J[0] + J[1], atol=EXACT)
    h, twin = 1e-6, mlp(5, 6, 3, rng=0, dtype="float64")
    ends = []
    for sign in (1, -1):
        twin.load_state_dict(transfer.add_vectors(net, taus[:1], sign * h))
        ends.append(twin(x).numpy())
    want = (ends[0] - ends[1]) / (2 * h)  # a ReLU kink within h is improbable
    assert np.max(np.abs(J[0] - want)) < 1e-7 * np.max(np.abs(want))


def moved_mlp(net, seed):
    twin, rng = mlp(5, 6, 3, rng=0, dtype="float64"), np.random.default_rng(seed)
    for p, q in zip(net.parameters(), twin.parameters()):
        q.data = p.data + rng.normal(size=p.shape)
    return twin


def test_for_a_linear_model_the_tangent_is_the_model(rng):
    net, x = nn.Linear(4, 2, dtype="float64", rng=0), tensor(rng.normal(size=(5, 4)))
    tau = {"weight": rng.normal(size=(2, 4)), "bias": rng.normal(size=2)}
    before, got = net(x).numpy(), transfer.tangent(net, x, tau)
    net.load_state_dict(transfer.add_vectors(net, [tau]))
    assert np.allclose(before + got, net(x).numpy(), atol=EXACT)


# --- TIES ------------------------------------------------------------------------------


def brute_force(tasks, density):
    """TIES, one entry at a time; tasks: lists of numbers."""
    kept = []
    for t in tasks:
        order = sorted(range(len(t)), key=lambda i: -abs(t[i]))[: int(density * len(t))]
        kept.append([v if i in order else 0.0 for i, v in enumerate(t)])
    signs = [1 if sum(column) >= 0 else -1 for column in zip(*kept)]
    agree = [[v for v in c if v * s > 0] for c, s in zip(zip(*kept), signs)]
    return [sum(a) / len(a) if a else 0.0 for a in agree]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("density", [0.1, 0.3, 0.57, 1.0])
def test_ties_is_its_specification(rng, count, density):
    taus = vectors(rng, count)
    whole = transfer.ties(taus, density)
    assert np.allclose(flat(whole), brute_force([flat(t) for t in taus], density))
    each = transfer.ties(taus, density, trim="tensor")
    for name, x in each.items():
        want = brute_force([t[name].ravel() for t in taus], density)
        assert np.allclose(x.ravel(), want) and x.shape == taus[0][name].shape


def test_the_two_trims_differ_where_tensors_moved_unequally(rng):
    tau = {"large": 10 * rng.normal(size=50), "small": 0.1 * rng.normal(size=50)}
    both = trimmed(tau, 0.2, "global"), trimmed(tau, 0.2, "tensor")
    assert [np.count_nonzero(t["small"]) for t in both] == [0, 10]
    assert [np.count_nonzero(t["large"]) for t in both] == [20, 10]


def test_mass_elects_not_the_number_of_tasks_and_a_tie_is_positive():
    taus = [{"w": np.array(v)} for v in ([3.0, 1, 0], [-1.0, -1, 0], [-1.0, 0, 0])]
    assert transfer.ties(taus, 1.0)["w"].tolist() == [3.0, 1.0, 0.0]


def test_equal_sizes_keep_the_earlier_entry_and_a_share_is_not_lost_to_rounding():
    assert trimmed({"w": np.ones(4)}, 0.5)["w"].tolist() == [1, 1, 0, 0]
    kept = trimmed({"w": np.arange(1.0, 101)}, 0.57)["w"]
    assert np.count_nonzero(kept) == 57


# --- DARE ------------------------------------------------------------------------------


def masks(p, count):
    """(probability, mask) of all 2^count outcomes."""
    for mask in itertools.product((0, 1), repeat=count):
        kept = sum(mask)
        yield (1 - p) ** kept * p ** (count - kept), np.array(mask)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9])
def test_dare_is_unbiased_with_the_stated_variance_by_enumeration(rng, p):
    tau = rng.normal(size=8)
    outcomes = [(w, m * tau / (1 - p)) for w, m in masks(p, 8)]
    mean = sum(w * x for w, x in outcomes)
    var = sum(w * (x - mean) ** 2 for w, x in outcomes)
    assert np.allclose(mean, tau, atol=EXACT)
    assert np.allclose(var, transfer.dare_variance({"w": tau}, p)["w"], atol=EXACT)
    G = rng.normal(size=(8, 8))
    H, g = G @ G.T, rng.normal(size=8)
    expected = sum(w * (g @ x + x @ H @ x / 2) for w, x in outcomes)
    price = p / (2 * (1 - p)) * np.sum(np.diag(H) * tau**2)
    assert expected == pytest.approx(g @ tau + tau @ H @ tau / 2 + price, rel=1e-10)


def test_dare_draws_what_the_formulas_say(rng):
    """40,000 draws of an entry: four standard errors of the mean and of the share."""
    p, tau = 0.8, {"a": np.full(40_000, 2.0), "b": np.full((200, 200), -1.0)}
    got = transfer.dare(tau, p, rng)
    for name, x in got.items():
        value = tau[name].ravel()[0]
        assert set(np.unique(x)) == {0.0, value / (1 - p)} or value < 0
        error = np.sqrt(p / (1 - p) * value**2 / x.size)
        assert abs(x.mean() - value) < 4 * error
        assert x.shape == tau[name].shape
    assert not np.array_equal(got["a"] != 0, got["b"].ravel() != 0)


def test_dare_keeps_float32_and_p_zero_is_the_vector(rng):
    tau = {"a": rng.normal(size=50).astype("f4")}
    assert transfer.dare(tau, np.float64(0.5), rng)["a"].dtype == np.float32
    assert np.array_equal(transfer.dare(tau, 0, rng)["a"], tau["a"])


# --- bad input -------------------------------------------------------------------------


def test_bad_input_is_a_sentence(rng):
    net, taus = mlp(5, 4, 3, rng=0, dtype="float64"), vectors(rng)
    tau = transfer.task_vector(moved(net, 1), net)
    for call, message in [
        (
            lambda: transfer.task_vector(mlp(5, 4, 2, rng=0), net),
            "a head for other classes",
        ),
        (
            lambda: transfer.task_vector(mlp(5, 4, rng=0), net),
            "the base has 2.bias, 2.weight",
        ),
        (lambda: transfer.add_vectors(net, []), "the list of vectors is empty"),
        (lambda: transfer.add_vectors(net, [tau], [1, 2]), "expected 1 finite weights"),
        (lambda: transfer.add_vectors(net, [tau], np.inf), "expected 1 finite weights"),
        (
            lambda: transfer.add_vectors(net, [{"x": np.ones(2)}]),
            "which the base lacks",
        ),
        (lambda: transfer.add_vectors(net, [{"0.bias": np.ones(2)}]), "has shape .2,."),
        (lambda: transfer.add_vectors(net, [{"0.bias": np.full(4, np.nan)}]), "NaN"),
        (lambda: transfer.ties([], 0.2), "the list is empty"),
        (lambda: transfer.ties(taus, 0), "density 0 would keep nothing"),
        (lambda: transfer.ties(taus, 1.2), "density=1.2"),
        (lambda: transfer.ties(taus, 0.2, "layer"), "one of global, tensor"),
        (lambda: transfer.ties([taus[0], {"w0": taus[0]["w0"]}], 0.2), "lacks w1, w2"),
        (lambda: transfer.dare(tau, 1, rng), "nothing is left to be rescaled"),
        (lambda: transfer.dare(tau, -0.1, rng), "p=-0.1"),
        (lambda: transfer.dare_variance(tau, 1), "p=1"),
        (lambda: transfer.tangent(net, tensor(np.ones((1, 5))), {}), "an empty vector"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_frozen_parameters_and_adapters_are_refused(rng):
    net = mlp(5, 4, 3, rng=0, dtype="float64")
    tau = transfer.task_vector(moved(net, 1), net)
    transfer.freeze(net, "0")
    with pytest.raises(ValueError, match="no gradient reaches"):
        transfer.tangent(net, tensor(np.ones((1, 5))), tau)
    peft.attach(net, peft.LoRA(r=1), target="2")
    with pytest.raises(ValueError, match="bake it first"):
        transfer.task_vector(net, mlp(5, 4, 3, rng=0))
