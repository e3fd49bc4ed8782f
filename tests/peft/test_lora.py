"""LoRA and its kin against formulas written here, and what several of them do at once."""

import math

import numpy as np
import pytest

import tinyft
from tinyft import models, nn, ops, optim, peft

TOLERANCE = 1e-12  # float64 sums of a few products of size one


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def randomise(adapter, seed=0):
    rng = np.random.default_rng(seed)
    for p in adapter.parameters():
        p.data = p.data + 0.5 * rng.normal(size=p.shape)
    return adapter


def layers():
    rng = np.random.default_rng(0)
    return nn.Sequential(
        {
            "one": nn.Linear(6, 5, rng=rng, dtype="float64"),
            "two": nn.Linear(5, 4, rng=rng, dtype="float64"),
        }
    )


def run(model, x):
    with tinyft.no_grad():
        return model(tinyft.tensor(x)).numpy()


X = np.random.default_rng(9).normal(size=(7, 6))


# --- closed forms ------------------------------------------------------------------


@pytest.mark.parametrize("rslora", [False, True])
def test_first_step_of_sgd(rslora):
    """One step from B = 0 moves W by −η s² G AᵀA, and A not at all."""
    model = nn.Sequential({"one": nn.Linear(6, 5, rng=0, dtype="float64")})
    W, eta, r, alpha = model.one.weight, 0.1, 3, 5
    adapter = peft.attach(model, peft.LoRA(r, alpha, rslora=rslora), "one", rng=1)
    s = alpha / (math.sqrt(r) if rslora else r)
    A = adapter.deltas["one"].A.numpy().copy()
    Y = np.random.default_rng(2).normal(size=(7, 5))
    residual = run(model, X) - Y
    loss = ((model(tinyft.tensor(X)) - tinyft.tensor(Y)) ** 2).sum() * (1 / 14)
    loss.backward()
    optim.SGD(adapter.parameters(), lr=eta).step()
    G = residual.T @ X / 7
    change = model.one.weight.numpy() - W.numpy()
    assert far(change, -eta * s**2 * G @ A.T @ A) < TOLERANCE
    np.testing.assert_array_equal(adapter.deltas["one"].A.numpy(), A)


def test_dropout_acts_on_the_adapter_path_only():
    model = nn.Sequential({"one": nn.Linear(6, 5, rng=0, dtype="float64")})
    rng = np.random.default_rng(3)
    adapter = randomise(
        peft.attach(model, peft.LoRA(2, 4, dropout=0.5), "one", rng=rng)
    )
    A, B = (p.numpy() for p in adapter.parameters())
    model.train()
    state = rng.bit_generator.state
    got = run(model, X)
    rng.bit_generator.state = state
    kept = rng.random(X.shape, dtype="f4") < 0.5
    W, b = (p.numpy() for p in model.base_parameters())
    assert far(got, X @ W.T + b + 2 * (X * kept / 0.5) @ A.T @ B.T) < TOLERANCE
    model.eval()
    assert far(run(model, X), X @ (W + 2 * B @ A).T + b) < TOLERANCE


def test_pissa_starts_at_the_best_approximation_with_the_base_untouched():
    model = layers()
    W = model.one.weight.numpy().copy()
    adapter = peft.attach(model, peft.PiSSA(2, alpha=6), "one")
    delta = adapter.deltas["one"]
    A, B = delta.A.numpy(), delta.B.numpy()
    U, S, Vt = np.linalg.svd(W)
    best = (U[:, :2] * S[:2]) @ Vt[:2]
    assert far(3 * B @ A, best) < TOLERANCE  # s = 3, in the roots
    np.testing.assert_allclose((B**2).sum(0), S[:2] / 3)  # both factors have the root
    np.testing.assert_allclose((A**2).sum(1), S[:2] / 3)
    assert model.one.weight.numpy().tobytes() == W.tobytes()
    before = run(model, X)
    model(tinyft.tensor(X)).sum().backward()
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in adapter.parameters())
    with peft.disabled(model):
        assert run(model, X).tobytes() == before.tobytes()


@pytest.mark.parametrize("detach", [False, True])
def test_dora_gradients(detach):
    """∂m = g·v/‖v‖; ∂v = (m/‖v‖)(I − v vᵀ/‖v‖²) g, or (m/‖v‖) g with ‖v‖ detached."""
    model = nn.Sequential({"one": nn.Linear(6, 5, bias=False, rng=0, dtype="float64")})
    adapter = randomise(
        peft.attach(model, peft.DoRA(2, 3, detach=detach), "one", rng=1)
    )
    A, B, m = (p.numpy() for p in adapter.parameters())
    W = model.one.parameter("weight").numpy()
    g = np.random.default_rng(4).normal(size=W.shape)
    (model.one.weight * tinyft.tensor(g)).sum().backward()
    V = W + 1.5 * B @ A
    n = np.linalg.norm(V, axis=1, keepdims=True)
    gV = m[:, None] / n * g
    if not detach:
        gV = m[:, None] / n * (g - V * (g * V).sum(1, keepdims=True) / n**2)
        assert np.abs((gV * V).sum(1)).max() < TOLERANCE  # orthogonal to each row
    gA, gB, gm = (p.grad.numpy() for p in adapter.parameters())
    assert far(gA, 1.5 * B.T @ gV) < TOLERANCE
    assert far(gB, 1.5 * gV @ A.T) < TOLERANCE
    assert far(gm, (g * V).sum(1) / n[:, 0]) < TOLERANCE


def test_dora_dropout_is_that_of_the_closed_form_on_dropped_inputs():
    """y = x Wᵀ + b + (W' − W) on the dropped x: PEFT's form (peft#1474)."""
    model = nn.Sequential({"one": nn.Linear(6, 5, rng=0, dtype="float64")})
    rng = np.random.default_rng(3)
    randomise(peft.attach(model, peft.DoRA(2, 4, dropout=0.5), "one", rng=rng))
    W, b = (model.one.parameter(name).numpy() for name in ("weight", "bias"))
    changed = model.one.weight.numpy() - W
    model.train()
    state = rng.bit_generator.state
    got = run(model, X)
    rng.bit_generator.state = state
    dropped = X * (rng.random(X.shape, dtype="f4") < 0.5) / 0.5
    assert far(got, X @ W.T + b + dropped @ changed.T) < TOLERANCE


ZEROS = {
    "linear": (lambda: nn.Linear(4, 3, rng=0, dtype="float64"), (2, 4), (1,)),
    "conv": (lambda: nn.Conv2d(2, 3, 3, rng=0, dtype="float64"), (2, 2, 4, 4), (1,)),
    "embedding": (
        lambda: nn.Embedding(5, 3, rng=0, dtype="float64"),
        None,
        (slice(None), 1),
    ),
}


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("kind", ZEROS)
def test_dora_where_the_norm_is_zero_is_the_base_and_leaves_it(kind, detach):
    """m/‖V‖ is 0/0 there: W' = V. The row can still learn (huggingface/peft#2049)."""
    make, shape, where = ZEROS[kind]
    layer, rng = make(), np.random.default_rng(0)
    W = layer.weight.numpy().copy()
    W[where] = 0
    layer.weight.data = W
    model = nn.Sequential({"at": layer})
    x = rng.normal(size=shape) if shape else np.array([[0, 3, 4]])
    base = run(model, x)
    adapter = peft.attach(model, peft.DoRA(1, 3, detach=detach), "at", rng=1)
    assert far(run(model, x), base) < TOLERANCE
    for _ in range(2):  # the first step leaves zero, by B (A for an Embedding)
        for p in adapter.parameters():
            p.zero_grad()
        (model(tinyft.tensor(x)) ** 2 - 2 * model(tinyft.tensor(x))).sum().backward()
        assert all(np.isfinite(p.grad.numpy()).all() for p in adapter.parameters())
        optim.SGD(adapter.parameters(), lr=0.1).step()
    assert np.abs(model.at.weight.numpy()[where]).max() > 1e-3


@pytest.mark.parametrize("size", [1e-7, 300.0, 6e4])
def test_dora_of_half_precision(size):
    """Squares of float16 are 0 below 2e-4 and infinite above 256: the norm is float32."""
    model = nn.Sequential({"one": nn.Linear(6, 5, bias=False, rng=0)})
    W = np.random.default_rng(0).uniform(0.5, 1, (5, 6)) * size
    model.one.weight.data = W.astype("f4")
    model.to("float16")
    W = model.one.weight.numpy().copy()
    adapter = peft.attach(model, peft.DoRA(2), "one", rng=1)
    np.testing.assert_array_equal(model.one.weight.numpy(), W)
    model(np.full((2, 6), 1e-3, "f2")).sum().backward()
    assert all(np.isfinite(p.grad.numpy()).all() for p in adapter.parameters())


def test_dora_with_dropout_must_be_alone():
    model = layers()
    peft.attach(model, peft.LoRA(2), "one", "lora")
    peft.attach(model, peft.DoRA(2, dropout=0.5), "one", "dora")
    run(model.eval(), X)
    with pytest.raises(
        ValueError, match=r"DoRA at 'one': .*alone.*LoRA acts there too"
    ):
        run(model.train(), X)
    peft.switch(model, "dora")
    run(model, X)


def test_dropout_stays_beside_trained_biases():
    """A bias that is a copy does not push the weight's own change off its path."""
    model = nn.Sequential({"one": nn.Linear(6, 5, rng=0, dtype="float64")})
    method = peft.LoRA(2, 4, dropout=0.5, lora_bias=True, bias="lora_only")
    randomise(peft.attach(model, method, "one", rng=0))
    assert far(run(model.train(), X), run(model.eval(), X)) > 0.01


def test_vera_shares_its_matrices_and_counts_its_vectors():
    model = layers()
    adapter = randomise(peft.attach(model, peft.VeRA(7), "one|two"))
    one, two = adapter.deltas["one"], adapter.deltas["two"]
    assert one.A is two.A and one.A.shape == (7, 6) and one.B.shape == (5, 7)
    assert adapter.count() == 7 + 5 + 7 + 4
    A, B = one.A.numpy()[:, :5], one.B.numpy()[:4]
    want = two.lambda_b.numpy()[:, None] * B @ (two.lambda_d.numpy()[:, None] * A)
    change = model.two.weight.numpy() - model.two.parameter("weight").numpy()
    assert far(change, want) < TOLERANCE


def test_ia3_scales_the_bias_on_the_output_side_only():
    model = layers()
    adapter = randomise(peft.attach(model, peft.IA3("two"), "one|two"))
    out, inward = (adapter.deltas[name].l.numpy() for name in ("one", "two"))
    W1, b1, W2, b2 = (p.numpy() for p in model.base_parameters())
    h = out * (X @ W1.T + b1)
    assert far(run(model, X), (inward * h) @ W2.T + b2) < TOLERANCE


def test_loraplus_groups():
    model = models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=9, tied=False)
    adapter = peft.attach(model, peft.LoRA(2, lora_bias=False), r"attn\.q|embed", rng=1)
    groups = peft.loraplus_groups(adapter, lr=0.1, ratio=4, weight_decay=0.5)
    found = {g["name"]: (g["lr"], [p.shape for p in g["params"]]) for g in groups}
    assert found == {
        "A": (0.1, [(2, 12)] * 2),
        "B": (0.4, [(12, 2)] * 2),
        "embedding": (1e-6, [(2, 11), (12, 2)]),
    }
    assert all(g["weight_decay"] == 0.5 for g in groups)
    optim.AdamW(groups, lr=1.0)  # the form that optimisers take


# --- where it sits -----------------------------------------------------------------


def gpt2():
    return models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=9, layers=3)


def test_patterns_layers_and_exclude():
    adapter = peft.attach(
        gpt2(),
        peft.LoRA(r=4, alpha=8),
        r"attn\.\w",
        layers=[0, 2],
        exclude=r"attn\.(k|o)",
        rank_pattern={r"2\.attn\.q": 2, "q": 3},
        alpha_pattern={"v": 5},
    )
    found = {path: (d.r, d.alpha, d.scale) for path, d in adapter.deltas.items()}
    assert found == {
        "blocks.0.attn.q": (3, 8, 8 / 3),
        "blocks.0.attn.v": (4, 5, 5 / 4),
        "blocks.2.attn.q": (2, 8, 4),
        "blocks.2.attn.v": (4, 5, 5 / 4),
    }


def test_patterns_come_back_from_a_file(tmp_path):
    model = gpt2()
    adapter = peft.attach(
        model, peft.LoRA(4, 8), "q|v", rank_pattern={r"1\.attn\.q": 2}
    )
    peft.save(model, tmp_path / "a")
    again = peft.load(gpt2(), tmp_path / "a")
    ranks = {path: (d.r, d.scale) for path, d in adapter.deltas.items()}
    assert ranks == {path: (d.r, d.scale) for path, d in again.deltas.items()}
    assert ranks["blocks.1.attn.q"] == (2, 4)


def test_sites_of_one_seed_differ():
    adapter = peft.attach(gpt2(), peft.LoRA(2), r"attn\.q", rng=0)
    first, second, _ = (d.A.numpy() for d in adapter.deltas.values())
    assert np.abs(first - second).max() > 0.01


# --- several at once ---------------------------------------------------------------


def three(model):
    found = []
    for i, name in enumerate("abc"):
        lora = peft.LoRA(r=1 + i, alpha=2 + i, rslora=i == 1)
        found.append(randomise(peft.attach(model, lora, "one|two", name, rng=i), i))
    return found


def test_switch():
    model = layers()
    base, adapters = run(model, X), three(model)
    alone = []
    for adapter in adapters:
        assert peft.switch(model, adapter.name) is model
        alone.append(run(model, X))
    assert len({y.tobytes() for y in (base, *alone)}) == 4
    peft.switch(model)
    assert run(model, X).tobytes() == base.tobytes()
    peft.switch(model, "a", "c")
    assert [a.deltas["one"].active for a in adapters] == [True, False, True]
    with pytest.raises(ValueError, match=r"no adapter named 'd'.*'a', 'b', 'c'"):
        peft.switch(model, "d")


def test_rows_count_and_names():
    model = layers()
    three(model)
    with (
        peft.rows(model, ["a", "b"]),
        pytest.raises(ValueError, match="2 names for a batch"),
    ):
        run(model, X)
    with (
        pytest.raises(ValueError, match="no adapter named 'z'"),
        peft.rows(model, ["z"]),
    ):
        pass
    assert len(model.one.deltas()) == 3  # as before


def test_rows_have_gradients_of_their_own():
    """The gradient of a mixed batch is that of each adapter's rows alone."""
    model = layers()
    adapters, names = three(model), ["c", "a", None, "a", "c", "c", "a"]
    with peft.rows(model, names):
        (model(tinyft.tensor(X)) ** 2).sum().backward()
    mixed = {a.name: [p.grad for p in a.parameters()] for a in adapters}
    assert all(g is None for g in mixed["b"])
    for adapter in adapters[::2]:
        mine = X[[i for i, name in enumerate(names) if name == adapter.name]]
        for p in adapter.parameters():
            p.zero_grad()
        peft.switch(model, adapter.name)
        (model(tinyft.tensor(mine)) ** 2).sum().backward()
        for p, g in zip(adapter.parameters(), mixed[adapter.name]):
            assert far(g.numpy(), p.grad.numpy()) < TOLERANCE


def changes(model):
    return {
        name: getattr(model, name).weight.numpy()
        - getattr(model, name).parameter("weight").numpy()
        for name in ("one", "two")
    }


WEIGHTS = [0.7, -0.3, 1.5]


def wanted(model, adapters):
    total = {"one": 0, "two": 0}
    for w, adapter in zip(WEIGHTS, adapters):
        peft.switch(model, adapter.name)
        total = {k: total[k] + w * c for k, c in changes(model).items()}
    return total


def test_combination_by_concatenation_is_exact():
    model = layers()
    adapters = three(model)
    want = wanted(model, adapters)
    made = peft.combine(adapters, WEIGHTS)
    assert made.error == {"one": 0.0, "two": 0.0}
    for name, change in changes(model).items():  # it alone acts
        assert far(change, want[name]) < TOLERANCE
        assert made.deltas[name].r == 6


def test_combination_by_svd_misses_the_tail():
    model = layers()
    adapters = three(model)
    want = wanted(model, adapters)
    made = peft.combine(adapters, WEIGHTS, how="svd", rank=2)
    for name, change in changes(model).items():
        S = np.linalg.svd(want[name], compute_uv=False)
        tail = np.sqrt((S[2:] ** 2).sum())
        assert abs(made.error[name] - tail) < TOLERANCE * S[0]
        assert abs(np.linalg.norm(change - want[name]) - tail) < TOLERANCE * S[0]
        assert np.linalg.matrix_rank(change) == 2 and tail > 0.01


def test_one_adapter_of_weight_one_is_itself_and_its_file_too(tmp_path):
    model = layers()
    (adapter, *_) = three(model)[1:]  # rsLoRA
    peft.switch(model, "b")
    want = run(model, X)
    for how in ("cat", "svd"):
        peft.combine([adapter], how=how, name=how)
        assert far(run(model, X), want) < TOLERANCE
        peft.save(model, tmp_path / how, how)
        again = layers()
        peft.load(again, tmp_path / how)
        assert far(run(again, X), want) < TOLERANCE


def test_combination_of_convolutions_embeddings_and_other_sites():
    rng = np.random.default_rng(0)
    model = models.gpt2_tiny(
        rng, "float64", vocab=11, dim=12, heads=3, length=9, tied=False
    )
    one = randomise(peft.attach(model, peft.LoRA(2), "embed", "one", rng=1))
    two = randomise(peft.attach(model, peft.PiSSA(2), "embed|up", "two", rng=1))
    ids = tinyft.tensor(np.arange(5)[None])
    both = model.embed(ids).numpy()
    up = model.blocks[0].mlp.up.weight.numpy()
    made = peft.combine([one, two])
    assert far(model.embed(ids).numpy(), both) < TOLERANCE
    assert far(model.blocks[0].mlp.up.weight.numpy(), up) < TOLERANCE
    assert made.deltas["embed"].r == 2 + 4  # PiSSA is a LoRA of twice its rank
    images = models.resnet_tiny(0, "float64")
    parts = [
        randomise(peft.attach(images, peft.LoRA(2), "conv2", n, rng=i), i)
        for i, n in enumerate("ab")
    ]
    x = np.random.default_rng(1).normal(size=(2, 1, 8, 8))
    images.eval()
    want = run(images, x)
    peft.combine(parts)
    assert far(run(images, x), want) < TOLERANCE


@pytest.mark.parametrize(
    "options, words",
    [
        ({"how": "linear"}, "cross terms"),
        ({"how": "ties"}, "'cat' or 'svd'"),
        ({"weights": [1.0]}, "1 weights for 3 adapters"),
        ({"how": "svd", "rank": 0}, "rank must be a positive integer"),
    ],
)
def test_combinations_that_are_none(options, words):
    model = layers()
    adapters = three(model)
    with pytest.raises(ValueError, match=words):
        peft.combine(adapters, **options)
    assert set(peft.attached(model)) == {"a", "b", "c"}


@pytest.mark.parametrize("how, rank", [("cat", None), ("svd", 11)])
def test_a_sum_of_other_ranks_and_alphas_with_a_negative_weight(how, rank):
    model = layers()
    parts = [
        randomise(peft.attach(model, method, "one", name, rng=i), i)
        for i, (name, method) in enumerate(
            {"a": peft.LoRA(2, 8), "b": peft.LoRA(4, 4), "c": peft.VeRA(3)}.items()
        )
    ]
    W, want = model.one.parameter("weight").numpy(), 0
    for w, adapter in zip((1.5, -0.5, 2.0), parts):
        peft.switch(model, adapter.name)
        want = want + w * (model.one.weight.numpy() - W)
    peft.combine(parts, [1.5, -0.5, 2.0], how=how, rank=rank)
    assert far(model.one.weight.numpy() - W, want) < TOLERANCE


def test_only_products_combine():
    model = layers()
    dora = peft.attach(model, peft.DoRA(2), "one")
    with pytest.raises(
        ValueError, match="DoRA of adapter 'default' at 'one' is not a product"
    ):
        peft.combine([dora])
    with pytest.raises(ValueError, match="list of adapters of one model"):
        peft.combine([])


# --- modules that train whole ------------------------------------------------------


def test_a_batchnorm_beside_lora_follows_the_data_and_the_base_does_not():
    model = models.resnet_tiny(0, "float64")
    x = np.random.default_rng(1).normal(2.0, 3.0, size=(4, 1, 8, 8))
    model.eval()
    base = run(model, x)
    state = {k: v.numpy().tobytes() for k, v in model.state_dict().items()}
    adapter = peft.attach(
        model, peft.LoRA(2), r"conv\d", also=r"layer\d\.\d\.bn1|fc", rng=0
    )
    copy = adapter.deltas["layer1.0.bn1"].copy
    model.train()
    for _ in range(5):
        run(model, x)
    model.eval()
    assert int(copy.num_batches_tracked) == 5
    h = model.layer1[0].conv1(ops.relu(model.bn1(model.conv1(tinyft.tensor(x)))))
    mean, start = h.numpy().mean((0, 2, 3)), 0.0
    for _ in range(5):
        start = 0.9 * start + 0.1 * mean
    np.testing.assert_allclose(copy.running_mean.numpy(), start, rtol=1e-10)
    live = run(model, x)
    assert far(live, base) > 1e-3
    peft.merge(model)  # buffers too
    assert far(run(model, x), live) < TOLERANCE
    peft.unmerge(model)
    with peft.disabled(model):
        assert run(model, x).tobytes() == base.tobytes()
    peft.detach(adapter)
    assert {k: v.numpy().tobytes() for k, v in model.state_dict().items()} == state


def test_saved_modules_are_in_the_file(tmp_path):
    def build():
        return models.resnet_tiny(0, "float64").eval()

    model, x = build(), np.random.default_rng(1).normal(size=(4, 1, 8, 8))
    adapter = peft.attach(model, peft.LoRA(2), r"conv\d", also=r"bn\d|fc", rng=0)
    randomise(adapter)
    model.train()
    run(model, x)
    model.eval()
    peft.save(model, tmp_path / "a")
    again = build()
    peft.load(again, tmp_path / "a")
    assert run(again, x).tobytes() == run(model, x).tobytes()


def test_a_second_adapter_s_batchnorm_copy_trains_as_the_base_did():
    model = models.resnet_tiny(0)
    peft.attach(model, peft.LoRA(2), "fc", "first")
    second = peft.attach(model, peft.LoRA(2), "^conv1", "second", also="^bn1")
    assert second.deltas["bn1"].copy.statistics == "update"
    assert model.bn1.statistics == "frozen"


def test_lora_r8_is_at_most_one_percent_of_a_small_gpt(tmp_path):
    model = models.gpt2_tiny(0, vocab=512, dim=256, heads=4, layers=4, length=128)
    adapter = peft.attach(model, peft.LoRA(8), r"attn\.(q|v)")
    assert adapter.count() == 4 * 2 * 8 * (256 + 256)
    assert adapter.count() / model.count() < 0.01
    peft.save(model, tmp_path / "a")
    size = (tmp_path / "a" / "adapter_model.safetensors").stat().st_size
    assert (
        4 * adapter.count() < size < 4 * adapter.count() * 1.05
    )  # the rest is the header


def test_a_key_of_a_pattern_matches_whole_names_at_the_end():
    ranks = {"v": 1, "attn.q": 2}
    adapter = peft.attach(gpt2(), peft.LoRA(4), r"attn\.\w|mlp.*", rank_pattern=ranks)
    found = {path.partition(".0.")[2]: d.r for path, d in adapter.deltas.items()}
    found.pop("")
    with pytest.raises(ValueError, match="'0' matches none of the sites"):
        peft.attach(gpt2(), peft.LoRA(4), r"attn\.\w", rank_pattern={"0": 3})
    assert found == {
        "attn.q": 2,
        "attn.k": 4,
        "attn.v": 1,
        "attn.o": 4,
        "mlp.up": 4,
        "mlp.down": 4,
    }
