"""AdaLoRA, LoRA-GA, EVA, CorDA, LoRA-FA and scaled gradients against formulas of NumPy.

float64 sums of at most a few hundred products of size one: 1e-12 of the largest value; a
decomposition or an inverse loses its condition number, at most 1e3 here: 1e-9.
"""

import itertools

import numpy as np
import pytest

import tinyft
from tinyft import models, nn, ops, optim, peft, tensor

TOLERANCE, SOLVED = 1e-12, 1e-9
OUT, IN, R, ALPHA = 9, 12, 3, 5
S = ALPHA / R


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def norm(x):
    return np.sqrt((x**2).sum())


def linear(out=OUT, inp=IN, seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential({"fc": nn.Linear(inp, out, rng=rng, dtype="float64")})


def data(rows=40, seed=3):
    """Coloured inputs with a mean, and targets."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, IN)) * 0.8 ** np.arange(IN) @ rng.normal(size=(IN, IN))
    return X + 1.2, rng.normal(size=(rows, OUT))


def squared(model, x, y):
    """½ Σ ‖f(x) − y‖², whose gradient with respect to the output is the residual."""
    return 0.5 * ops.sum((model(tensor(x)) - tensor(y)) ** 2)


def parts(adapter, path="fc"):
    delta = adapter.deltas[path]
    return delta, delta.site.parameter("weight").numpy()


def svd(x):
    return np.linalg.svd(x, full_matrices=False)


def randomise(adapter, seed=5, size=0.5):
    rng = np.random.default_rng(seed)
    for p in adapter.parameters():
        p.data = p.data + size * rng.normal(size=p.shape)
    return adapter


# --- AdaLoRA -----------------------------------------------------------------------


def adalora(shapes=((OUT, IN),), r=R, **options):
    rng = np.random.default_rng(1)
    model = nn.Sequential(
        {
            f"fc{i}": nn.Linear(inp, out, bias=False, rng=rng, dtype="float64")
            for i, (out, inp) in enumerate(shapes)
        }
    )
    return model, peft.attach(model, peft.AdaLoRA(r, ALPHA, **options), r"fc\d", rng=2)


def test_the_change_is_a_sum_of_triplets():
    model, adapter = adalora()
    delta, W = parts(randomise(adapter), "fc0")
    P, lam, Q = delta.B.numpy(), delta.E.numpy()[:, 0], delta.A.numpy()
    want = sum(lam[k] * np.outer(P[:, k], Q[k]) for k in range(R)) * ALPHA / (R + 1e-5)
    assert far(model.fc0.weight.numpy() - W, want) < TOLERANCE
    assert far(np.matmul(*(f.numpy() for f in delta.factors()[::-1])), want) < TOLERANCE


def test_the_penalty_and_its_gradient():
    _, adapter = adalora(orthogonal=0.3)
    delta, _ = parts(randomise(adapter), "fc0")
    P, Q, eye = delta.B.numpy(), delta.A.numpy(), np.eye(R)
    adapter.penalty().backward()
    want = 0.3 * (norm(P.T @ P - eye) ** 2 + norm(Q @ Q.T - eye) ** 2)
    assert abs(adapter.penalty().item() - want) < TOLERANCE * want
    assert far(delta.B.grad.numpy(), 1.2 * P @ (P.T @ P - eye)) < TOLERANCE
    assert far(delta.A.grad.numpy(), 1.2 * (Q @ Q.T - eye) @ Q) < TOLERANCE


def test_the_three_sensitivities_carry_one_number():
    """P ∂P summed, λ ∂λ and Q ∂Q summed agree, and a stationary point makes them 0."""
    model, adapter = adalora()
    delta, _ = parts(randomise(adapter), "fc0")
    X, Y = data()
    squared(model.fc0, X, Y).backward()
    P, E, Q = (p.numpy() * p.grad.numpy() for p in (delta.B, delta.E, delta.A))
    assert far(P.sum(0), E[:, 0]) < TOLERANCE * 10
    assert far(Q.sum(1), E[:, 0]) < TOLERANCE * 10


def allocator(adapter, **options):
    given = {"budget": 4, "steps": 20, "warmup": 3, "final": 5} | options
    return peft.RankAllocator(adapter, **given)


SHAPES = ((10, 8), (8, 8), (6, 12))


def test_the_budget_is_cubic_between_warm_up_and_the_final_steps():
    _, adapter = adalora(SHAPES, r=6)
    found = [allocator(adapter).budget_at(t) for t in range(20)]
    assert found[:4] == [18] * 4 and found[15:] == [4] * 5
    for t in range(4, 15):
        assert found[t] == int(4 + 14 * (1 - (t - 3) / 12) ** 3)
    long = allocator(adapter, steps=100_000, warmup=0, final=0)
    mean = np.mean([long.budget_at(t) for t in range(0, 100_000, 10)])
    assert abs(mean - (4 + 14 / 4)) < 0.51  # integers: half a triplet is cut off


def test_the_scores_are_those_of_the_paper():
    _, adapter = adalora(SHAPES[:1])
    delta, _ = parts(randomise(adapter), "fc0")
    rng, one, seen = np.random.default_rng(0), allocator(adapter, budget=2), {}
    for _ in range(3):
        want = 0
        for name, axis in (("B", 0), ("E", 1), ("A", 1)):
            p, g = delta.slots()[name], rng.normal(size=delta.slots()[name].shape)
            p.grad, now = tensor(g), np.abs(p.numpy() * g)
            mean, spread = seen.get(name, (0, 0))
            mean = 0.85 * mean + 0.15 * now
            spread = 0.85 * spread + 0.15 * np.abs(now - mean)
            seen[name] = mean, spread
            want = want + (mean * spread).mean(axis)
        assert far(one.scores(), want) < TOLERANCE


def test_the_allocator_pools_the_singular_values_of_all_layers():
    """Σ ranks fixed, no set of triplets leaves less error (by every choice of 9 from 18
    shared out); the start is half of each target, so that the scores rank by σ."""
    rng = np.random.default_rng(8)
    targets = [size * rng.normal(size=shape) for size, shape in zip((3, 1, 2), SHAPES)]
    model, adapter = adalora(SHAPES, r=6)
    values = []
    for delta, M in zip(adapter.deltas.values(), targets):
        U, sigma, Vt = svd(M)
        delta.B.data, delta.A.data = U[:, :6].copy(), Vt[:6].copy()
        delta.E.data = sigma[:6, None] / delta.scale / 2
        values.append(sigma)
    weights = {p: d.site.parameter("weight") for p, d in adapter.deltas.items()}
    loss = 0
    for (path, W), M in zip(weights.items(), targets):
        loss = loss + ((getattr(model, path).weight - W - tensor(M)) ** 2).sum()
    loss.backward()
    one = peft.RankAllocator(adapter, 9, 2, final=1)
    one.step()
    one.step()
    found = tuple(one.ranks().values())
    errors = {
        ranks: sum((v[k:] ** 2).sum() for v, k in zip(values, ranks))
        for ranks in itertools.product(range(7), repeat=3)
        if sum(ranks) == 9
    }
    assert found == min(errors, key=errors.get) != (3, 3, 3)
    for delta, k in zip(adapter.deltas.values(), found):
        assert np.flatnonzero(delta.E.numpy()).tolist() == list(range(k))


def test_a_choice_is_final_in_the_last_steps():
    _, adapter = adalora(SHAPES, r=4)
    rng, one = np.random.default_rng(0), allocator(randomise(adapter))
    kept = []
    for _ in range(20):
        for p in adapter.parameters():
            p.grad = tensor(rng.normal(size=p.shape))
        optim.SGD(adapter.parameters(), lr=0.1).step()
        one.step()
        E = np.concatenate([d.E.numpy()[:, 0] for d in adapter.deltas.values()])
        kept.append(tuple(np.flatnonzero(E)))
    assert [len(k) for k in kept] == [one.budget_at(t) for t in range(20)]
    assert len(set(kept[15:])) == 1


def test_until_then_a_triplet_can_come_back():
    _, adapter = adalora(r=2)
    delta, kept = parts(adapter, "fc0")[0], []
    one = peft.RankAllocator(adapter, 1, steps=9, betas=(0.1, 0.1))
    for t in range(8):
        better = np.array([1.0, 0.1] if t < 4 else [0.1, 1.0])
        delta.B.grad = tensor(np.ones((OUT, 1)) * better)
        delta.A.grad = tensor(np.ones((1, IN)) * better[:, None])
        delta.E.grad = tensor(better[:, None])
        optim.SGD([delta.E], lr=0.1).step()
        one.step()
        kept.append(np.flatnonzero(delta.E.numpy()).tolist())
    assert kept == [[0, 1]] + 3 * [[0]] + 4 * [[1]]


def test_training_without_the_allocator_is_refused():
    """peft#432 and its kin: silently a plain LoRA."""
    X, Y = data()

    def train(allocate, steps=6):
        model, adapter = adalora()
        step = optim.SGD(adapter.parameters(), lr=1e-4)
        one = allocator(adapter, budget=2)
        for _ in range(steps):
            squared(model.fc0, X, Y).backward()
            step.step()
            if allocate:
                one.step()
            step.zero_grad()
        return model

    train(True)
    with pytest.raises(ValueError, match=r"AdaLoRA at 'fc0'.*allocator.step\(\)"):
        train(False)
    train(False, 3)


@pytest.mark.parametrize(
    "options", [{"budget": 99}, {"warmup": 15}, {"budget": 0}, {"steps": 5}]
)
def test_budgets_that_make_no_sense(options):
    _, adapter = adalora()
    with pytest.raises(ValueError, match="RankAllocator"):
        allocator(adapter, **({"budget": 2} | options))


def test_an_allocator_needs_an_adalora_and_gradients():
    adapter = peft.attach(linear(), peft.LoRA(2), "fc")
    with pytest.raises(ValueError, match="expected an AdaLoRA"):
        allocator(adapter)
    _, adapter = adalora()
    with pytest.raises(ValueError, match=r"fc0\.E has no gradient.*zero_grad"):
        allocator(adapter, budget=2).step()


def test_adalora_files_with_another_rank_at_a_site_are_refused(tmp_path):
    model = linear()
    peft.attach(model, peft.AdaLoRA(3), "fc", rank_pattern={"fc": 2})
    with pytest.raises(ValueError, match="AdaLoRA at 'fc' has r=2"):
        peft.save(model, tmp_path / "a")


# --- starts from data --------------------------------------------------------------


def started(how, batches, loss_fn=None, r=R, alpha=ALPHA, model=None):
    model = linear() if model is None else model
    adapter = peft.attach(model, peft.OffsetLoRA(r, alpha), "fc", rng=4)
    before = [p.grad for p in model.base_parameters()]
    assert peft.start_from(adapter, how, batches, loss_fn) is adapter
    assert [p.grad for p in model.base_parameters()] == before
    assert not any(p.requires_grad for p in model.base_parameters())
    return model, adapter


def halves(X, Y):
    return [(X[:17], Y[:17]), (X[17:], Y[17:])]


@pytest.mark.parametrize("how", ["eva", "corda", "lora_ga"])
def test_a_start_is_the_base_and_off_is_its_bits(how):
    X, Y = data()
    model = linear()
    with tinyft.no_grad():
        base = model(tensor(X)).numpy()
    loss_fn = squared if how == "lora_ga" else None
    model, adapter = started(how, halves(X, Y), loss_fn, model=model)
    with tinyft.no_grad():
        assert far(model(tensor(X)).numpy(), base) < TOLERANCE
        randomise(adapter)
        assert far(model(tensor(X)).numpy(), base) > 0.01
        with peft.disabled(model):
            assert model(tensor(X)).numpy().tobytes() == base.tobytes()
    assert model.training


def test_lora_ga_takes_the_best_first_step_of_rank_2r():
    X, Y = data()
    model, adapter = started("lora_ga", halves(X, Y), squared)
    delta, W = parts(adapter)
    with tinyft.no_grad():
        G = (model(tensor(X)).numpy() - Y).T @ X / 2  # the mean over two batches
    A, B, eta = delta.A.numpy().copy(), delta.B.numpy().copy(), 1e-3
    (squared(model, X, Y) / 2).backward()
    optim.SGD(adapter.parameters(), lr=eta).step()
    change = model.fc.weight.numpy() - W
    first = G @ A.T @ A + B @ B.T @ G
    want = -eta * S**2 * first + eta**2 * S**3 * G @ A.T @ B.T @ G
    assert far(change, want) < 100 * TOLERANCE  # W' − W cancels two digits
    U, sigma, Vt = svd(G)
    assert far(first, U[:, : 2 * R] * sigma[: 2 * R] @ Vt[: 2 * R]) < SOLVED
    tail = norm(sigma[2 * R :])
    assert abs(norm(first - G) - tail) < SOLVED * sigma[0]
    same = G @ A.T @ A + U[:, :R] @ U[:, :R].T @ G  # the named mistake: one set
    assert norm(same - G) > 1.1 * tail


def test_eva_keeps_what_the_inputs_have_uncentred():
    X, Y = data()
    _, adapter = started("eva", halves(X, Y))
    delta, _ = parts(adapter)
    A, sigma = delta.A.numpy(), svd(X)[1]
    assert far(A @ A.T, np.eye(R)) < TOLERANCE
    lost = norm(X - X @ A.T @ A)
    assert abs(lost - norm(sigma[R:])) < SOLVED * sigma[0]
    assert not delta.B.numpy().any()
    centred = svd(X - X.mean(0))[2][:R]
    assert norm(X - X @ centred.T @ centred) > 1.05 * lost


@pytest.mark.parametrize("rows", [40, 7])  # 7 rows: C = XᵀX has no inverse
def test_corda_is_the_closest_weight_of_rank_r_on_the_inputs(rows):
    X, Y = data(rows)
    batches = [(X[:4], Y[:4]), (X[4:], Y[4:])]
    _, adapter = started("corda", batches)
    delta, W = parts(adapter)
    near = S * delta.B0.numpy() @ delta.A0.numpy()
    U, sigma, _ = svd(W @ X.T)
    assert far(near, U[:, :R] @ U[:, :R].T @ W) < SOLVED
    lost = norm((W - near) @ X.T)
    assert abs(lost - norm(sigma[R:])) < SOLVED * sigma[0]
    V, tau, Zt = svd(W)
    plain = V[:, :R] * tau[:R] @ Zt[:R]
    assert norm((W - plain) @ X.T) > 1.05 * lost
    if rows > IN:  # the paper's: C, and not its root
        C = X.T @ X
        Q, rho, Pt = svd(W @ C)
        paper = Q[:, :R] * rho[:R] @ Pt[:R] @ np.linalg.inv(C)
        assert norm((W - paper) @ X.T) > 1.001 * lost


def test_corda_on_white_inputs_is_pissa():
    rng = np.random.default_rng(0)
    X = np.linalg.qr(rng.normal(size=(30, IN)))[0]
    _, adapter = started("corda", [(X,)])
    delta, _ = parts(adapter)
    other = peft.attach(linear(), peft.PiSSA(R, ALPHA), "fc").deltas["fc"]
    for name in "AB":
        got, want = (d.slots()[name].numpy() for d in (delta, other))
        assert far(np.abs(got), np.abs(want)) < SOLVED  # singular vectors have a sign


def test_starts_on_other_layers_and_inside_a_model():
    model = models.gpt2_tiny(
        0, "float64", vocab=11, dim=12, heads=3, length=9, tied=False
    )
    ids = np.random.default_rng(1).integers(0, 11, (4, 6))
    with tinyft.no_grad():
        base = model.eval()(tensor(ids)).numpy()
    loss_fn = lambda model, x: (model(tensor(x)) ** 2).mean()  # noqa: E731
    adapter = peft.attach(model, peft.OffsetLoRA(2, 3), r"embed|attn\.q|up", rng=0)
    peft.start_from(adapter, "lora_ga", [(ids,), (ids[:2],)], loss_fn)
    with tinyft.no_grad():
        assert far(model(tensor(ids)).numpy(), base) < TOLERANCE
    with pytest.raises(ValueError, match="'embed' is not a Linear layer"):
        peft.start_from(adapter, "eva", [(ids,)])
    peft.detach(adapter)
    adapter = peft.attach(model, peft.OffsetLoRA(2, 3), r"attn\.q|up", rng=0)
    peft.start_from(adapter, "corda", [(ids,)])
    with tinyft.no_grad():
        assert far(model(tensor(ids)).numpy(), base) < TOLERANCE


def test_what_start_from_refuses():
    X, Y = data()
    lora = peft.attach(linear(), peft.LoRA(2), "fc")
    with pytest.raises(ValueError, match="'fc' is a LoRA; attach"):
        peft.start_from(lora, "eva", [(X,)])
    adapter = peft.attach(linear(), peft.OffsetLoRA(5), "fc")
    for how, given in (("eva", (squared,)), ("lora_ga", ()), ("pissa", ())):
        with pytest.raises(ValueError, match=f"how='{how}'"):
            peft.start_from(adapter, how, [(X, Y)], *given)
    with pytest.raises(ValueError, match="10 singular vectors are needed"):
        peft.start_from(adapter, "lora_ga", [(X, Y)], squared)
    with pytest.raises(ValueError, match="more rows of input"):
        peft.start_from(adapter, "eva", [(X[:2],)])
    with pytest.raises(ValueError, match=r"no batch.*'fc'"):
        peft.start_from(adapter, "corda", [])
    peft.merge(adapter.model)
    with pytest.raises(ValueError, match="'fc' is merged"):
        peft.start_from(adapter, "eva", [(X,)])


# --- other steps -------------------------------------------------------------------


def stepped(M=None, how=peft.scaled_gradients, rate=1e-3, **options):
    """(ΔW of one SGD step, G, A, B) from the same product, written as (M⁻¹A, B M)."""
    X, Y = data()
    model = linear()
    adapter = randomise(peft.attach(model, peft.LoRA(R, ALPHA), "fc", rng=1))
    delta, _ = parts(adapter)
    if M is not None:
        delta.A.data = np.linalg.solve(M, delta.A.numpy())
        delta.B.data = delta.B.numpy() @ M
    A, B, before = delta.A.numpy(), delta.B.numpy(), model.fc.weight.numpy()
    A, B = A.copy(), B.copy()
    with tinyft.no_grad():
        G = (model(tensor(X)).numpy() - Y).T @ X
    squared(model, X, Y).backward()
    how(adapter, **options)
    optim.SGD(adapter.parameters(), lr=rate).step()
    return model.fc.weight.numpy() - before, G, A, B


MIX = np.array([[2.0, 1.0, 0.0], [0.5, -1.0, 3.0], [1.0, 0.3, 0.2]])


def test_a_scaled_step_projects_the_gradient_on_both_spaces():
    change, G, A, B = stepped()
    PA, PB = np.linalg.pinv(A) @ A, B @ np.linalg.pinv(B)
    cross = G @ np.linalg.pinv(A) @ np.linalg.pinv(B) @ G / S
    want = -1e-3 * (G @ PA + PB @ G) + 1e-6 * cross
    assert far(change, want) < SOLVED
    once = -1e-3 * (G @ PA + PB @ G - PB @ G @ PA) + 1e-6 * cross
    assert far(once, want) > 0.05  # the overlap counts twice


def test_scaled_steps_do_not_see_how_the_product_is_written():
    assert far(stepped(MIX)[0], stepped()[0]) < SOLVED

    def plain(adapter):
        pass

    assert far(stepped(MIX, plain)[0], stepped(how=plain)[0]) > 0.5
    damped = {"damping": 1.0}
    assert far(stepped(MIX, **damped)[0], stepped(**damped)[0]) > 0.05


def test_at_b_zero_only_b_moves_and_one_step_solves_a_white_problem():
    rng = np.random.default_rng(0)
    X = np.linalg.qr(rng.normal(size=(30, IN)))[0]
    model, Y = linear(), rng.normal(size=(30, OUT))
    adapter = peft.attach(model, peft.LoRA(R, ALPHA), "fc", rng=1)
    delta, W = parts(adapter)
    A = delta.A.numpy().copy()
    residual = Y - X @ W.T - model.fc.bias.numpy()
    squared(model, X, Y).backward()
    peft.scaled_gradients(adapter)
    assert not delta.A.grad.numpy().any()
    optim.SGD(adapter.parameters(), lr=1.0).step()
    best = np.linalg.lstsq(S * X @ A.T, residual, rcond=None)[0].T
    assert far(delta.B.numpy(), best) < SOLVED


def test_lora_fa_trains_b_alone():
    model = models.resnet_tiny(0, "float64", widths=(4, 6, 8), classes=5).eval()
    adapter = peft.attach(model, peft.LoRA(2, 3), r"layer2\.0\.conv\d|fc", rng=0)
    trained = peft.lora_fa(adapter)
    assert {id(p) for p in trained} == {id(d.B) for d in adapter.deltas.values()}
    x = np.random.default_rng(0).normal(size=(3, 1, 8, 8))
    (model(tensor(x)) ** 2).sum().backward()
    plain = {p: d.B.grad.numpy().copy() for p, d in adapter.deltas.items()}
    peft.scaled_gradients(adapter)
    for path, delta in adapter.deltas.items():
        A, g = delta.A.numpy().reshape(2, -1), plain[path].reshape(-1, 2)
        want = g @ np.linalg.inv(A @ A.T) / 1.5**2
        assert far(delta.B.grad.numpy().reshape(-1, 2), want) < SOLVED
        assert delta.A.grad is None


def test_what_the_steps_refuse():
    ada = peft.attach(linear(), peft.AdaLoRA(2), "fc")
    dora = peft.attach(linear(), peft.DoRA(2), "fc")
    vera = peft.attach(linear(), peft.VeRA(2), "fc")
    for adapter, kind in ((ada, "AdaLoRA"), (dora, "DoRA"), (vera, "VeRA")):
        for call in (peft.lora_fa, peft.scaled_gradients):
            with pytest.raises(ValueError, match=f"not a {kind}"):
                call(adapter)
    words = nn.Sequential({"fc": nn.Embedding(7, 5, rng=0)})
    adapter = peft.attach(words, peft.LoRA(2), "fc")
    with pytest.raises(ValueError, match="'fc' is an Embedding"):
        peft.lora_fa(adapter)
    with pytest.raises(ValueError, match="damping must be >= 0"):
        peft.scaled_gradients(adapter, -1)
