"""What projected updates protect, under every optimiser; and what they do not.

1e-12: some hundred float64 steps of sums of numbers around 1.
"""

import numpy as np
import pytest

from tinyft import models, nn, optim, tensor
from tinyft.transfer import freeze
from tinyft.transfer.continual import Complement, input_subspaces, top_subspaces
from tinyft.transfer.continual.complement import project

ROUNDING = 1e-12
OPTIMISERS = {
    "momentum": lambda ps: optim.SGD(ps, 0.02, 0.9),
    "decay": lambda ps: optim.SGD(ps, 0.02, 0.9, weight_decay=0.1),
    "adam": lambda ps: optim.Adam(ps, 0.02),
}


def layer(seed=0, shape=(10, 14)):
    made = nn.Linear(shape[1], shape[0], bias=False, dtype="float64")
    made.weight.data = np.random.default_rng(seed).normal(size=shape)
    return made


def trained(name, guard, steps=40, k=4):
    """(layer, complement, its start) after training towards random targets."""
    rng, model = np.random.default_rng(11), layer()
    X, Y = rng.normal(size=(60, 14)), rng.normal(size=(60, 10))
    held = Complement(model, top_subspaces(model, k))
    start, step = model.weight.data.copy(), OPTIMISERS[name](model.parameters())
    for _ in range(steps):
        step.zero_grad()
        E = model(tensor(X)) - tensor(Y)
        ((E * E).sum() / 120).backward()
        if guard == "gradient":
            held.project_gradients()
        step.step()
        if guard == "step":
            held.hold()
    return model, held, start


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_projected_step_never_leaves(name):
    model, held, start = trained(name, "step")
    D = model.weight.data - start
    U, S, Vt = np.linalg.svd(start)
    assert np.abs(D).max() > 0.05
    assert np.abs(D @ Vt[:4].T).max() < ROUNDING
    assert np.abs(U[:, :4].T @ D).max() < ROUNDING
    assert held.leak() < ROUNDING
    kept = np.linalg.svd(model.weight.data, compute_uv=False)
    for s in S[:4]:  # the top singular values are still there
        assert np.abs(kept - s).min() < ROUNDING
    x = Vt[:4].T @ np.ones(4)
    np.testing.assert_allclose(model.weight.data @ x, start @ x, atol=1e-11)


def test_the_projected_gradient_is_enough_for_momentum_only():
    assert trained("momentum", "gradient")[1].leak() < ROUNDING
    for name in ("adam", "decay"):
        assert trained(name, "gradient")[1].leak() > 1e-2
    assert trained("momentum", "nothing")[1].leak() > 1e-2


def test_project_against_the_matrices():
    rng = np.random.default_rng(0)
    D = rng.normal(size=(5, 7))
    U, V = (
        np.linalg.qr(rng.normal(size=(5, 2)))[0],
        np.linalg.qr(rng.normal(size=(7, 3)))[0],
    )
    P, Q = np.eye(5) - U @ U.T, np.eye(7) - V @ V.T
    np.testing.assert_allclose(project(D, U, V), P @ D @ Q, atol=1e-14)
    np.testing.assert_allclose(project(D, None, V), D @ Q, atol=1e-14)
    np.testing.assert_allclose(project(D, U), P @ D, atol=1e-14)
    assert project(D) is D


def test_old_inputs_are_protected_by_their_own_span_not_by_the_weights():
    rng, model = np.random.default_rng(3), layer()
    old = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 14))  # rank 3
    before = old @ model.weight.data.T
    for spaces, exact in (
        (top_subspaces(model, 4), False),
        (input_subspaces(model, old, share=1.0), True),
    ):
        model = layer()
        held = Complement(model, spaces)
        model.weight.data = model.weight.data + rng.normal(size=(10, 14))
        held.hold()
        moved = np.abs(old @ model.weight.data.T - before).max()
        assert (moved < 1e-11) == exact


def test_a_deep_net_keeps_its_outputs_on_old_inputs():
    rng = np.random.default_rng(4)
    model = models.mlp(12, 16, 16, 5, rng=rng, dtype="float64")
    freeze(model, "bias")
    old, new = rng.normal(size=(6, 12)), tensor(rng.normal(size=(30, 12)))
    before = model(tensor(old)).numpy()
    held = Complement(model, input_subspaces(model, old, share=1.0))
    step = optim.Adam([p for p in model.parameters() if p.requires_grad], 0.01)
    for _ in range(20):
        step.zero_grad()
        (model(new) ** 2).mean().backward()
        step.step()
        held.hold()
    np.testing.assert_allclose(model(tensor(old)).numpy(), before, atol=1e-11)
    assert np.abs(model(new).numpy()).mean() < 0.9 * np.abs(before).mean()


def test_a_share_of_the_energy_and_a_second_task():
    rng, model = np.random.default_rng(5), layer()
    A, B = (rng.normal(size=(50, 14)) * np.linspace(3, 0.1, 14) for _ in range(2))
    first = input_subspaces(model, A, share=0.9)
    V = first["weight"][1]
    inside = ((A @ V) ** 2).sum() / (A**2).sum()
    s = np.linalg.svd(A, compute_uv=False) ** 2
    least = int((s.cumsum() / s.sum() < 0.9).sum()) + 1
    assert inside >= 0.9 and V.shape[1] == least
    both = input_subspaces(model, B, 0.9, first)["weight"][1]
    np.testing.assert_allclose(both.T @ both, np.eye(both.shape[1]), atol=1e-12)
    np.testing.assert_array_equal(both[:, : V.shape[1]], V)
    shares = [((B @ kept) ** 2).sum() / (B**2).sum() for kept in (both, both[:, :-1])]
    assert (
        shares[0] >= 0.9 > shares[1]
    )  # what V holds of B counts: no direction too many
    again = input_subspaces(model, A, 1.0, input_subspaces(model, A, 1.0))
    assert again["weight"][1].shape == (
        14,
        14,
    )  # nothing new: rounding is not a direction


def test_shares_of_the_width_and_layers_by_pattern():
    model = models.mlp(12, 16, 6, rng=0)
    spaces = top_subspaces(model, 0.5, r"^0\.weight")
    assert {n: (U.shape, V.shape) for n, (U, V) in spaces.items()} == {
        "0.weight": ((16, 6), (12, 6))
    }


def test_bad_input_is_refused():
    model = models.mlp(12, 16, 6, rng=0)
    for k in (0, 6, 0.01, 1.0):
        with pytest.raises(ValueError, match="directions of"):
            top_subspaces(model, k)
    with pytest.raises(ValueError, match="none of them is a matrix"):
        top_subspaces(model, 2, "bias")
    with pytest.raises(ValueError, match="at least one example of the old task, got 0"):
        input_subspaces(model, np.zeros((0, 12), "f4"))
    with pytest.raises(ValueError, match=r"share=2 should be in"):
        input_subspaces(model, np.ones((1, 12), "f4"), 2)
    with pytest.raises(ValueError, match="the model has no parameter"):
        Complement(model, {"fc.weight": (None, None)})
    with pytest.raises(ValueError, match="should have 12 rows"):
        Complement(model, {"0.weight": (None, np.ones((11, 2)))})
