"""Prefixes and prompts: what attention does with them, positions, masks and caches."""

import numpy as np
import pytest

import tinyft
from tinyft import models, nn, ops, peft, tensor

TOLERANCE = 1e-12
SIZES = {"vocab": 11, "dim": 12, "length": 24, "tied": False}


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def build(kind="gpt2", **changes):
    if kind == "llama":
        changes = {"heads": 6, "kv_heads": 2, "hidden": 10, **changes}
    else:
        changes = {"heads": 3, **changes}
    model = getattr(models, f"{kind}_tiny")(0, "float64", **SIZES, **changes)
    for p in model.parameters():
        p.data = p.data * 8 if p.ndim > 1 else p.data
    return model.eval()


def run(model, ids, **options):
    with tinyft.no_grad():
        return model(tensor(ids), **options).numpy()


IDS = np.random.default_rng(1).integers(0, 11, (2, 6))
METHODS = {
    "prefix": lambda: peft.Prefix(3),
    "projected": lambda: peft.Prefix(3, hidden=4),
    "prompt": lambda: peft.Prompt(3),
    "p-tuning": lambda: peft.PTuning(3, hidden=4),
    "lstm": lambda: peft.PTuning(3, "lstm", hidden=4),
}


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("method", METHODS)
def test_generation_with_and_without_a_cache(method, kind):
    model = build(kind)
    base = model.generate(IDS, 6, greedy=True)
    peft.attach(model, METHODS[method](), rng=1)
    cached = model.generate(IDS, 6, greedy=True)
    np.testing.assert_array_equal(
        cached, model.generate(IDS, 6, greedy=True, cache=False)
    )
    with peft.disabled(model):
        np.testing.assert_array_equal(model.generate(IDS, 6, greedy=True), base)


@pytest.mark.parametrize("method", METHODS)
def test_logits_with_a_cache_are_those_without(method):
    model = build()
    peft.attach(model, METHODS[method](), rng=1)
    whole, cache = run(model, IDS), model.new_cache()
    parts = [run(model, IDS[:, a:b], cache=cache) for a, b in ((0, 3), (3, 4), (4, 6))]
    assert far(np.concatenate(parts, axis=1), whole) < TOLERANCE


@pytest.mark.parametrize("method", METHODS)
def test_a_mask_covers_the_real_tokens(method):
    """Tokens that are masked out on the right do not matter to those before them."""
    model = build(causal=False)
    peft.attach(model, METHODS[method](), rng=1)
    mask = np.ones((2, 6), bool)
    mask[:, 4:] = False
    got = run(model, IDS, mask=tensor(mask))[:, :4]
    assert far(got, run(model, IDS[:, :4])) < TOLERANCE


def test_the_gate():
    """Attn([P;K]) = (1 − λ) Attn(K) + λ Attn(P), λ = σ(LSE_P − LSE_K), query by query."""
    rng = np.random.default_rng(0)
    model = nn.MultiHeadAttention(12, 3, rng=rng, dtype="float64")
    x = tensor(rng.normal(size=(1, 5, 12)))
    q, k, v = (
        layer(x).numpy().reshape(5, 3, 4).transpose(1, 0, 2)
        for layer in (model.q, model.k, model.v)
    )
    base = model(x).numpy()
    adapter = peft.attach(model, peft.Prefix(2), rng=rng)
    P_k, P_v = (p.numpy() for p in adapter.deltas["kv"].keys_values())
    assert P_k.shape == (3, 2, 4)

    def attend(keys, values):
        scores = q @ keys.transpose(0, 2, 1) / 2
        lse = np.log(np.exp(scores).sum(-1, keepdims=True))
        return np.exp(scores - lse) @ values, lse

    (content, lse_k), (prefix, lse_p) = attend(k, v), attend(P_k, P_v)
    gate = 1 / (1 + np.exp(lse_k - lse_p))  # (heads, T, 1)
    mixed = ((1 - gate) * content + gate * prefix).transpose(1, 0, 2).reshape(1, 5, 12)
    W, b = (p.numpy() for p in model.o.parameters())
    assert far(model(x).numpy(), mixed @ W.T + b) < TOLERANCE
    assert far(base, mixed @ W.T + b) > 0.01
    model.record = True
    model(x)
    weights = model.recorded[0]  # the prefix is in front, and has the gate's share
    np.testing.assert_allclose(weights[..., :2].sum(-1, keepdims=True), gate)


def test_the_gate_of_a_causal_layer_with_grouped_queries():
    """The prefix's share is e^LSE_P / (e^LSE_P + e^LSE_K), LSE_K over visible tokens."""
    rng = np.random.default_rng(3)
    model = nn.MultiHeadAttention(12, 6, 2, causal=True, rng=rng, dtype="float64")
    x = tensor(rng.normal(size=(1, 5, 12)))
    adapter = peft.attach(model, peft.Prefix(3), rng=rng)
    P_k, _ = (p.numpy() for p in adapter.deltas["kv"].keys_values())
    assert P_k.shape == (2, 3, 2)
    model.record = True
    model(x)
    q, k = (
        layer(x).numpy().reshape(5, -1, 2).transpose(1, 0, 2)
        for layer in (model.q, model.k)
    )
    for h, i in np.ndindex(6, 5):  # query heads 0, 1, 2 share key head 0
        front = np.exp(P_k[h // 3] @ q[h, i] / 2**0.5).sum()
        text = np.exp(k[h // 3, : i + 1] @ q[h, i] / 2**0.5).sum()
        share = model.recorded[0, h, i, :3].sum()
        assert abs(share - front / (front + text)) < TOLERANCE


def test_a_prefix_in_some_layers_only():
    adapter = peft.attach(build(), peft.Prefix(3), layers=[1])
    assert adapter.count() == 2 * 3 * 12
    assert "blocks.1.attn.kv" in adapter.deltas
    assert "blocks.0.attn.kv" not in adapter.deltas


def test_a_reparametrised_prefix_is_the_one_it_folds_to(tmp_path):
    model = build()
    adapter = peft.attach(model, peft.Prefix(3, hidden=4), rng=1)
    y = run(model, IDS)
    T, d, m, L = 3, 12, 4, 2
    assert adapter.count() == T * d + (d * m + m) + (m * 2 * L * d + 2 * L * d)
    again = build()
    folded = peft.load(again, peft.save(model, tmp_path / "a"))
    assert folded.count() == 2 * L * T * d
    assert run(again, IDS).tobytes() == y.tobytes()


def test_grouped_queries_have_kv_heads():
    adapter = peft.attach(build("llama"), peft.Prefix(5), rng=0)
    K, V = adapter.deltas["blocks.0.attn.kv"].keys_values()
    assert K.shape == V.shape == (2, 5, 2)  # 2 of 6 heads, of size 2
    assert adapter.count() == 2 * 2 * 5 * 4


def test_a_causal_soft_prompt_is_a_prefix_in_every_layer():
    """The prompt's states do not see the content: its keys and values are constants."""
    model = build()
    prompt = peft.attach(model, peft.Prompt(3), rng=1)
    want, cache = run(model, IDS), model.new_cache()
    run(
        model, IDS[:1, :1], cache=cache
    )  # the prompt's keys and values are in the cache
    peft.detach(prompt)
    prefix = peft.attach(model, peft.Prefix(3), rng=1)
    for delta, held in zip(prefix.deltas.values(), cache):
        rows = [
            a.numpy()[0, :, :3].transpose(1, 0, 2).reshape(3, -1)
            for a in (held.k, held.v)
        ]
        delta.P.data = np.concatenate(rows, axis=1)
    assert far(run(model, IDS), want) < TOLERANCE


def test_prompt_from_words():
    model = build()
    rows = model.embed.weight.numpy()
    adapter = peft.attach(model, peft.Prompt(5, words=[3, 7]))
    P = adapter.deltas["embed"].P.numpy()
    np.testing.assert_array_equal(P, rows[[3, 7, 3, 7, 3]])
    longer = np.concatenate([np.tile([3, 7, 3, 7, 3], (2, 1)), IDS], axis=1)
    with peft.disabled(model):  # a causal model: the same as writing the words
        want = run(model, longer)[:, 5:]
    assert far(run(model, IDS), want) < TOLERANCE


def test_a_prompt_s_counts():
    l, d, h = 3, 12, 4
    mlp = peft.attach(build(), peft.PTuning(l, hidden=h)).count()
    assert mlp == l * d + (d * h + h) + (h * h + h) + (h * d + d)
    lstm = peft.attach(build(), peft.PTuning(l, "lstm", hidden=h)).count()
    cells = sum(2 * (4 * h * (i + h) + 8 * h) for i in (d, 2 * h))
    assert lstm == l * d + cells + (2 * h * 2 * h + 2 * h) + (2 * h * d + d)


def test_training_a_prompt_lowers_the_loss():
    from tinyft import optim

    model = build()
    adapter = peft.attach(model, peft.Prompt(4), rng=1)
    optimiser = optim.Adam(adapter.parameters(), lr=0.3)
    losses = []
    for _ in range(30):
        logits = model(tensor(IDS[:, :-1]))
        assert logits.shape == (2, 5, 11)  # the targets need not know of the prompt
        loss = ops.cross_entropy(
            ops.reshape(logits, (-1, 11)), tensor(IDS[:, 1:].ravel())
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05


def test_two_prefixes_stack():
    model = build()
    for name in "ab":
        peft.attach(model, peft.Prefix(2), name=name, rng=1)
    assert int(model.positions(tensor(IDS))[0]) == 4
    peft.switch(model, "a")
    assert int(model.positions(tensor(IDS))[0]) == 2


@pytest.mark.parametrize(
    "make, error, words",
    [
        (
            lambda: peft.Prefix(0),
            ValueError,
            "length must be a positive integer, got 0",
        ),
        (lambda: peft.Prompt(2, words=[11]), ValueError, r"ids 0\.\.10, got \(11,\)"),
        (lambda: peft.Prompt(2, words=[]), ValueError, r"ids 0\.\.10"),
        (
            lambda: peft.PTuning(2, "cnn"),
            ValueError,
            "encoder must be one of 'mlp', 'lstm'",
        ),
    ],
)
def test_bad_options(make, error, words):
    with pytest.raises(error, match=words):
        peft.attach(build(), make())


def test_sites_that_are_none():
    with pytest.raises(ValueError, match=r"no module of this ResNet can hold it"):
        peft.attach(models.resnet_tiny(0), peft.Prefix(2))
    with pytest.raises(ValueError, match="not inside a MultiHeadAttention"):
        peft.attach(nn.Sequential({"kv": nn.KV()}), peft.Prefix(2))
    with pytest.raises(ValueError, match="one embedding is the model's input"):
        peft.attach(build(), peft.Prompt(2), "embed|position")
    with pytest.raises(ValueError, match=r"Prefix at .*cannot be merged"):
        model = build()
        peft.attach(model, peft.Prefix(2))
        peft.merge(model)


def test_a_prefix_of_another_model(tmp_path):
    model = build()
    peft.attach(model, peft.Prefix(2))
    folder = peft.save(model, tmp_path / "a")
    with pytest.raises(ValueError, match=r"here \(2, 16\), in the file \(2, 48\)"):
        peft.load(build("llama"), folder)
    with pytest.raises(ValueError, match="no site for Prefix"):
        peft.load(models.resnet_tiny(0), folder)
