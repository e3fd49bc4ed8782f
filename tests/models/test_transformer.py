"""The Transformer's shapes, its composition, masks, causality, gradients and errors."""

import numpy as np
import pytest

from tinyft import models, nn, no_grad, ops, tensor
from tinyft.models import TransformerConfig

RNG = np.random.default_rng(5)
IDS = RNG.integers(0, 256, (2, 6))
PRESETS = [models.gpt2_tiny, models.bert_tiny, models.llama_tiny]
each_preset = pytest.mark.parametrize("make", PRESETS, ids=lambda f: f.__name__)


@each_preset
def test_shapes_and_that_every_parameter_gets_a_gradient(make):
    m = make(rng=0)
    y = m(IDS)
    assert y.shape == (2, 6, 256) and y.dtype == np.float32
    loss = ops.cross_entropy(y.reshape(12, 256), RNG.integers(0, 256, 12))
    loss.backward()
    # the first loss of a model that knows nothing is near log(vocab)
    assert abs(loss.item() - np.log(256)) < 0.5
    for name, p in m.named_parameters():
        assert p.grad is not None and np.isfinite(p.grad.numpy()).all(), name
        if not name.endswith("attn.k.bias"):  # softmax ignores it: its gradient is zero
            assert np.abs(p.grad.numpy()).max() > 0, name


@each_preset
def test_gradient_is_the_derivative_along_a_random_direction(make):
    """d L(θ + hv)/dh by a central difference in float64; its own error is near 1e-7."""
    m, h = make(rng=0, dtype="f8", layers=1), 1e-6
    direction = {n: RNG.standard_normal(p.shape) for n, p in m.named_parameters()}

    def loss():
        return ops.cross_entropy(
            m(IDS[:, :-1]).reshape(10, 256), IDS[:, 1:].reshape(-1)
        )

    def moved(step):
        for name, p in m.named_parameters():
            p.data = p.data + step * direction[name]
        with no_grad():
            return loss().item()

    loss().backward()
    got = sum((p.grad.numpy() * direction[n]).sum() for n, p in m.named_parameters())
    want = (moved(h) - moved(-2 * h)) / (2 * h)
    assert abs(got - want) < 1e-6 * max(1, abs(want))


@pytest.mark.parametrize("make", [models.gpt2_tiny, models.llama_tiny])
def test_causality_by_gradient(make):
    m = make(rng=0, dtype="f8")
    for t in (0, 3):
        x = tensor(RNG.standard_normal((1, 6, 64)), requires_grad=True)
        m.embed_tokens = lambda ids, positions, types=None, x=x: x
        y = m.states(IDS[:1])[0, t]  # its plain sum is constant: a norm comes last
        (y * np.arange(64.0)).sum().backward()
        reach = np.abs(x.grad.numpy()[0]).max(axis=1)
        assert (reach[t + 1 :] == 0).all() and (reach[: t + 1] > 0).all()


def test_bert_looks_both_ways():
    m = models.bert_tiny(rng=0)
    changed = IDS.copy()
    changed[:, -1] = (changed[:, -1] + 1) % 256
    assert (m(IDS).numpy()[:, 0] != m(changed).numpy()[:, 0]).any()


@each_preset
def test_padding_mask_hides_the_padding(make):
    m, keep = make(rng=0, dtype="f8"), np.arange(6) < 4
    y = m(IDS, mask=tensor(np.stack([keep, keep]))).numpy()[:, :4]
    np.testing.assert_allclose(y, m(IDS[:, :4]).numpy(), rtol=1e-10, atol=1e-12)


def test_pre_norm_block_is_the_formula():
    m = models.gpt2_tiny(rng=0, dtype="f8", layers=1)
    for p in m.parameters():
        p.data = p.data + 0.1 * RNG.standard_normal(p.shape)
    block, x = m.blocks[0], tensor(RNG.standard_normal((2, 6, 64)))
    h = x + block.attn(block.norm1(x))
    want = h + block.mlp.down(ops.gelu(block.mlp.up(block.norm2(h)), "tanh"))
    np.testing.assert_allclose(block(x).numpy(), want.numpy(), rtol=1e-12)


def test_post_norm_block_and_heads_are_the_formula():
    m = models.bert_tiny(rng=0, dtype="f8", layers=1, types=2, pooler=True)
    for p in m.parameters():
        p.data = p.data + 0.1 * RNG.standard_normal(p.shape)
    types = RNG.integers(0, 2, IDS.shape)
    x = m.norm(m.embed(IDS) + m.position.weight[np.arange(6)] + m.type(types))
    block = m.blocks[0]
    h = block.norm1(x + block.attn(x))
    states = block.norm2(h + block.mlp.down(ops.gelu(block.mlp.up(h))))
    np.testing.assert_allclose(
        m.states(IDS, types=types).numpy(), states.numpy(), rtol=1e-11
    )
    head = m.head.norm(ops.gelu(m.head.transform(states)))
    want = head.numpy() @ m.embed.weight.numpy().T + m.head.decoder.bias.numpy()
    np.testing.assert_allclose(m(IDS, types=types).numpy(), want, rtol=1e-10)
    pooled = np.tanh(
        states.numpy()[:, 0] @ m.pooler.weight.numpy().T + m.pooler.bias.numpy()
    )
    np.testing.assert_allclose(m.pooled(states).numpy(), pooled, rtol=1e-11)
    plain = m(IDS).numpy()  # without types: all of type 0
    np.testing.assert_array_equal(plain, m(IDS, types=np.zeros_like(IDS)).numpy())


def test_swiglu_is_the_formula():
    mlp = models.llama_tiny(rng=0, dtype="f8").blocks[0].mlp
    x = RNG.standard_normal((3, 64))
    up, gate, down = (getattr(mlp, n).weight.numpy() for n in ("up", "gate", "down"))
    g = x @ gate.T
    want = (g / (1 + np.exp(-g)) * (x @ up.T)) @ down.T
    np.testing.assert_allclose(mlp(tensor(x)).numpy(), want, rtol=1e-11, atol=1e-15)


def test_without_positions_only_the_mask_knows_the_order():
    """Last state: the same for any order of the tokens before it; not so with positions.

    float64; sums in another order, two layers of up to 256 terms.
    """
    order = np.r_[RNG.permutation(5), 5]
    for positions, same in (("none", True), ("learned", False), ("rotary", False)):
        m = models.gpt2_tiny(rng=0, dtype="f8", layers=1, positions=positions)
        for p in m.parameters():
            p.data = p.data + 0.1 * RNG.standard_normal(p.shape)
        y = m.states(IDS).numpy()[:, 5]
        gap = np.abs(m.states(IDS[:, order]).numpy()[:, 5] - y).max()
        assert (gap < 1e-12 * np.abs(y).max()) == same, positions
    assert not hasattr(models.gpt2_tiny(rng=0, positions="none"), "position")


def test_head_none_gives_states_and_every_activation_runs():
    m = models.gpt2_tiny(rng=0, head="none")
    np.testing.assert_array_equal(m(IDS).numpy(), m.states(IDS).numpy())
    outputs = {
        name: models.gpt2_tiny(rng=0, activation=name)(IDS).numpy()
        for name in ("gelu", "gelu_tanh", "relu", "swiglu")
    }
    assert all(np.isfinite(y).all() for y in outputs.values())
    assert np.abs(outputs["gelu"] - outputs["gelu_tanh"]).max() < 1e-3
    assert np.abs(outputs["gelu"] - outputs["relu"]).max() > 1e-3


def test_initial_values_follow_gpt2():
    """N(0, 0.02²), the writers to the residual divided by sqrt(2 L); z below 4."""
    m, L = models.gpt2_tiny(rng=0, layers=8), 8
    for name, p in m.named_parameters():
        if p.ndim == 1:
            assert (p.numpy() == (0.0 if name.endswith("bias") else 1.0)).all(), name
            continue
        std = (
            0.02 / (2 * L) ** 0.5
            if name.endswith(("o.weight", "down.weight"))
            else 0.02
        )
        z = (p.numpy().var() / std**2 - 1) / np.sqrt(2 / p.size)
        assert abs(z) < 4, name


def test_seeds_and_configs_make_models():
    a, b = models.llama_tiny(rng=3), models.llama_tiny(rng=np.random.default_rng(3))
    for (name, p), (_, q) in zip(a.named_parameters(), b.named_parameters()):
        np.testing.assert_array_equal(p.numpy(), q.numpy(), err_msg=name)
    twin = models.Transformer(a, rng=4)  # the shape of another model
    assert twin.config is a.config and twin.count() == a.count()
    assert TransformerConfig(**a.config.to_dict()) == a.config
    assert (twin.embed.weight.numpy() != a.embed.weight.numpy()).any()
    values = [p.numpy().ravel()[0] for p in a.parameters() if p.ndim > 1]
    assert len(set(values)) == len(values)  # no two layers start from the same numbers


def test_dropout_is_drawn_from_the_given_generator():
    runs = []
    for _ in range(2):
        m = models.gpt2_tiny(rng=0, dropout=0.2)
        runs.append([m(IDS).numpy() for _ in range(2)])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0][0] != runs[0][1]).any()
    m.eval()
    np.testing.assert_array_equal(m(IDS).numpy(), m(IDS).numpy())


def test_dropout_without_a_generator_follows_the_manual_seed():
    m, runs = models.gpt2_tiny(dropout=0.2), []
    for _ in range(2):
        nn.manual_seed(9)
        runs.append(m(IDS).numpy())
    np.testing.assert_array_equal(*runs)


# --- padding, windows, heads that read one token ------------------------------------


def moved(model, seed=1):
    """The model with every parameter moved: positions and biases then matter."""
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        p.data = p.data + 0.1 * rng.standard_normal(p.shape)
    return model.eval()


@pytest.mark.parametrize("kind", [bool, np.int64])
@each_preset
def test_padding_on_the_left_changes_nothing(make, kind):
    """float64: the same sums, but for masked terms of exactly zero."""
    m = moved(make(rng=0, dtype="f8"))
    keep = np.array([[0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    y = m(IDS, mask=keep.astype(kind)).numpy()
    np.testing.assert_allclose(y[0, 3:], m(IDS[:1, 3:]).numpy()[0], rtol=1e-10)
    np.testing.assert_allclose(y[1], m(IDS[1:]).numpy()[0], rtol=1e-10)


def test_padding_between_two_texts_does_not_count_as_a_position():
    m = moved(models.gpt2_tiny(rng=0, dtype="f8"))
    keep = np.array([[1, 1, 0, 0, 1, 1]])
    y = m(IDS[:1], mask=keep).numpy()[:, [0, 1, 4, 5]]
    np.testing.assert_allclose(y, m(IDS[:1, [0, 1, 4, 5]]).numpy(), rtol=1e-10)
    cache = m.new_cache()  # the same in two calls
    a = m(IDS[:1, :4], mask=keep[:, :4], cache=cache).numpy()[:, :2]
    b = m(IDS[:1, 4:], mask=keep, cache=cache).numpy()
    np.testing.assert_allclose(np.concatenate([a, b], axis=1), y, rtol=1e-9)


def test_a_cache_with_padding_needs_the_whole_mask():
    m, keep = models.gpt2_tiny(rng=0), np.array([[0, 1, 1], [1, 1, 1]])
    for later in (None, np.ones((2, 1), int)):
        cache = m.new_cache()
        m(IDS[:, :3], mask=keep, cache=cache)
        with pytest.raises(ValueError, match=r"filled under a padding mask.*\(B, 3 \+"):
            m(IDS[:, 3:4], mask=later, cache=cache)


@pytest.mark.parametrize(
    "mask, words",
    [
        (np.ones((2, 6)), r"mask is float64 \(2, 6\); a padding mask holds booleans"),
        (np.ones((2, 5), bool), r"of shape \(2, 6\)"),
        (np.tril(np.ones((6, 6), bool)), r"for each query have four axes"),
    ],
)
def test_masks_that_do_not_fit(mask, words):
    with pytest.raises(ValueError, match=words):
        models.gpt2_tiny(rng=0)(IDS, mask=mask)


def test_roberta_counts_the_ids_that_are_not_padding():
    """Positions pad + 1, pad + 2, ... of tokens; the padding's own is pad."""
    m = moved(models.bert_tiny(rng=0, dtype="f8", positions="roberta", pad=1))
    ids = np.array([[1, 1, 5, 6, 7, 1]])
    assert m.position.weight.shape == (128 + 2, 64)
    got = m.positions(tensor(ids)).numpy()
    np.testing.assert_array_equal(got, [[1, 1, 2, 3, 4, 1]])
    y = m(ids, mask=ids != 1).numpy()[:, 2:5]
    np.testing.assert_allclose(y, m(ids[:, 2:5]).numpy(), rtol=1e-10)
    with pytest.raises(ValueError, match='positions="roberta" counts the ids'):
        models.bert_tiny(rng=0, positions="roberta")


def test_a_window_lets_a_token_see_itself_and_those_just_before():
    """By gradient: state t depends on tokens t - window + 1 .. t, in one layer."""
    m = moved(models.llama_tiny(rng=0, dtype="f8", layers=1, window=3))
    x = tensor(RNG.standard_normal((1, 6, 64)), requires_grad=True)
    m.embed_tokens = lambda ids, positions, types=None: x
    (m.states(IDS[:1])[0, 4] * np.arange(64.0)).sum().backward()
    reach = np.abs(x.grad.numpy()[0]).max(axis=1) > 0
    np.testing.assert_array_equal(reach, [0, 0, 1, 1, 1, 0])


def test_a_window_with_a_cache_and_with_padding():
    m = moved(models.llama_tiny(rng=0, dtype="f8", window=3))
    whole, cache = m(IDS).numpy(), m.new_cache()
    pieces = [m(IDS[:, i:j], cache=cache).numpy() for i, j in ((0, 4), (4, 5), (5, 6))]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-9)
    keep = np.array([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    y = m(IDS, mask=keep).numpy()
    np.testing.assert_allclose(y[0, 2:], m(IDS[:1, 2:]).numpy()[0], rtol=1e-9)
    four = m(IDS, mask=keep[:, None, None, :].astype(bool)).numpy()
    np.testing.assert_allclose(four[0, 2:], y[0, 2:], rtol=1e-9)
    additive = np.where(keep, 0.0, -np.inf)[:, None, None, :]
    np.testing.assert_allclose(m(IDS, mask=additive).numpy(), four, rtol=1e-9)
    near = models.llama_tiny(rng=0, dtype="f8", window=6)
    far = models.llama_tiny(rng=0, dtype="f8")
    np.testing.assert_array_equal(near(IDS).numpy(), far(IDS).numpy())


def test_a_decoder_classifies_by_the_last_token_that_is_not_padding():
    ids = np.array([[5, 6, 7, 9], [9, 5, 6, 9], [5, 6, 7, 8]])
    m = moved(models.gpt2_tiny(rng=0, head="cls", classes=3, pad=9))
    states, W = m.states(ids).numpy(), m.head.weight.numpy()
    want = states[np.arange(3), [2, 2, 3]] @ W.T
    np.testing.assert_allclose(m(ids).numpy(), want, rtol=1e-4, atol=1e-5)
    by_mask = moved(models.gpt2_tiny(rng=0, head="cls", classes=3))
    keep, right = ids != 9, np.array([[5, 6, 7]])
    alone = by_mask(right).numpy()
    np.testing.assert_allclose(by_mask(ids, mask=keep).numpy()[:1], alone, rtol=1e-4)
    assert by_mask.head.bias is None


def test_an_encoder_classifies_by_its_pooled_first_token():
    for pooler, f in ((True, np.tanh), ("relu", lambda x: np.maximum(x, 0))):
        m = models.bert_tiny(rng=0, head="cls", classes=3, pooler=pooler, dtype="f8")
        x = moved(m).states(IDS).numpy()[:, 0]
        h = f(x @ m.pooler.weight.numpy().T + m.pooler.bias.numpy())
        want = h @ m.head.weight.numpy().T + m.head.bias.numpy()
        np.testing.assert_allclose(m(IDS).numpy(), want, rtol=1e-10)


def test_queries_and_keys_of_their_own_width_norm_and_bias():
    m = models.llama_tiny(rng=0, head_dim=10, attn_bias="qkv", qk_norm=True)
    attn = m.blocks[0].attn
    assert attn.q.weight.shape == (40, 64) and attn.o.weight.shape == (64, 40)
    assert attn.k.weight.shape == (20, 64) and attn.q_norm.weight.shape == (10,)
    assert attn.q.bias.shape == (40,) and attn.o.bias is None
    assert m.blocks[0].mlp.up.bias is None


# --- errors -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"norm": "batch"}, "norm must be one of 'layer', 'rms', got 'batch'"),
        ({"positions": "sine"}, "positions must be one of 'learned', 'rotary'"),
        ({"activation": "geglu"}, "activation must be one of .* got 'geglu'"),
        ({"head": "nsp"}, "head must be one of 'lm', 'mlm', 'cls', 'none', got 'nsp'"),
        ({"head": "cls"}, "classes must be a positive integer, got 0"),
        ({"heads": 5}, "heads=5 must divide dim=64"),
        ({"eps": -1e-5}, "eps must be finite and not negative, got -1e-05"),
        ({"eps": float("nan")}, "eps must be finite and not negative, got nan"),
        ({"layers": 0}, "layers must be a positive integer, got 0"),
        ({"window": 4, "causal": False}, "window=4 needs causal=True"),
        (
            {"head": "cls", "classes": 2, "causal": False},
            "reads the pooled first token; set pooler=True",
        ),
        ({"vocab": 0}, "num_embeddings must be a positive integer, got 0"),
    ],
)
def test_impossible_configs(changes, words):
    with pytest.raises(ValueError, match=words):
        models.gpt2_tiny(rng=0, **changes)


@pytest.mark.parametrize(
    "ids, words",
    [
        ([[1, 2]], r"token ids must be integers \(B, T\), got .*list"),
        (np.arange(3), r"must be integers \(B, T\), got int64 \(3,\).*ids\[None\]"),
        (np.zeros((1, 3)), r"must be integers \(B, T\), got float64 \(1, 3\)"),
        (np.zeros((1, 129), int), "129 tokens .*positions were made for 128"),
    ],
)
def test_impossible_ids(ids, words):
    with pytest.raises(ValueError, match=words):
        models.gpt2_tiny(rng=0)(ids)


def test_an_id_outside_the_vocabulary():
    with pytest.raises(IndexError, match="256"):
        models.gpt2_tiny(rng=0)(np.array([[256]]))
