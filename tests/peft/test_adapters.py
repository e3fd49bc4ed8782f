"""Bottleneck adapters and their fusion against formulas in NumPy."""

import numpy as np
import pytest

import tinyft
from tinyft import models, nn, peft, tensor

TOLERANCE = 1e-12


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def randomise(adapter, seed=0):
    rng = np.random.default_rng(seed)
    for p in adapter.parameters():
        p.data = p.data + 0.5 * rng.normal(size=p.shape)
    return adapter


def gpt2():
    return models.gpt2_tiny(0, "float64", vocab=11, dim=12, heads=3, length=9)


def run(model, x):
    with tinyft.no_grad():
        return model(tensor(x)).numpy()


IDS = np.arange(10).reshape(2, 5)


def test_places_and_counts():
    m, d = 5, 12
    for make, places in (
        (peft.houlsby, ("attn", "mlp")),
        (peft.pfeiffer, ("mlp",)),
        (peft.parallel, ("mlp",)),
    ):
        adapter = peft.attach(gpt2(), make(m))
        assert list(adapter.deltas) == [
            f"blocks.{i}.{p}" for i in (0, 1) for p in places
        ]
        assert adapter.count() == len(adapter.deltas) * (2 * m * d + d + m)


@pytest.mark.parametrize("parallel", [False, True])
def test_formula(parallel):
    rng = np.random.default_rng(0)
    model = nn.Sequential({"fc": nn.Linear(4, 6, rng=rng, dtype="float64")})
    x = rng.normal(size=(3, 4))
    y = run(model, x)
    method = peft.Bottleneck(5, "tanh", parallel=parallel, scale=2.0)
    delta = randomise(peft.attach(model, method, "fc", rng=1)).deltas["fc"]
    D, b, U, c = (p.numpy() for p in delta.parameters())
    h = x if parallel else y
    assert far(run(model, x), y + 2 * (np.tanh(h @ D.T + b) @ U.T + c)) < TOLERANCE


def test_start_is_the_base_and_only_up_has_a_gradient_then():
    model = gpt2()
    base = run(model, IDS)
    adapter = peft.attach(model, peft.houlsby(5), rng=1)
    assert run(model, IDS).tobytes() == base.tobytes()
    model(tensor(IDS)).sum().backward()
    for name, p in adapter.named_parameters():
        moved = np.abs(p.grad.numpy()).max() > 0
        assert moved == (".up." in name), name


# --- fusion ------------------------------------------------------------------------


def fused(names="abc", kind=peft.houlsby):
    model = gpt2()
    for i, name in enumerate(names):
        randomise(peft.attach(model, kind(3 + i), name=name, rng=i), i)
    return model


def test_fusion_of_one_adapter_is_that_adapter():
    model = fused("a")
    want = run(model, IDS)
    fusion = peft.attach(model, peft.Fusion(("a",)), name="fusion", rng=0)
    assert far(run(model, IDS), want) < 1e-4  # V starts 1e-6 off the identity
    for delta in fusion.deltas.values():
        delta.value.data = np.eye(12)
    assert far(run(model, IDS), want) < TOLERANCE
    assert fusion.penalty().item() == 0


def test_zero_queries_give_the_mean():
    model = fused(kind=peft.pfeiffer)
    site, x = model.blocks[1].mlp, np.random.default_rng(1).normal(size=(2, 5, 12))
    parts = []
    for name in "abc":
        peft.switch(model, name)
        parts.append(run(site, x))
    fusion = peft.attach(model, peft.Fusion(tuple("abc")), name="fusion", rng=0)
    delta = fusion.deltas["blocks.1.mlp"]
    delta.value.data = np.eye(12)
    for p in delta.query.parameters():
        p.data = 0 * p.data
    assert far(run(site, x), np.mean(parts, axis=0)) < TOLERANCE
    np.testing.assert_allclose(delta.weights.numpy(), 1 / 3)


def test_fusion_formula():
    model = fused(kind=peft.pfeiffer)
    site, x = model.blocks[0].mlp, np.random.default_rng(1).normal(size=(2, 5, 12))
    peft.switch(model)
    y = run(site, x)
    added = []
    for name in "abc":
        peft.switch(model, name)
        added.append(run(site, x) - y)
    fusion = randomise(peft.attach(model, peft.Fusion(tuple("abc")), name="f", rng=0))
    delta = fusion.deltas["blocks.0.mlp"]
    V = delta.value.numpy()
    (Q, bq), (K, bk) = (
        [p.numpy() for p in m.parameters()] for m in (delta.query, delta.key)
    )
    a = np.stack(added, axis=2)  # (B, T, N, C)
    s = ((a @ K.T + bk) * (y @ Q.T + bq)[:, :, None]).sum(-1)  # no 1/√d
    w = np.exp(s) / np.exp(s).sum(-1, keepdims=True)
    assert far(run(site, x), y + (w[..., None] * (a @ V.T)).sum(2)) < TOLERANCE
    assert (
        abs(delta.penalty().item() - 0.01 * ((V - np.eye(12)) ** 2).sum()) < TOLERANCE
    )


def test_fusion_trains_itself_only():
    model = fused()
    fusion = peft.attach(model, peft.Fusion(tuple("abc")), name="fusion", rng=0)
    parts = [p for n in "abc" for p in peft.attached(model)[n].parameters()]
    (model(tensor(IDS)).sum() + fusion.penalty()).backward()
    assert all(p.grad is None for p in parts)
    assert peft.report(model).trainable == fusion.count()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: peft.Fusion(), "expected the names of attached adapters"),
        (lambda: peft.Fusion("a"), "expected the names"),
        (
            lambda: peft.Fusion(("a", "z")),
            "no adapter named 'z' is attached; there is 'a'",
        ),
        (lambda: peft.Bottleneck(0), "m must be a positive integer"),
        (lambda: peft.Bottleneck(3, "swish"), "activation must be one of"),
    ],
)
def test_bad_options(make, words):
    model = fused("a")
    with pytest.raises(ValueError, match=words):
        peft.attach(model, make(), name="new")


def test_fusion_where_not_all_sit():
    model = fused("a")
    peft.attach(model, peft.pfeiffer(3), name="b")
    with pytest.raises(
        ValueError, match=r"not all of \('a', 'b'\) sit on 'blocks.0.attn'"
    ):
        peft.attach(model, peft.Fusion(("a", "b")), name="fusion")


def test_adapters_say_that_they_can_not_merge():
    model = fused("a")
    with pytest.raises(
        ValueError, match=r"Bottleneck at blocks\.0\.attn.*cannot be merged"
    ):
        peft.merge(model)
