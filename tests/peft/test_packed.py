"""Adapters on 4-bit layers: exact gradients, what merges, LoftQ, what merging loses."""

import gc
import weakref

import numpy as np
import pytest

from tinyft import models, nn, ops, optim, peft
from tinyft.nn.packed import product
from tinyft.quantise import dequantise, quantise

IDS = np.random.default_rng(1).integers(0, 11, (2, 8))
TARGET = r"attn\.(q|v)|up"


def gpt(dtype="float64", **options):
    sizes = {"vocab": 11, "dim": 48, "heads": 3, "length": 9, "layers": 2}
    model = models.gpt2_tiny(0, dtype, **{**sizes, **options})
    for p in model.base_parameters():  # weights of size 0.02 would hide what 4 bits do
        p.data = p.data * 10 if p.ndim > 1 else p.data
    return model


def pair(method, target=TARGET, dtype="float64"):
    """The same adapter on a packed model and on the dense model of its rounded weights."""
    found = []
    for back in (False, True):
        model = gpt(dtype)
        nn.quantise_linears(model)
        if back:
            nn.dequantise_linears(model)
        adapter = peft.attach(model, method(), target, rng=3)
        draw = np.random.default_rng(7)
        for p in adapter.parameters():
            p.data = p.data + 0.1 * draw.standard_normal(p.shape).astype(p.dtype)
        found.append((model, adapter))
    return found


def step_of(model, adapter):
    loss = ops.mean(model(IDS) ** 2)
    loss.backward()
    grads = {name: p.grad.numpy() for name, p in adapter.named_parameters()}
    return loss.item(), grads


METHODS = {
    "LoRA": lambda: peft.LoRA(r=4, alpha=7),
    "rsLoRA with biases": lambda: peft.LoRA(r=4, alpha=7, rslora=True, lora_bias=True),
    "DoRA": lambda: peft.DoRA(r=4, alpha=7),
    "DoRA exact": lambda: peft.DoRA(r=4, alpha=7, detach=False),
    "PiSSA": lambda: peft.PiSSA(r=4, alpha=7),
    "AdaLoRA": lambda: peft.AdaLoRA(r=4, alpha=7),
    "VeRA": lambda: peft.VeRA(r=5),
    "IA3": lambda: peft.IA3(),
    "IA3 by input": lambda: peft.IA3("up"),
    "OffsetLoRA": lambda: peft.OffsetLoRA(r=4, alpha=7),
    "BitFit": lambda: peft.BitFit(),
    "biases": lambda: peft.Full(only=("bias",)),
    "LoHa": lambda: peft.LoHa(r=3, alpha=7),
    "LoKr": lambda: peft.LoKr(r=2, alpha=7, factor=4),
    "LoKr whole": lambda: peft.LoKr(r=48, alpha=48, factor=4),
    "HiRA": lambda: peft.HiRA(r=4),
    "MiSS": lambda: peft.MiSS(r=5),
    "OFT": lambda: peft.OFT(block=8),
    "OFT cut": lambda: peft.OFT(block=8, terms=6),
    "HRA": lambda: peft.HRA(r=4),
}


@pytest.mark.parametrize("name", METHODS)
def test_gradients_are_those_on_the_dequantised_weights(name):
    """The same sums in the same order: to the bit for LoRA and its kin; the closed form
    of other methods may add in another order, within 1e-13 of the largest."""
    (one, a), (two, b) = pair(METHODS[name])
    assert any(isinstance(m, nn.Linear4bit) for m in one.modules())
    assert not any(isinstance(m, nn.Linear4bit) for m in two.modules())
    (loss, grads), (want, right) = step_of(one, a), step_of(two, b)
    assert loss == pytest.approx(want, rel=1e-14)
    assert grads.keys() == right.keys() and len(grads) >= 6
    for key, g in grads.items():
        assert np.abs(g).max() > 0, key
        assert np.array_equal(g, right[key]) or "LoRA" not in name, key
        np.testing.assert_allclose(g, right[key], atol=1e-13 * np.abs(right[key]).max())


def test_loras_gradients_are_the_closed_form():
    """One layer, L = Σ y²/2: δ = y, ∇A = s Bᵀ δᵀx, ∇B = s δᵀx Aᵀ, ∇x = δ (Ŵ + s B A)."""
    layer = nn.Linear4bit(32, 16, bias=False, rng=0, dtype="float64")
    net = nn.Sequential(layer)
    adapter = peft.attach(net, peft.LoRA(r=3, alpha=7), "0", rng=1)
    delta = adapter.deltas["0"]
    draw = np.random.default_rng(2)
    delta.B.data = draw.standard_normal((16, 3))
    A, B, s = delta.A.data, delta.B.data, 7 / 3
    W = dequantise(layer.packed, "float64")
    x = nn.Parameter(draw.standard_normal((5, 32)), dtype="float64")
    y = net(x)
    ops.sum(y * y / 2).backward()
    full = W + s * B @ A
    d = x.data @ full.T
    np.testing.assert_allclose(y.numpy(), d, rtol=1e-12)
    np.testing.assert_allclose(delta.A.grad.numpy(), s * B.T @ d.T @ x.data, rtol=1e-11)
    np.testing.assert_allclose(delta.B.grad.numpy(), s * d.T @ x.data @ A.T, rtol=1e-11)
    np.testing.assert_allclose(x.grad.numpy(), d @ full, rtol=1e-11)


def test_training_moves_the_adapter_and_not_a_bit_of_the_base():
    model = gpt("float32")
    nn.quantise_linears(model)
    before = {n: t.numpy().copy() for n, t in model.state_dict().items()}
    adapter = peft.attach(model, peft.LoRA(r=4, alpha=8), TARGET, rng=0)
    step, losses = optim.AdamW(adapter.parameters(), lr=0.01), []
    for _ in range(12):
        loss = ops.cross_entropy(
            model(IDS[:, :-1]).reshape((-1, 11)), IDS[:, 1:].reshape(-1)
        )
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    for name, t in model.state_dict().items():
        assert np.array_equal(t.numpy(), before[name]), name


def test_no_dense_weight_lives_between_steps(monkeypatch):
    alive = []

    def watched(*args):
        W = dequantise(*args)
        alive.append(weakref.ref(W.base if W.base is not None else W))
        return W

    monkeypatch.setattr(product, "dequantise", watched)
    model = gpt("float32")
    nn.quantise_linears(model)
    adapter = peft.attach(model, peft.LoRA(r=4), TARGET)
    size, step = model.nbytes(), optim.SGD(adapter.parameters(), lr=0.1)
    loss = ops.mean(model(IDS) ** 2)
    assert sum(ref() is not None for ref in alive) == 0  # the tape holds none
    loss.backward()
    step.step()
    gc.collect()
    assert len(alive) > 12 and sum(ref() is not None for ref in alive) == 0
    assert model.nbytes() == size


def test_the_report_counts_the_packed_weights():
    model = gpt("float32")
    dense = peft.report(model).model_bytes
    nn.quantise_linears(model)
    peft.attach(model, peft.LoRA(r=4), TARGET)
    report = peft.report(model)
    assert report.total == model.count() and report.trainable == report.bytes // 4
    assert report.total - report.trainable == gpt().count()
    own = {id(x): x.nbytes for x in (*model.parameters(), *model.buffers())}
    assert report.model_bytes == sum(own.values()) < 0.3 * dense


# --- merging --------------------------------------------------------------------------


def test_merging_is_refused_with_the_way_out():
    (model, adapter), (dense, _) = pair(METHODS["LoRA"])
    live = model(IDS).numpy()
    for call in (peft.merge, peft.bake):
        with pytest.raises(
            ValueError, match=r"q\.weight is kept in 4 bits.*dequantise"
        ):
            call(model)
    assert adapter.state == "on" and np.array_equal(model(IDS).numpy(), live)
    nn.dequantise_linears(model)
    assert np.array_equal(model(IDS).numpy(), live)  # the adapter goes on
    assert not any(p.requires_grad for p in model.base_parameters())
    merged = peft.merge(model)(IDS).numpy()
    np.testing.assert_allclose(merged, live, atol=1e-12)
    assert np.array_equal(merged, peft.merge(dense)(IDS).numpy())
    peft.unmerge(model)
    peft.detach(adapter)
    assert all(p.requires_grad for p in model.parameters())


def test_biases_merge():
    (model, _), (dense, _) = pair(METHODS["BitFit"])
    assert np.array_equal(
        peft.merge(model)(IDS).numpy(), peft.merge(dense)(IDS).numpy()
    )


def test_a_merged_model_is_not_quantised():
    model = gpt()
    peft.attach(model, peft.LoRA(r=4), TARGET)
    peft.merge(model)
    with pytest.raises(ValueError, match="holds a merged adapter"):
        nn.quantise_linears(model)


def test_quantising_below_an_adapter():
    model = gpt()
    adapter = peft.attach(model, peft.LoRA(r=4), TARGET, rng=3)
    nn.quantise_linears(model)
    assert adapter.state == "on" and peft.active(model) == ["default"]
    model(IDS)
    peft.detach(adapter)


@pytest.mark.parametrize("size", [1e-3, 1e-1, 10.0])
def test_what_merging_loses(size):
    """Against the three definitions written out in NumPy."""
    net = nn.Sequential(nn.Linear4bit(64, 32, rng=0, double=False))
    adapter = peft.attach(net, peft.LoRA(r=2, alpha=2), "0", rng=1)
    delta = adapter.deltas["0"]
    delta.B.data = size * np.random.default_rng(2).standard_normal((32, 2)).astype("f4")
    W = dequantise(net[0].packed).astype("float64")
    D = (delta.B.data @ delta.A.data).astype("float64")
    before = net[0].packed.codes
    after = quantise((W + D).astype("float32"), 64, double=False)
    R = dequantise(after).astype("float64")
    lost = np.linalg.norm(R - W - D) / np.linalg.norm(D)
    kept = ((R - W) * D).sum() / (D * D).sum()
    split = [np.stack([c >> 4, c & 15]) for c in (before, after.codes)]
    found = peft.merging_error(net)["0"]
    assert found.lost == pytest.approx(lost, rel=1e-4)
    assert found.kept == pytest.approx(kept, abs=1e-4)
    assert found.moved == pytest.approx((split[0] != split[1]).mean(), abs=2e-3)
    assert (found.moved < 0.02) == (size == 1e-3)


def test_a_fresh_adapter_loses_nothing_and_none_is_refused():
    net = nn.Sequential(nn.Linear4bit(64, 32))
    with pytest.raises(ValueError, match="no layer in 4 bits with an active adapter"):
        peft.merging_error(net)
    peft.attach(net, peft.LoRA(r=2), "0")
    assert peft.merging_error(net) == {"0": (0.0, 1.0, 0.0)}


# --- what else is refused -------------------------------------------------------------


def test_a_trained_copy_of_a_packed_layer_is_refused():
    model = gpt()
    nn.quantise_linears(model)
    with pytest.raises(ValueError, match=r"attn\.q.*kept in 4 bits"):
        peft.attach(model, peft.Full(), r"attn\.q")
    with pytest.raises(ValueError, match=r"up.*kept in 4 bits"):
        peft.attach(model, peft.LoRA(r=2), r"attn\.q", also=r"mlp\.up")
    assert not peft.attached(model)


def test_lora_ga_is_refused_and_the_others_read_the_rounded_weight():
    (one, a), (two, b) = pair(METHODS["OffsetLoRA"])
    with pytest.raises(ValueError, match=r"lora_ga.*q\.weight is kept in 4 bits"):
        peft.start_from(a, "lora_ga", [(IDS,)], lambda m, x: ops.mean(m(x) ** 2))
    for how in ("eva", "corda"):
        peft.start_from(a, how, [(IDS,)])
        peft.start_from(b, how, [(IDS,)])
        np.testing.assert_allclose(one(IDS).numpy(), two(IDS).numpy(), atol=1e-12)


# --- files ----------------------------------------------------------------------------


def test_an_adapter_file_knows_its_packed_base(tmp_path):
    (model, _), (dense, _) = pair(METHODS["LoRA"], dtype="float32")
    peft.save(model, tmp_path / "adapter")
    fresh = gpt("float32")
    nn.quantise_linears(fresh)
    peft.load(fresh, tmp_path / "adapter")
    assert np.array_equal(fresh(IDS).numpy(), model(IDS).numpy())
    other = gpt("float32")
    other.blocks[0].attn.q.weight.data *= -1
    nn.quantise_linears(other)
    with pytest.raises(ValueError, match="same shapes with other values"):
        peft.load(other, tmp_path / "adapter")
    plain = gpt("float32")
    with pytest.raises(ValueError, match="any_base=True"):
        peft.load(plain, tmp_path / "adapter")
    nn.quantise_linears(plain)
    nn.dequantise_linears(plain)
    peft.load(plain, tmp_path / "adapter", any_base=True)
    np.testing.assert_allclose(plain(IDS).numpy(), dense(IDS).numpy(), atol=1e-5)


# --- LoftQ ----------------------------------------------------------------------------


def one_layer(seed, out=64, width=64, r=4, alpha=6):
    draw = np.random.default_rng(seed)
    net = nn.Sequential(nn.Linear(width, out, dtype="float64"))
    net[0].weight.data = draw.standard_normal((out, width))
    return net, peft.attach(net, peft.LoRA(r=r, alpha=alpha), "0", rng=0)


def alternation(W, r, rounds, block=64):
    """The errors of LoftQ, half-step by half-step, written out in float64."""
    low, errors = 0 * W, []
    for _ in range(rounds):
        Q = dequantise(quantise(W - low, block), "float64")
        errors.append(np.linalg.norm(W - Q - low))
        U, S, Vt = np.linalg.svd(W - Q)
        low = (U[:, :r] * S[:r]) @ Vt[:r]
        errors.append(np.linalg.norm(W - Q - low))
    return Q, low, errors


@pytest.mark.parametrize("rounds", [1, 3])
def test_loftq_is_the_alternation(rounds):
    net, adapter = one_layer(0, 48, 80)
    W = net[0].weight.data.copy()
    Q, low, want = alternation(W, 4, rounds)
    errors = peft.loftq(adapter, rounds)
    np.testing.assert_allclose(errors["0"], want, rtol=1e-10)
    assert isinstance(net[0], nn.Linear4bit)
    assert np.array_equal(net[0].parameter("weight").data, Q)
    delta = adapter.deltas["0"]
    A, B = delta.A.data, delta.B.data
    np.testing.assert_allclose(6 / 4 * B @ A, low, atol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(A, axis=1), np.linalg.norm(B, axis=0))
    x = np.random.default_rng(1).standard_normal((3, 80))
    want = x @ (Q + low).T + net[0].bias.data
    np.testing.assert_allclose(net(x).numpy(), want, atol=1e-10)


def test_one_round_is_the_tail_of_the_spectrum():
    """Eckart–Young: ‖W − q(W) − s B A‖² is the sum of the other σ² of W − q(W)."""
    net, adapter = one_layer(1)
    W = net[0].weight.data.copy()
    rest = W - dequantise(quantise(W), "float64")
    sigma = np.linalg.svd(rest, compute_uv=False)
    before, after = peft.loftq(adapter)["0"]
    assert before == pytest.approx(np.linalg.norm(rest), rel=1e-10)
    assert after == pytest.approx((sigma[4:] ** 2).sum() ** 0.5, rel=1e-10)


def test_more_rounds_help_on_average_and_not_always():
    """The SVD never increases the error; the new scales of a second rounding can."""
    up, first, last = 0, [], []
    for seed in range(20):
        errors = np.array(peft.loftq(one_layer(seed)[1], 12)["0"])
        assert (errors[1::2] <= errors[0::2]).all()
        up += bool((np.diff(errors[1::2]) > 0).any())
        first.append(errors[1])
        last.append(errors[-1])
    assert 5 <= up <= 20
    assert np.mean(last) < 0.95 * np.mean(first)


def test_loftq_refuses_what_it_cannot_start():
    for rounds in (0, 1.5, True):
        with pytest.raises(ValueError, match="whole number >= 1"):
            peft.loftq(one_layer(0)[1], rounds)
    net, adapter = one_layer(0)
    adapter.deltas["0"].B.data += 1
    with pytest.raises(ValueError, match="before training"):
        peft.loftq(adapter)
    net, adapter = one_layer(0)
    peft.loftq(adapter)
    with pytest.raises(ValueError, match="LoRA on Linear4bit"):
        peft.loftq(adapter)
    model = gpt(tied=False)
    with pytest.raises(ValueError, match="'embed' is LoRA on Embedding"):
        peft.loftq(peft.attach(model, peft.LoRA(r=2), "embed|up"))
    assert not list(model.named_packed())
    net, adapter = one_layer(0)
    net[0].parameter("weight").data[0, 0] = np.inf
    with pytest.raises(ValueError, match="NaN or Inf"):
        peft.loftq(adapter)
    dora = peft.attach(gpt(), peft.DoRA(r=2), "up")
    with pytest.raises(ValueError, match="is DoRA on Linear"):
        peft.loftq(dora)
