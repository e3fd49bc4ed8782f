"""Sinusoids, ALiBi, prefix-LM and sliding-window masks: against their definitions."""

from dataclasses import replace

import numpy as np
import pytest

from tinyft import io, models, no_grad
from tinyft.models import TransformerConfig
from tinyft.models.config import POSITIONS
from tinyft.models.positions import alibi, alibi_slopes, sinusoidal

RNG = np.random.default_rng(9)
IDS = RNG.integers(0, 50, (2, 9))
KINDS = [k for k in POSITIONS if k != "roberta"]


def model(heads=3, **changes):
    """Weights of size 0.2, so that positions and masks matter. float64."""
    sizes = {"vocab": 50, "dim": 12 * heads, "heads": heads, "length": 32}
    m = models.gpt2_tiny(0, "f8", **sizes, **changes)
    rng = np.random.default_rng(0)
    for p in m.parameters():
        p.data = p.data + 0.2 * rng.standard_normal(p.shape)
    return m


def logits(m, ids, **options):
    with no_grad():
        return m(ids, **options).numpy()


# float64 sums of up to 150 terms in another order, values of order 10
close = {"rtol": 1e-10, "atol": 1e-11}


def test_sinusoids_are_the_loop_of_the_paper():
    at = np.array([[0, 1, 7], [3, 100, 5000]])
    want = np.empty((2, 3, 10))
    for i in range(5):
        angle = at / 10000 ** (2 * i / 10)
        want[..., 2 * i], want[..., 2 * i + 1] = np.sin(angle), np.cos(angle)
    # an angle of 5000 is rounded by 5000 units of 1e-16
    np.testing.assert_allclose(sinusoidal(at, 10, "f8").numpy(), want, atol=2e-12)
    assert sinusoidal(at, 10).dtype == np.float32


def test_the_model_adds_sinusoids_to_the_scaled_embedding():
    m = model(positions="sinusoidal")
    got = m.embed_tokens(IDS, np.arange(9)).numpy()
    table = m.embed.weight.numpy()[IDS] * 36**0.5
    np.testing.assert_allclose(
        got, table + sinusoidal(np.arange(9), 36, "f8").numpy(), rtol=1e-14
    )
    assert not any(n.startswith("position") for n, _ in m.named_parameters())


def test_slopes_of_a_power_of_two_are_the_papers():
    assert alibi_slopes(8) == [1 / 2**h for h in range(1, 9)]
    np.testing.assert_allclose(alibi_slopes(16), 2.0 ** (-0.5 * np.arange(1, 17)))
    assert alibi_slopes(1) == [2.0**-8]


def test_slopes_of_other_counts_interleave():
    """The general rule of the authors' code: 12 heads are 8, then 4 of 16."""
    want = [2.0**-h for h in range(1, 9)] + [2.0 ** (-h / 2) for h in (1, 3, 5, 7)]
    np.testing.assert_allclose(alibi_slopes(12), want)
    np.testing.assert_allclose(alibi_slopes(3), [2.0**-4, 2.0**-8, 2.0**-2])


@pytest.mark.parametrize("heads", [1, 2, 3, 6, 12, 16, 20])
def test_slopes_are_those_of_transformers(heads):
    torch = pytest.importorskip("torch")
    bloom = pytest.importorskip("transformers.models.bloom.modeling_bloom")
    theirs = bloom.build_alibi_tensor(torch.ones(1, 5), heads, torch.float32).numpy()
    # theirs is slope * key position: the same as ours up to a number per row
    np.testing.assert_allclose(theirs[:, 0, 1], alibi_slopes(heads), rtol=1e-6)
    ours = alibi(heads, 0, 5, np.zeros(1)).numpy()[0]
    np.testing.assert_allclose(
        (ours - ours[..., :1])[:, 4], theirs[:, 0], rtol=1e-6, atol=1e-7
    )


def test_alibi_in_a_layer_is_the_definition():
    """One layer, by a loop over heads, queries and keys."""
    m = model(positions="alibi", layers=1)
    attn, x = m.blocks[0].attn, RNG.standard_normal((1, 6, 36))
    q, k, v = (getattr(attn, n)(x).numpy()[0].reshape(6, 3, 12) for n in "qkv")
    want = np.zeros((6, 36))
    for h, slope in enumerate((2.0**-4, 2.0**-8, 2.0**-2)):
        for t in range(6):
            s = [q[t, h] @ k[j, h] / 12**0.5 - slope * (t - j) for j in range(t + 1)]
            p = np.exp(s - np.max(s))
            want[t, 12 * h : 12 * h + 12] = p @ v[: t + 1, h] / p.sum()
    want = want @ attn.o.weight.numpy().T + attn.o.bias.numpy()
    seen = {}
    attn.forward, inner = (
        lambda y, mask, **o: seen.update(mask=mask) or inner(y, mask, **o),
        attn.forward,
    )
    logits(m, IDS[:1, :6])
    np.testing.assert_allclose(inner(x, seen["mask"]).numpy()[0], want, **close)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", [None, 3])
def test_cached_generation_is_the_full_pass(kind, window):
    m = model(positions=kind, window=window)
    kept, whole = m.new_cache(), logits(m, IDS)
    pieces = [logits(m, IDS[:, i:j], cache=kept) for i, j in ((0, 4), (4, 5), (5, 9))]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, **close)
    again = (m.generate(IDS, 6, greedy=True, cache=c) for c in (True, False))
    np.testing.assert_array_equal(*again)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_on_the_left_changes_nothing(kind):
    m, keep = model(positions=kind), np.arange(9) >= np.array([[0], [3]])
    got = logits(m, IDS, mask=keep)[1, 3:]
    np.testing.assert_allclose(got, logits(m, IDS[1:, 3:])[0], **close)


@pytest.mark.parametrize("kind", ["sinusoidal", "alibi"])
def test_the_new_positions_matter(kind):
    none = logits(model(positions="none"), IDS)
    assert np.abs(logits(model(positions=kind), IDS) - none).max() > 0.1


def test_masks_are_their_definitions():
    for T, prefix in ((5, 0), (5, 2), (5, 5)):
        want = [[s < prefix or s <= t for s in range(T)] for t in range(T)]
        got = models.prefix_lm(T, prefix).numpy()
        assert got.dtype == bool and got.shape == (1, 1, T, T)
        np.testing.assert_array_equal(got[0, 0], want)
    for T, window in ((6, 1), (6, 3), (4, 9)):
        want = [[t - window < s <= t for s in range(T)] for t in range(T)]
        got = models.sliding_window(T, window).numpy()[0, 0]
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("kind", KINDS)
def test_prefix_lm_with_a_cache_is_the_full_pass(kind):
    """The prefix at once, then token by token: nothing hides the past."""
    m = model(positions=kind, causal=False)
    whole, kept = logits(m, IDS, mask=models.prefix_lm(9, 4)), m.new_cache()
    cuts = ((0, 4), *((t, t + 1) for t in range(4, 9)))
    pieces = [logits(m, IDS[:, i:j], cache=kept) for i, j in cuts]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, **close)
    causal = logits(model(positions=kind), IDS)  # what the mask changes
    np.testing.assert_allclose(logits(m, IDS, mask=models.prefix_lm(9, 0)), causal)
    assert np.abs(whole - causal).max() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_sliding_window_is_the_window_of_the_config(kind):
    got = logits(model(positions=kind), IDS, mask=models.sliding_window(9, 3))
    want = logits(model(positions=kind, window=3), IDS)
    np.testing.assert_allclose(got, want, **close)


def test_alibi_takes_additive_and_integer_masks():
    m, look = model(positions="alibi"), models.sliding_window(9, 3).numpy()
    want = logits(m, IDS, mask=look)
    for other in (np.where(look, 0.0, -np.inf), look.astype(int)):
        np.testing.assert_allclose(logits(m, IDS, mask=other), want, **close)


def test_errors_name_what_to_change():
    with pytest.raises(ValueError, match="even dim, got 9"):
        TransformerConfig(vocab=5, dim=9, layers=1, heads=3, positions="sinusoidal")
    with pytest.raises(ValueError, match="dim=5 must be even"):
        sinusoidal(np.arange(3), 5)
    with pytest.raises(ValueError, match="prefix=6 must lie between"):
        models.prefix_lm(5, 6)
    with pytest.raises(ValueError, match="window must be a positive integer"):
        models.sliding_window(5, 0)
    with pytest.raises(ValueError, match="heads must be a positive integer"):
        alibi_slopes(0)


@pytest.mark.parametrize("kind", ["sinusoidal", "alibi"])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_no_family_file_can_hold_them(kind, family, tmp_path):
    shape = getattr(models, f"{family}_tiny")(0).config
    m = models.Transformer(replace(shape, positions=kind), 0)
    with pytest.raises(ValueError, match="positions"):
        io.huggingface.save_model(m, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_positions_may_be_given(kind):
    """0, 1, ... are what the model counts itself; where it adds them, others differ."""
    m, at = model(positions=kind), np.tile(np.arange(9), (2, 1))
    np.testing.assert_allclose(logits(m, IDS, positions=at), logits(m, IDS), **close)
    moved = logits(m, IDS, positions=at // 2)
    reads = kind in ("learned", "rotary", "sinusoidal")
    assert (np.abs(moved - logits(m, IDS)).max() > 1e-3) == reads
