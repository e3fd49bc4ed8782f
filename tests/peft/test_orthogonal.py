"""OFT and HRA against formulas of NumPy: exactly orthogonal, the spectrum kept.

float64 products of at most a few hundred numbers of size one: 1e-12 of the largest value.
A solve with I + Q loses its condition number, sqrt(1 + ‖Q‖²), below 10 here: 1e-13 for
what is orthogonal. An iteration that has converged: 1e-8.
"""

import json

import numpy as np
import pytest

import tinyft
from tinyft import gradcheck, io, nn, ops, optim, peft, tensor
from tinyft.peft.methods.orthogonal import cayley, defect, neumann, procrustes

TOLERANCE, ORTHOGONAL, CONVERGED = 1e-12, 1e-13, 1e-8
OUT, IN, BLOCK = 7, 12, 4


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def skew(n, size=1.0, seed=0, batch=()):
    """A random skew matrix of spectral norm `size`."""
    Q = np.random.default_rng(seed).normal(size=(*batch, n, n))
    Q = Q - Q.swapaxes(-1, -2)
    return Q * size / np.linalg.norm(Q, 2, axis=(-2, -1), keepdims=True)


def turned(n, seed=0):
    """A random orthogonal matrix of determinant 1."""
    Q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    Q[:, 0] *= np.linalg.det(Q)
    return Q


def attached(method, out=OUT, inp=IN, seed=0, size=0.7):
    """(adapter, its delta, W) on one Linear, moved away from the start."""
    model = nn.Sequential({"fc": nn.Linear(inp, out, rng=seed, dtype="float64")})
    adapter = peft.attach(model, method, "fc", rng=1)
    draw = np.random.default_rng(5)
    for p in adapter.parameters():
        p.data = p.data + size * draw.normal(size=p.shape)
    return adapter, adapter.deltas["fc"], model.fc.parameter("weight").numpy()


def adapted(delta):
    with tinyft.no_grad():
        return delta.weight(delta.site.parameter("weight")).numpy()


def by_hand(q, block, columns):
    """blockdiag((I − Q)(I + Q)⁻¹), Q filled row by row above its diagonal."""
    R, I = np.zeros((columns, columns)), np.eye(block)
    for i in range(columns // block):
        Q = np.zeros((block, block))
        Q[np.triu_indices(block, 1)] = q[i % len(q)]
        Q -= Q.T
        here = slice(i * block, (i + 1) * block)
        R[here, here] = (I - Q) @ np.linalg.inv(I + Q)
    return R


# --- OFT ---------------------------------------------------------------------------


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("block", [2, 3, 4, 12])
def test_oft_is_its_formula(block, share):
    _, delta, W = attached(peft.OFT(block, share))
    R = by_hand(delta.q.numpy(), block, IN)
    assert far(adapted(delta), W @ R.T) < TOLERANCE
    blocks = 1 if share else IN // block
    assert delta.q.shape == (blocks, block * (block - 1) // 2)


@pytest.mark.parametrize("method", [peft.OFT(BLOCK), peft.OFT(12), peft.HRA(4)])
def test_lengths_angles_and_singular_values_of_the_rows_are_kept(method):
    _, delta, W = attached(method, size=3.0)
    new = adapted(delta)
    assert far(new, W) > 0.1
    assert far(new @ new.T, W @ W.T) < ORTHOGONAL
    assert far(np.linalg.svd(new)[1], np.linalg.svd(W)[1]) < ORTHOGONAL
    # the columns' lengths are not
    assert far((new**2).sum(0), (W**2).sum(0)) > 0.05


@pytest.mark.parametrize("size", [1e-3, 0.7, 30.0])
def test_the_rotation_is_orthogonal_however_large_q_is(size):
    _, delta, _ = attached(peft.OFT(BLOCK), size=size)
    R = delta.rotation().numpy()
    want = np.broadcast_to(np.eye(BLOCK), R.shape)
    assert np.abs(R.swapaxes(-1, -2) @ R - want).max() < ORTHOGONAL
    assert defect(R) < ORTHOGONAL
    assert np.abs(np.linalg.det(R) - 1).max() < ORTHOGONAL
    Q = delta.skew().numpy()
    assert (Q == -Q.swapaxes(-1, -2)).all()


def test_inputs_are_turned_before_the_layer_reads_them():
    adapter, delta, W = attached(peft.OFT(BLOCK))
    x = np.random.default_rng(2).normal(size=(5, IN))
    R = by_hand(delta.q.numpy(), BLOCK, IN)
    bias = delta.site.bias.numpy()
    want = np.stack([W @ (R.T @ row) + bias for row in x])
    assert far(adapter.model(tensor(x)).numpy(), want) < TOLERANCE


def test_the_gradient_of_the_solve_is_the_closed_form():
    """∂R = Gᵀ W for G = ∂W'; D = −(I + R)ᵀ ∂R (I + Q)⁻ᵀ, ∂q = D − Dᵀ above the diagonal;
    at Q = 0 it is −2 (∂R − ∂Rᵀ)."""
    G = np.random.default_rng(3).normal(size=(OUT, IN))
    above = np.triu_indices(IN, 1)
    for size in (0.7, 0.0):
        _, delta, W = attached(peft.OFT(IN), size=size)
        new = delta.weight(delta.site.parameter("weight"))
        (new * tensor(G)).sum().backward()
        R, Q, I = delta.rotation().numpy()[0], delta.skew().numpy()[0], np.eye(IN)
        D = -(I + R).T @ (G.T @ W) @ np.linalg.inv(I + Q).T
        want = (D - D.T if size else -2 * (G.T @ W - W.T @ G))[above]
        assert far(delta.q.grad.numpy()[0], want) < TOLERANCE


def test_gradients_to_second_order():
    Q = tensor(skew(4, 0.8, batch=(2,)), requires_grad=True)
    assert gradcheck(cayley, Q, method="complex", full=True)
    assert gradcheck(cayley, Q, order=2)
    assert gradcheck(lambda q: neumann(q, 5), Q, method="complex")
    u = tensor(np.random.default_rng(1).normal(size=(5, 4)), requires_grad=True)
    _, delta, _ = attached(peft.HRA(4), inp=5)

    def reflected(U):
        delta.__dict__["_parameters"]["U"] = U
        return delta.weight(delta.site.parameter("weight"))

    assert gradcheck(reflected, u, full=True)


def test_shared_rotations_add_their_gradients():
    G = np.random.default_rng(3).normal(size=(OUT, IN))
    grads = []
    for share in (True, False):
        _, delta, _ = attached(peft.OFT(BLOCK, share))
        delta.q.data = np.broadcast_to(np.linspace(-1, 1, 6), delta.q.shape).copy()
        (delta.weight(delta.site.parameter("weight")) * tensor(G)).sum().backward()
        grads.append(delta.q.grad.numpy())
    assert far(grads[0][0], grads[1].sum(0)) < TOLERANCE


# --- HRA ---------------------------------------------------------------------------


def reflections(U):
    """H_1 H_2 ... H_r, one at a time."""
    H = np.eye(len(U))
    for u in U.T:
        H = H @ (np.eye(len(U)) - 2 * np.outer(u, u) / (u @ u))
    return H


@pytest.mark.parametrize("r", [2, 4, 12])
def test_hra_is_a_product_of_reflections(r):
    _, delta, W = attached(peft.HRA(r))
    H = reflections(delta.U.numpy())
    assert np.abs(H.T @ H - np.eye(IN)).max() < ORTHOGONAL
    assert far(adapted(delta), W @ H) < TOLERANCE
    assert far(adapted(delta), W @ H.T) > 0.01
    assert np.linalg.matrix_rank(adapted(delta) - W, 1e-10) == min(r, OUT)


def test_hra_starts_with_equal_neighbours():
    adapter, delta, W = attached(peft.HRA(6), size=0)
    U = delta.U.numpy()
    assert (U[:, ::2] == U[:, 1::2]).all()
    assert np.linalg.matrix_rank(U) == 3  # the pairs differ
    assert far(adapted(delta), W) < TOLERANCE
    assert U.shape == (IN, 6) and adapter.count() == 6 * IN


def test_only_directions_matter_and_the_gradient_is_orthogonal_to_them():
    _, delta, _ = attached(peft.HRA(4))
    G = tensor(np.random.default_rng(3).normal(size=(OUT, IN)))
    grads, before = [], adapted(delta)
    for scale in (1.0, 3.0):
        delta.U.data = scale * delta.U.numpy()
        delta.U.zero_grad()
        (delta.weight(delta.site.parameter("weight")) * G).sum().backward()
        grads.append(delta.U.grad.numpy())
    assert far(adapted(delta), before) < TOLERANCE
    assert far(3 * grads[1], grads[0]) < TOLERANCE
    along = (grads[0] * delta.U.numpy()).sum(0)
    assert np.abs(along).max() < TOLERANCE * np.abs(grads[0]).max() * 10


# --- both on a model ---------------------------------------------------------------


def test_two_adapters_turn_in_order_of_attachment():
    model = nn.Sequential({"fc": nn.Linear(IN, OUT, rng=0, dtype="float64")})
    W, draw = model.fc.weight.numpy(), np.random.default_rng(5)
    for i, method in enumerate((peft.OFT(BLOCK), peft.HRA(4), peft.OFT(3))):
        for p in peft.attach(model, method, "fc", str(i), rng=1).parameters():
            p.data = p.data + draw.normal(size=p.shape)
    one, two, three = (peft.attached(model)[n].deltas["fc"] for n in "012")
    R = by_hand(one.q.numpy(), BLOCK, IN), by_hand(three.q.numpy(), 3, IN)
    want = W @ R[0].T @ reflections(two.U.numpy()) @ R[1].T
    assert far(model.fc.weight.numpy(), want) < TOLERANCE
    peft.merge(model)
    assert far(model.fc.parameter("weight").numpy(), want) < TOLERANCE
    peft.unmerge(model)
    assert model.fc.parameter("weight").numpy().tobytes() == W.tobytes()


def test_the_transpose_takes_a_merged_rotation_off():
    _, delta, W = attached(peft.OFT(BLOCK), size=3.0)
    R = by_hand(delta.q.numpy(), BLOCK, IN)
    assert far(adapted(delta) @ R, W) < ORTHOGONAL


@pytest.mark.parametrize("method", [peft.OFT(4), peft.HRA(4)])
def test_training_ends_at_the_best_orthogonal_matrix(method):
    """A noisy rotation as the target: gradient descent reaches the Procrustes error."""
    rng = np.random.default_rng(0)
    adapter, delta, W = attached(method, out=20, inp=4, size=0.02)
    near = cayley(skew(4, 0.5, seed=4)).numpy()
    target = W @ near.T + 0.01 * rng.normal(size=W.shape)
    R, error = procrustes(target.T, W.T, rotation=True)
    step = optim.Adam(adapter.parameters(), lr=0.1)
    for i in range(1000):
        step.zero_grad()
        step.param_groups[0]["lr"] = 0.1 * 0.992**i
        new = delta.weight(delta.site.parameter("weight"))
        loss = ((new - tensor(target)) ** 2).sum()
        loss.backward()
        step.step()
    assert abs(loss.item() ** 0.5 - error) < CONVERGED * error
    assert far(adapted(delta), W @ R.T) < CONVERGED**0.5  # the loss is flat there


# --- the mathematics ---------------------------------------------------------------


def test_cayley_turns_by_twice_the_arc_tangent():
    Q = skew(7, 1.3)
    R = cayley(Q).numpy()
    angles = np.sort(np.angle(np.linalg.eigvals(R)))
    want = np.sort(-2 * np.arctan(np.linalg.eigvals(Q).imag))
    assert np.abs(angles - want).max() < TOLERANCE
    I = np.eye(7)
    assert far((I - R) @ np.linalg.inv(I + R), Q) < TOLERANCE  # its own inverse
    assert far(cayley(-Q).numpy(), R.T) < TOLERANCE


@pytest.mark.parametrize("terms", [2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("size", [0.07, 0.23, 0.5, 0.76])
def test_the_defect_of_the_truncated_series_is_known(size, terms):
    """max over the eigenvalues it of Q of | |1 − (it)^(N−1)|² − 1 |."""
    Q = skew(6, size, seed=1)
    t = np.abs(np.linalg.eigvals(Q).imag)
    want = np.abs(np.abs(1 - (1j * t) ** (terms - 1)) ** 2 - 1).max()
    got = defect(neumann(Q, terms))
    assert abs(got - want) < 1e-14 + 1e-12 * want
    if terms == 5:
        assert abs(want - (2 * size**4 - size**8)) < TOLERANCE
    if terms == 6:
        assert abs(want - size**10) < TOLERANCE
    series = np.eye(6) + sum(2 * np.linalg.matrix_power(Q, k) for k in range(1, terms))
    series -= np.linalg.matrix_power(Q, terms - 1)
    assert far(neumann(Q, terms).numpy(), series) < TOLERANCE


def test_five_terms_are_near_the_transpose_and_not_orthogonal():
    """PEFT's default. The figures are 2t⁴ − t⁸ at these four norms."""
    spectral = [defect(neumann(skew(8, t), 5)) for t in (0.07, 0.23, 0.5, 0.76)]
    assert np.allclose(spectral, [4.8e-5, 5.6e-3, 0.121, 0.556], rtol=0.01)
    Q = skew(8, 0.23)
    R, cut = cayley(Q).numpy(), neumann(Q, 5).numpy()
    assert np.linalg.norm(cut - R.T, 2) < 0.23**4 * 1.0001
    assert np.linalg.norm(cut - R, 2) > 0.5
    _, delta, W = attached(peft.OFT(BLOCK, terms=5), size=0.3)
    exact = by_hand(delta.q.numpy(), BLOCK, IN)
    t = np.linalg.norm(delta.skew().numpy(), 2, axis=(-2, -1)).max()
    new = adapted(delta)  # the same R as without terms, not its transpose
    assert np.linalg.norm(new - W @ exact.T, 2) < t**4 * np.linalg.norm(W, 2)
    assert abs(defect(delta.rotation()) - (2 * t**4 - t**8)) < TOLERANCE
    assert far(np.linalg.svd(new)[1], np.linalg.svd(W)[1]) > 1e-3


@pytest.mark.parametrize("sign", [1, -1])
def test_procrustes_is_the_best(sign):
    rng = np.random.default_rng(0)
    W, target = rng.normal(size=(6, 9)), rng.normal(size=(6, 9))
    reflects = np.sign(np.linalg.det(target @ W.T))
    target[0] *= sign * reflects  # det U Vᵀ is `sign`
    R, error = procrustes(target, W)
    sigma = np.linalg.svd(target @ W.T)[1]
    want = (W**2).sum() + (target**2).sum() - 2 * sigma.sum()
    assert abs(error**2 - want) < 1e-13 * want
    assert abs(error - np.sqrt(want)) < 1e-14 * np.sqrt(want) * 10
    assert np.abs(R.T @ R - np.eye(6)).max() < ORTHOGONAL
    assert abs(np.linalg.det(R) - sign) < ORTHOGONAL
    proper, worse = procrustes(target, W, rotation=True)
    assert abs(np.linalg.det(proper) - 1) < ORTHOGONAL
    more = 0 if sign == 1 else 4 * sigma[-1]
    assert abs(worse**2 - error**2 - more) < 1e-12 * want
    for seed in range(20):  # no neighbour on either side is better
        near = cayley(skew(6, 0.02, seed)).numpy()
        for best, least in ((R, error), (proper, worse)):
            assert np.linalg.norm(near @ best @ W - target) > least


def test_procrustes_finds_a_rotation_again_and_takes_stacks():
    rng = np.random.default_rng(1)
    W = rng.normal(size=(3, 4, 9))
    true = np.stack([turned(4, seed) for seed in range(3)])
    R, error = procrustes(tensor(true @ W), tensor(W))
    assert np.abs(R - true).max() < ORTHOGONAL and error < TOLERANCE
    target = rng.normal(size=(3, 4, 9))
    each = [procrustes(t, w) for t, w in zip(target, W)]
    R, error = procrustes(target, W)
    assert far(R, np.stack([one for one, _ in each])) < TOLERANCE
    assert abs(error**2 - sum(e**2 for _, e in each)) < TOLERANCE * error**2


def test_a_block_of_a_layer_has_its_own_oracle():
    """For W' = W Rᵀ with blocks: one Procrustes problem per block of columns."""
    _, delta, W = attached(peft.OFT(BLOCK))
    target = adapted(delta)
    blocks = [m.reshape(OUT, -1, BLOCK).transpose(1, 2, 0) for m in (target, W)]
    R, error = procrustes(*blocks, rotation=True)
    assert far(R, delta.rotation().numpy()) < CONVERGED and error < TOLERANCE


# --- wrong use ---------------------------------------------------------------------


class Pictures(nn.Module):
    def __init__(self):
        self.conv, self.fc = nn.Conv2d(3, 4, 3, rng=0), nn.Linear(12, 5, rng=0)


WRONG = [
    (lambda: peft.OFT(0), "block must be a positive integer, got 0"),
    (lambda: peft.OFT(2.5), "block must be a positive integer, got 2.5"),
    (lambda: peft.OFT(1), "at least 2: one input cannot be turned"),
    (lambda: peft.OFT(4, terms=3), "terms is None .* 4 or more, got 3"),
    (lambda: peft.OFT(4, terms=5.0), "terms is None .* got 5.0"),
    (lambda: peft.HRA(0), "r must be a positive integer, got 0"),
    (lambda: peft.attach(Pictures(), peft.OFT(5), "fc"),
     "'fc': a block of 5 does not divide the 12 inputs; possible: 2, 3, 4, 6, 12"),
    (lambda: peft.attach(Pictures(), peft.OFT(24), "fc"), "24 does not divide the 12"),
    (lambda: peft.attach(Pictures(), peft.HRA(3), "fc"), "r = 3 is odd.*; take 4"),
    (lambda: peft.attach(Pictures(), peft.HRA(14), "fc"), "r = 14 is above its 12 inputs"),
    (lambda: peft.attach(Pictures(), peft.OFT(3), "conv"),
     "'conv' names Conv2d 'conv', where OFT cannot sit"),
    (lambda: peft.attach(Pictures(), peft.HRA(2), "conv"), "where HRA cannot sit"),
    (lambda: peft.attach(Pictures(), peft.OFT(3), "fc", rank_pattern={"fc": 2}),
     "this method has no r"),
    (lambda: neumann(np.zeros((3, 3)), 1), "expected 2 or more terms, got 1"),
    (lambda: procrustes(np.zeros((3, 4)), np.zeros((4, 3))),
     r"one shape, got \(3, 4\) and \(4, 3\)"),
    (lambda: procrustes(np.full((3, 4), np.nan), np.ones((3, 4))), "holds NaN or Inf"),
]  # fmt: skip


@pytest.mark.parametrize("call, words", WRONG)
def test_wrong_use_is_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_peft_names_of_options():
    for wrong in ("oft_block_size", "use_cayley_neumann"):
        with pytest.raises(TypeError, match=r"use (block|terms)"):
            peft.OFT(**{wrong: 4})


@pytest.mark.parametrize("method", [peft.OFT(BLOCK), peft.HRA(4)])
def test_nan_is_not_merged(method):
    adapter, _, _ = attached(method)
    p = next(iter(adapter.parameters()))
    p.data = p.numpy() * np.nan
    with pytest.raises(ValueError, match=r"the adapted fc\.weight holds NaN"):
        peft.merge(adapter.model)


FILES = {  # method, what its config is changed to, and what is said
    "blocks": (peft.OFT(4), {"r": 3, "oft_block_size": 0}, "r = 3 blocks; it is read"),
    "no size": (peft.OFT(4), {"oft_block_size": None}, "their size, oft_block_size"),
    "coft": (peft.OFT(4), {"coft": True}, "coft=true, which cuts Q back"),
    "oft bias": (peft.OFT(4), {"bias": "all"}, "trained biases, bias='all'"),
    "old": (
        peft.OFT(4),
        {"use_cayley_neumann": True, "peft_version": "0.17.1"},
        "by PEFT before 0.18",
    ),
    "no version": (peft.OFT(4), {"use_cayley_neumann": True}, "by PEFT before 0.18"),
    "two terms": (peft.OFT(4, terms=5), {"num_cayley_neumann_terms": 2}, "terms=2, where"),
    "size": (peft.OFT(4), {"oft_block_size": 5}, "a block of 5 does not divide the 12"),
    "text": (peft.OFT(4), {"coft": "no"}, "coft is 'no', expected true or false"),
    "another": (peft.OFT(4), {"oft_block_size": 3}, r"here \(4, 3\), in the file \(3, 6\)"),
    "gs": (peft.HRA(4), {"apply_GS": True}, "apply_GS=true, which makes"),
    "hra bias": (peft.HRA(4), {"bias": "hra_only"}, "bias='hra_only'"),
    "r": (peft.HRA(4), {"r": 2}, r"here \(12, 2\), in the file \(12, 4\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_what_a_file_may_not_have(case, tmp_path):
    method, change, words = FILES[case]
    adapter, _, _ = attached(method)
    folder = peft.save(adapter.model, tmp_path / "a")
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    fresh = nn.Sequential({"fc": nn.Linear(IN, OUT, rng=0, dtype="float64")})
    with pytest.raises(ValueError, match=words):
        peft.load(fresh, folder)
    assert not peft.attached(fresh)


@pytest.mark.parametrize(
    "method, change, words",
    [
        (peft.OFT(4), {"coft": True}, "coft=true"),
        (peft.OFT(4), {"oft_block_size": 3}, r"tensor \(3, 6\) .* needs 3 columns"),
        (peft.HRA(4), {"apply_GS": True}, "apply_GS=true"),
        (peft.HRA(4), {"r": 2}, r"tensor \(12, 4\) .* needs 2 columns"),
    ],
)
def test_what_cannot_be_read_without_a_model(method, change, words, tmp_path):
    folder = peft.save(attached(method)[0].model, tmp_path / "a")
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=words):
        peft.huggingface.read(folder)


def test_nan_in_a_file(tmp_path):
    adapter, _, _ = attached(peft.HRA(4))
    folder = peft.save(adapter.model, tmp_path / "a")
    path = folder / "adapter_model.safetensors"
    state, metadata = io.load_with_metadata(path)
    io.save(path, {key: array * np.nan for key, array in state.items()}, metadata)
    fresh = nn.Sequential({"fc": nn.Linear(IN, OUT, rng=0, dtype="float64")})
    with pytest.raises(ValueError, match="with NaN or Inf"):
        peft.load(fresh, folder)


def test_a_file_may_have_an_odd_number_of_reflections(tmp_path):
    adapter, delta, W = attached(peft.HRA(4))
    folder = peft.save(adapter.model, tmp_path / "a")
    U = delta.U.numpy()[:, :3].copy()
    io.save(folder / "adapter_model.safetensors", {"base_model.model.fc.hra_u": U})
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"r": 3}))
    fresh = nn.Sequential({"fc": nn.Linear(IN, OUT, rng=0, dtype="float64")})
    delta = peft.load(fresh, folder).deltas["fc"]
    new = adapted(delta)
    assert far(new, W @ reflections(U)) < TOLERANCE
    change = peft.huggingface.read(folder)["fc.weight"](W)
    assert far(change, new - W) < TOLERANCE


def test_different_ranks_are_no_file(tmp_path):
    model = nn.Sequential({n: nn.Linear(IN, IN, rng=0) for n in "ab"})
    peft.attach(model, peft.HRA(4), "a|b", rank_pattern={"a": 2})
    with pytest.raises(ValueError, match="one r for all sites, and these have 2, 4"):
        peft.save(model, tmp_path / "a")


def test_float16_turns_in_float32():
    model = nn.Sequential({"fc": nn.Linear(IN, OUT, rng=0, dtype="float16")})
    for name, method in (("one", peft.OFT(BLOCK)), ("two", peft.HRA(4))):
        peft.attach(model, method, "fc", name, rng=1)
    x = tensor(np.ones((2, IN), "float16"))
    with peft.disabled(model):
        want = model(x).numpy()
    y = model(x)
    assert y.dtype == np.float16 and far(y.numpy(), want) < 0.01
    ops.sum(y * y).backward()
    q = peft.attached(model)["one"].deltas["fc"].q
    assert q.grad.dtype == np.float16 and np.abs(q.grad.numpy()).max() > 0
