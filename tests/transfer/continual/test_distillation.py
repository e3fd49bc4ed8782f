"""Divergences against their gradients, sequences against enumeration."""

import itertools

import numpy as np
import pytest

from tinyft import models, ops, tensor
from tinyft.course.referee import complex_step
from tinyft.transfer.continual import LwF, divergence, on_policy_loss


def soft(z):
    e = np.exp(z - z.max(-1, keepdims=True).real)
    return e / e.sum(-1, keepdims=True)


def by_hand(z, v, kind, T, b):
    """T² divergence of softmax(v/T) and softmax(z/T), for complex z too."""
    q, p = soft(z / T), soft(v / T)
    if kind == "forward":
        return T * T * (p * np.log(p / q)).sum()
    if kind == "reverse":
        return T * T * (q * np.log(q / p)).sum()
    m = b * p + (1 - b) * q
    return T * T * (b * p * np.log(p / m) + (1 - b) * q * np.log(q / m)).sum()


@pytest.mark.parametrize("kind", ["forward", "reverse", "jsd"])
@pytest.mark.parametrize("T", [1.0, 3.0])
def test_value_and_gradient(kind, T):
    rng = np.random.default_rng(0)
    z, v = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    x = tensor(z, requires_grad=True)
    rows = divergence(x, tensor(v), kind, T, mix=0.3)
    want = [by_hand(a, b, kind, T, 0.3) for a, b in zip(z, v)]
    np.testing.assert_allclose(rows.numpy(), want, rtol=1e-12)
    rows.sum().backward()
    for i in range(2):
        for k in range(5):

            def f(t, i=i, k=k):
                row = z[i].astype(complex)
                row[k] = t
                return by_hand(row, v[i], kind, T, 0.3)

            want = complex_step(f, z[i, k])
            assert x.grad.data[i, k] == pytest.approx(want, rel=1e-9, abs=1e-12)


def test_hot_both_directions_are_half_the_squared_difference():
    rng = np.random.default_rng(1)
    z, v = rng.normal(size=(1, 6)), rng.normal(size=(1, 6))
    away = (z - z.mean()) - (v - v.mean())
    for kind in ("forward", "reverse"):
        x = tensor(z, requires_grad=True)
        divergence(x, tensor(v), kind, 1e3).sum().backward()
        # the next order is 1/T = 1e-3 relative
        np.testing.assert_allclose(x.grad.data, away / 6, atol=3e-3 * abs(away).max())


def test_jsd_over_its_weights_tends_to_both_directions():
    rng = np.random.default_rng(2)
    z, v = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    z, v = tensor(z), tensor(v)
    for b, kind in ((1e-5, "forward"), (1 - 1e-5, "reverse")):
        got = divergence(z, v, "jsd", mix=b).numpy() / (b * (1 - b))
        np.testing.assert_allclose(got, divergence(z, v, kind).numpy(), rtol=1e-3)


def test_the_teacher_gets_no_gradient():
    z, v = (tensor(np.ones((1, 2)) * i, requires_grad=True) for i in (1, 2))
    (divergence(z, v * 2.0, "jsd").sum() + z.sum()).backward()
    assert v.grad is None


def test_lwf_holds_the_outputs_of_the_model_as_it_was():
    rng = np.random.default_rng(0)
    model = models.mlp(4, 3, rng=rng, dtype="float64")
    x = tensor(rng.normal(size=(6, 4)))
    lwf = LwF(model, strength=0.7, temperature=2.0)
    before = model(x).numpy()
    assert lwf.penalty(model(x), x).item() == pytest.approx(0, abs=1e-15)
    for p in model.parameters():
        p.data = p.data + rng.normal(size=p.shape)
    after = model(x).numpy()
    want = np.mean([by_hand(z, v, "forward", 2, 0) for z, v in zip(after, before)])
    assert lwf.penalty(model(x), x).item() == pytest.approx(0.7 * want, rel=1e-12)
    two = LwF(model, 1.0, 1.0, outputs=[0, 2])
    moved = model(x) + tensor(np.array([0.0, 5.0, 0.0]))  # class 1 is new: free
    assert two.penalty(moved, x).item() == pytest.approx(0, abs=1e-14)
    assert all(not p.requires_grad for p in lwf.old.parameters())


# --- sequences: three tokens, length 3, all 27 of them ----------------------------------
V, L = 3, 3
EVERY = np.array(list(itertools.product(range(V), repeat=L)))


def walk(table, ids):
    """Logits (L, V) before each token: table[previous token], V for the start."""
    return table[np.array([V, *ids[:-1]])]


def log_p(table, ids):
    z = walk(table, ids)
    return sum(np.log(soft(z[t]))[ids[t]] for t in range(L))


def sequence_kl(Q, P):
    q, p = (np.array([log_p(M, ids) for ids in EVERY]) for M in (Q, P))
    return float((np.exp(q) * (q - p)).sum())


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(5)
    return 1.5 * rng.normal(size=(V + 1, V)), 1.5 * rng.normal(size=(V + 1, V))


def expected_gradient(Q, P, discount):
    """The mean of on_policy_loss's gradient over all sequences, weighted by q."""
    value, slope = 0.0, 0 * Q
    for ids in EVERY:
        x = tensor(Q, requires_grad=True)
        rows = np.array([V, *ids[:-1]])
        z = ops.stack([x[int(r)] for r in rows])[None]
        loss = on_policy_loss(z, tensor(walk(P, ids)[None]), ids[None], None, discount)
        loss.backward()
        weight = np.exp(log_p(Q, ids))
        value, slope = value + weight * loss.item(), slope + weight * x.grad.data
    return value, slope


def test_discount_one_is_the_gradient_of_the_sequence_kl(tables):
    Q, P = tables
    value, slope = expected_gradient(Q, P, 1.0)
    assert value == pytest.approx(sequence_kl(Q, P), rel=1e-12)
    for i in np.ndindex(Q.shape):
        h = np.zeros_like(Q)
        h[i] = 1e-5
        want = (sequence_kl(Q + h, P) - sequence_kl(Q - h, P)) / 2e-5
        assert slope[i] == pytest.approx(want, abs=1e-8)


def test_discount_zero_is_the_local_part_alone(tables):
    Q, P = tables
    value, slope = expected_gradient(Q, P, 0.0)
    full = expected_gradient(Q, P, 1.0)[1]
    assert value == pytest.approx(sequence_kl(Q, P), rel=1e-12)
    away = np.linalg.norm(slope - full) / np.linalg.norm(full)
    assert 0.02 < away < 0.9


def test_what_does_not_count_costs_nothing(tables):
    Q, P = tables
    ids = EVERY[[5, 17]]
    z, v = (np.stack([walk(M, row) for row in ids]) for M in (Q, P))
    counts = np.array([[1.0, 1, 0], [1, 0, 0]])
    for discount in (0.0, 0.5):
        x = tensor(z, requires_grad=True)
        loss = on_policy_loss(x, tensor(v), ids, counts, discount)
        q, p = soft(z), soft(v)
        kl = (q * np.log(q / p)).sum(-1) * counts
        assert loss.item() == pytest.approx(kl.sum(1).mean(), rel=1e-12)
        loss.backward()
        assert not x.grad.data[0, 2].any() and not x.grad.data[1, 1:].any()


def test_bad_input_is_refused():
    z = tensor(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="kind='backward' should be one of"):
        divergence(z, z, "backward")
    with pytest.raises(ValueError, match="temperature=0"):
        divergence(z, z, temperature=0)
    with pytest.raises(ValueError, match="same classes in the same order"):
        divergence(z, tensor(np.zeros((2, 4))))
    with pytest.raises(ValueError, match=r"strength=-0\.1 should be finite and >= 0"):
        LwF(models.mlp(2, 2), -0.1)
    with pytest.raises(ValueError, match="outputs is empty"):
        LwF(models.mlp(2, 2), 1.0, outputs=[])
    with pytest.raises(ValueError, match=r"discount=2 should be in \[0, 1\]"):
        on_policy_loss(z[None], z[None], np.zeros((1, 2), int), discount=2)
