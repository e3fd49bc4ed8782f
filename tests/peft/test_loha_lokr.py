"""LoHa, LoKr, HiRA and MiSS against their closed forms in NumPy, in float64.

1e-12 is rounding: sums of a few hundred products of size one. Derivatives come from the
complex step (course/referee.py), which is exact to rounding.
"""

import numpy as np
import pytest

from tinyft import nn, ops, peft, tensor
from tinyft.course import referee
from tinyft.peft.methods.structured.kronecker import kron, rearranged, split

OUT, IN, TOLERANCE = 12, 18, 1e-12


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def attached(method, out=OUT, inp=IN, seed=0):
    """(model, the delta, W, X): one Linear with the method, moved off its start."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential({"fc": nn.Linear(inp, out, rng=rng, dtype="float64")})
    adapter = peft.attach(model, method, "fc", rng=1)
    for p in adapter.parameters():
        p.data = p.data + 0.5 * rng.normal(size=p.shape)
    W = model.fc.parameter("weight").numpy()
    return model, adapter.deltas["fc"], W, rng.normal(size=(7, inp))


def gradients_of(model, delta, X, seed=3):
    """(gradients of Σ C ∘ y, ∂L/∂W' = Cᵀ X)."""
    C = np.random.default_rng(seed).normal(size=(len(X), OUT))
    (model(tensor(X)) * tensor(C)).sum().backward()
    return {name: p.grad.numpy() for name, p in delta.slots().items()}, C.T @ X


# --- LoHa --------------------------------------------------------------------------


def test_loha_is_a_product_entry_by_entry():
    model, delta, W, X = attached(peft.LoHa(3, 5))
    B1, A1, B2, A2 = (delta.slots()[n].numpy() for n in ("B1", "A1", "B2", "A2"))
    change = np.array(
        [
            [5 / 3 * (B1[i] @ A1[:, j]) * (B2[i] @ A2[:, j]) for j in range(IN)]
            for i in range(OUT)
        ]
    )
    assert far(model.fc.weight.numpy(), W + change) < TOLERANCE
    found, G = gradients_of(model, delta, X)
    first, second, s = B1 @ A1, B2 @ A2, 5 / 3
    want = {
        "B1": s * (G * second) @ A1.T,
        "A1": s * B1.T @ (G * second),
        "B2": s * (G * first) @ A2.T,
        "A2": s * B2.T @ (G * first),
    }
    for name, value in want.items():
        assert far(found[name], value) < TOLERANCE, name

    def L(B1, A1, B2, A2):
        return np.sum(G * s * (B1 @ A1) * (B2 @ A2))

    for name, value in zip(want, referee.gradients(L, B1, A1, B2, A2)):
        assert far(want[name], value) < TOLERANCE


def test_loha_reaches_rank_r_squared():
    _, delta, W, _ = attached(peft.LoHa(3, 5))
    change = delta.weight(tensor(W)).numpy() - W
    assert np.linalg.matrix_rank(change) == 9


def test_loha_is_the_identity_where_a_lora_of_the_budget_is_not():
    """I_9 = (I ⊗ J) ∘ (J ⊗ I) exactly; LoRA(6) leaves 9 − 6."""
    eye, ones = np.eye(3), np.ones((3, 3))
    left, right = np.kron(eye, ones), np.kron(ones, eye)
    assert np.array_equal(left * right, np.eye(9))
    assert np.linalg.matrix_rank(left) == np.linalg.matrix_rank(right) == 3


def test_at_the_start_only_one_factor_moves():
    rng = np.random.default_rng(0)
    for method, moved in ((peft.LoHa(2), "A2"), (peft.LoKr(2), "w1_a or w1")):
        model = nn.Sequential({"fc": nn.Linear(IN, OUT, rng=0, dtype="float64")})
        delta = peft.attach(model, method, "fc", rng=1).deltas["fc"]
        found, _ = gradients_of(model, delta, rng.normal(size=(7, IN)))
        assert {n for n, g in found.items() if np.abs(g).max() > 0} <= {
            *moved.split(" or ")
        }


# --- LoKr --------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(12,), (2,), (1, 3, 3, True), (2, 5, 2)])
def test_lokr_is_numpy_s_kron(options):
    model, delta, W, X = attached(peft.LoKr(*options))
    w1, w2 = delta.half("w1").numpy(), delta.half("w2").numpy()
    want = W + delta.scale * np.kron(w1, w2)
    assert far(model.fc.weight.numpy(), want) < TOLERANCE
    bias = model.fc.bias.numpy()
    assert far(model(tensor(X)).numpy(), X @ want.T + bias) < TOLERANCE


def test_lokr_s_gradients_are_sums_over_blocks():
    model, delta, _, X = attached(peft.LoKr(12, 5))
    found, G = gradients_of(model, delta, X)
    w1, w2 = delta.w1.numpy(), delta.w2.numpy()
    blocks = G.reshape(3, 4, 3, 6).swapaxes(1, 2)  # (l, m) blocks of k×n
    s = 5 / 12
    assert far(found["w1"], s * np.einsum("lmkn,kn->lm", blocks, w2)) < TOLERANCE
    assert far(found["w2"], s * np.einsum("lmkn,lm->kn", blocks, w1)) < TOLERANCE


def test_which_halves_are_whole():
    def names(*options):
        return set(attached(peft.LoKr(*options), 12, 18)[1].slots())

    assert names(12) == {"w1", "w2"}
    assert names(2) == {"w1", "w2_a", "w2_b"}
    assert names(1, 8, -1, True) == {"w1_a", "w1_b", "w2_a", "w2_b"}
    assert names(3) == {"w1", "w2"}  # 3 = max(4, 6)/2


def test_split_is_the_rule_of_lycoris():
    """Its loop, written again: the sum of the two numbers never above 1 + n."""
    for n in range(1, 200):
        for factor in (-1, *range(1, 25)):
            a, b = 1, n
            if factor > 0 and n % factor == 0:
                assert split(n, factor) == (factor, n // factor)
                continue
            top = n if factor == -1 else factor
            while a < b:
                c = next(c for c in range(a + 1, n + 1) if n % c == 0)
                if c + n // c > 1 + n or c > top:
                    break
                a, b = c, n // c
            assert split(n, factor) == tuple(sorted((a, b)))


def test_a_larger_factor_has_fewer_parameters():
    counts = [
        peft.attach(
            nn.Sequential({"fc": nn.Linear(64, 64)}), peft.LoKr(64, factor=f), "fc"
        ).count()
        for f in (1, 2, 4, 8)
    ]
    assert counts == [f * f + (64 // f) ** 2 for f in (1, 2, 4, 8)]


def test_the_nearest_kronecker_product():
    """No smaller error from 40 descents on (A, B); exact where D is one."""
    rng = np.random.default_rng(4)
    D = rng.normal(size=(6, 8))
    A, B, S = peft.nearest_kronecker(D, (2, 4))
    error = np.sum((D - np.kron(A, B)) ** 2)
    assert abs(error - np.sum(S[1:] ** 2)) < TOLERANCE * error
    found = []
    for _ in range(40):
        b = rng.normal(size=(3, 2))
        for _ in range(200):  # alternating least squares, written with blocks
            blocks = D.reshape(2, 3, 4, 2).swapaxes(1, 2)
            a = np.einsum("ijkl,kl->ij", blocks, b) / np.sum(b * b)
            b = np.einsum("ijkl,ij->kl", blocks, a) / np.sum(a * a)
        found.append(np.sum((D - np.kron(a, b)) ** 2))
    assert abs(min(found) - error) < 1e-9 * error
    assert min(found) > error - 1e-12 * error
    P, Q = rng.normal(size=(2, 4)), rng.normal(size=(3, 2))
    A, B, S = peft.nearest_kronecker(np.kron(P, Q), (2, 4))
    assert far(np.kron(A, B), np.kron(P, Q)) < TOLERANCE and S[1] < 1e-12 * S[0]
    assert far(kron(A, B), np.kron(A, B)) < TOLERANCE


def test_the_nearest_kronecker_product_of_a_convolution():
    rng = np.random.default_rng(5)
    P, Q = rng.normal(size=(2, 3)), rng.normal(size=(4, 2, 3, 3))
    D = np.stack(
        [np.kron(P, Q[:, :, i, j]) for i in range(3) for j in range(3)], axis=-1
    ).reshape(8, 6, 3, 3)
    assert far(kron(P, Q), D) < TOLERANCE
    A, B, S = peft.nearest_kronecker(D, (2, 3))
    assert far(kron(A, B), D) < TOLERANCE and S[1] < 1e-12 * S[0]
    assert rearranged(D, (2, 3)).shape == (6, 72)


def test_lokr_on_a_convolution_is_a_kron_at_every_tap():
    layer = nn.Conv2d(6, 8, 3, 2, 1, rng=0, dtype="float64")
    model = nn.Sequential({"conv": layer})
    delta = peft.attach(model, peft.LoKr(3, 5), "conv", rng=1).deltas["conv"]
    rng = np.random.default_rng(0)
    for p in delta.parameters():
        p.data = p.data + rng.normal(size=p.shape)
    w1, w2 = delta.half("w1").numpy(), delta.half("w2").numpy()
    change = layer.weight.numpy() - layer.parameter("weight").numpy()
    for i in range(3):
        for j in range(3):
            want = 5 / 3 * np.kron(w1, w2[:, :, i, j])
            assert far(change[:, :, i, j], want) < TOLERANCE
    x = tensor(rng.normal(size=(2, 6, 5, 5)))
    full = ops.conv2d(x, layer.weight, layer.bias, layer.stride, layer.padding)
    assert far(model(x).numpy(), full.numpy()) < TOLERANCE


# --- HiRA --------------------------------------------------------------------------


def test_hira_and_its_gradients():
    model, delta, W, X = attached(peft.HiRA(2))
    W[3, 4] = model.fc.parameter("weight").data[3, 4] = 0  # a view of the weight
    A, B = delta.A.numpy(), delta.B.numpy()
    assert far(model.fc.weight.numpy(), W + W * (B @ A)) < TOLERANCE
    assert model.fc.weight.numpy()[3, 4] == 0  # zeros never move
    found, G = gradients_of(model, delta, X)
    assert far(found["B"], (G * W) @ A.T) < TOLERANCE
    assert far(found["A"], B.T @ (G * W)) < TOLERANCE


def test_hira_s_rank_is_r_times_the_base_s():
    rng = np.random.default_rng(0)
    model, *_ = attached(peft.HiRA(2))
    low = rng.normal(size=(OUT, 3)) @ rng.normal(size=(3, IN))
    model.fc.parameter("weight").data[:] = low
    change = model.fc.weight.numpy() - low
    assert np.linalg.matrix_rank(change) == 6


def test_hira_scales_the_frozen_base_whatever_else_acts():
    model, delta, W, _ = attached(peft.HiRA(2))
    second = peft.attach(model, peft.LoRA(2, 3), "fc", "second", rng=2)
    third = peft.attach(model, peft.HiRA(2), "fc", "third", rng=3)
    rng = np.random.default_rng(9)
    for p in (*second.parameters(), *third.parameters()):
        p.data = p.data + rng.normal(size=p.shape)
    lora, other = second.deltas["fc"], third.deltas["fc"]
    pieces = [delta.B @ delta.A, other.B @ other.A]
    scale = sum(p.numpy() for p in pieces)
    want = W + W * scale + 3 / 2 * (lora.B @ lora.A).numpy()
    assert far(model.fc.weight.numpy(), want) < TOLERANCE
    before = model.fc.parameter("weight").numpy().tobytes()
    for adapter in list(peft.attached(model).values()):
        peft.detach(adapter)
    assert model.fc.weight.numpy().tobytes() == before


# --- MiSS --------------------------------------------------------------------------


@pytest.mark.parametrize("r", [1, 3, 5, 18])
def test_miss_is_a_lora_with_a_fixed_A(r):
    """To 1e-14: A is copies of I, so both are the same sums of the same numbers."""
    model, delta, W, X = attached(peft.MiSS(r))
    D = delta.D.numpy()
    A = np.tile(np.eye(r), -(-IN // r))[:, :IN]
    assert far(model.fc.weight.numpy(), W + D.T @ A) < 1e-14
    y = model(tensor(X)).numpy()
    lora = nn.Sequential({"fc": nn.Linear(IN, OUT, rng=0, dtype="float64")})
    other = peft.attach(lora, peft.LoRA(min(r, OUT), min(r, OUT)), "fc", rng=1)
    if r > OUT:
        return
    for p, q in zip(lora.fc.base_parameters(), model.fc.base_parameters()):
        p.data = q.data
    other.deltas["fc"].A.data, other.deltas["fc"].B.data = A, D.T.copy()
    assert far(lora(tensor(X)).numpy(), y) < 1e-14
    a, b = delta.factors()
    assert far((b @ a).numpy(), D.T @ A) < 1e-14
    found, G = gradients_of(model, delta, X)
    assert far(found["D"], (G @ A.T).T) < TOLERANCE


def test_miss_drops_its_input_only_while_training():
    model, _, _, X = attached(peft.MiSS(3, dropout=0.5))
    rows = tensor(np.repeat(X[:1], 4000, axis=0))
    noisy, quiet = model(rows).numpy(), model.eval()(rows).numpy()
    z = (noisy.mean(0) - quiet[0]) / (noisy.std(0) / 4000**0.5)
    assert np.abs(z).max() < 5 and np.ptp(quiet, axis=0).max() < 1e-12


# --- what is refused ---------------------------------------------------------------


@pytest.mark.parametrize(
    "make, target, words",
    [
        (lambda: peft.LoHa(13), "fc", r"LoHa at 'fc': rank 13 is above .* 12×18"),
        (lambda: peft.HiRA(13), "fc", r"HiRA at 'fc': rank 13 is above"),
        (lambda: peft.LoKr(13), "fc", r"LoKr at 'fc': rank 13 is above"),
        (lambda: peft.MiSS(19), "fc", r"MiSS at 'fc': rank 19 is above its 18 inputs"),
        (
            lambda: peft.LoKr(2, factor=4),
            "fc",
            r"factor 4 does not divide both its 12 outputs and its 18 inputs; choose "
            r"one of 1, 2, 3, 6, or -1",
        ),
        (lambda: peft.LoHa(2), "emb", r"'emb' names Embedding .* LoHa cannot sit"),
        (lambda: peft.LoKr(2), "emb", r"'emb' names Embedding .* LoKr cannot sit"),
        (lambda: peft.MiSS(2), "conv", r"'conv' names Conv2d .* MiSS cannot sit"),
    ],
)
def test_wrong_sites(make, target, words):
    layers = {
        "fc": nn.Linear(18, 12),
        "emb": nn.Embedding(9, 6),
        "conv": nn.Conv2d(4, 6, 3),
    }
    with pytest.raises(ValueError, match=words):
        peft.attach(nn.Sequential(layers), make(), target)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: peft.LoKr(factor=0), r"factor is a positive integer, or -1"),
        (lambda: peft.LoKr(factor=2.0), r"or -1 .* got 2.0"),
        (lambda: peft.LoKr(factor=True), r"or -1 .* got True"),
        (lambda: peft.LoHa(0), "positive integer, got 0"),
        (lambda: peft.LoHa(2, -1), "alpha must be positive"),
        (lambda: peft.HiRA(0), "positive integer, got 0"),
        (lambda: peft.MiSS(2, dropout=1.0), r"dropout must be in \[0, 1\)"),
    ],
)
def test_wrong_options(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_their_spelling_is_told():
    with pytest.raises(TypeError, match=r"decompose_factor.*use factor"):
        peft.LoKr(decompose_factor=4)


def test_a_grid_that_does_not_divide():
    with pytest.raises(ValueError, match=r"4×2 grid of equal blocks .* 6×8; 4 must"):
        peft.nearest_kronecker(np.ones((6, 8)), (4, 2))
