"""Packing: no document sees another, exactly; each is as alone, to rounding (C16, B9)."""

import numpy as np
import pytest

from tinyft import models, no_grad, ops, tensor
from tinyft.objectives import (
    Example,
    block_mask,
    counted,
    filled,
    inputs_of,
    pack,
    packed_loss,
    sft_loss,
)

IGNORE = -100
RNG = np.random.default_rng(16)


def example(n, learned=2):
    y, learned = np.full(n, IGNORE), min(n, learned)
    y[n - learned :] = RNG.integers(0, 20, learned)
    return Example(RNG.integers(0, 20, n), y)


def model(positions="learned", **changes):
    shape = {"vocab": 20, "dim": 16, "layers": 2, "length": 16, "dtype": "f8"}
    m = models.gpt2_tiny(rng=0, positions=positions, **shape | changes)
    for p in m.parameters():  # so that tokens and positions matter
        if p.ndim > 1:
            p.data = 0.4 * np.random.default_rng(p.size).normal(size=p.shape)
    return m


LENGTHS = (3, 4, 2)


@pytest.fixture
def three():
    return [example(n) for n in LENGTHS]


def test_the_mask_of_three_documents(three):
    """19 of the 45 pairs with s <= t: Σ n(n + 1)/2, written out by loops."""
    packed = pack(three, 9)
    mask = block_mask(packed.document)
    assert mask.shape == (1, 1, 9, 9) and mask.sum() == 19
    of = [d for d, n in enumerate(LENGTHS) for _ in range(n)]
    want = [[s <= t and of[s] == of[t] for s in range(9)] for t in range(9)]
    assert mask[0, 0].tolist() == want
    assert packed.positions.tolist() == [[0, 1, 2, 0, 1, 2, 3, 0, 1]]


@pytest.mark.parametrize("positions", ["learned", "rotary", "sinusoidal", "alibi"])
def test_no_document_sees_another(three, positions):
    """Another document's tokens change nothing, to the bit."""
    m, packed = model(positions), pack(three, 9)
    other = packed.x.copy()
    other[0, 3:7] = (other[0, 3:7] + 7) % 20
    with no_grad():
        a, b = (m(tensor(x), **inputs_of(packed, m)).numpy() for x in (packed.x, other))
        plain = [m(tensor(x)).numpy() for x in (packed.x, other)]
    np.testing.assert_array_equal(a[0, :3], b[0, :3])
    np.testing.assert_array_equal(a[0, 7:], b[0, 7:])
    assert (a[0, 3:7] != b[0, 3:7]).any()
    assert np.abs(plain[0] - plain[1])[0, 7:].max() > 0.01  # causal alone: it does


def embedding_gradient(m, packed, inputs):
    """d(Σ states³ of the last document)/d(embeddings), (9, C)."""
    seen, embed = [], m.embed_tokens

    def keep(*given):
        seen.append(tensor(embed(*given).numpy(), requires_grad=True))
        return seen[0]

    m.embed_tokens = keep
    ops.sum(m.states(tensor(packed.x), **inputs)[0, 7:] ** 3).backward()
    del m.embed_tokens
    return np.abs(seen[0].grad.numpy()[0])


def test_the_derivative_across_a_border_is_zero(three):
    """Exactly under the block mask; not under the causal mask alone."""
    m, packed = model(), pack(three, 9)
    g = embedding_gradient(m, packed, inputs_of(packed, m))
    assert not g[:7].any() and g[7:].max() > 1e-3
    assert embedding_gradient(m, packed, {})[:7].max() > 1e-3


@pytest.mark.parametrize("positions", ["learned", "rotary", "sinusoidal", "alibi"])
def test_packed_is_unpacked(positions):
    """Each document's logits as alone: sums of zeros in another order, 1e-12 of 1e1."""
    examples = [example(n) for n in (5, 3, 7, 1, 4)]
    m, packed = model(positions), pack(examples, 12)
    assert len(packed.x) == 2  # 5, 3, 1 | 7, 4 or so: first fit
    with no_grad():
        rows = m(tensor(packed.x), **inputs_of(packed, m)).numpy()
        alone = [m(tensor(e.x[None])).numpy()[0] for e in examples]
    found = [rows[r][packed.document[r] == d]
             for r in range(2) for d in range(packed.document[r].max() + 1)]  # fmt: skip
    assert len(found) == 5
    for one in alone:
        gaps = [np.abs(f - one).max() for f in found if len(f) == len(one)]
        assert min(gaps) < 1e-12


@pytest.mark.parametrize("positions, matters", [("learned", True), ("rotary", False)])
def test_who_needs_positions_to_restart(three, positions, matters):
    """Rotary products depend on distances: 1e-12 without a restart; learned ones differ."""
    m, packed = model(positions), pack(three, 9)
    mask = block_mask(packed.document)
    with no_grad():
        a = m(tensor(packed.x), **inputs_of(packed, m)).numpy()
        b = m(tensor(packed.x), mask=mask).numpy()
    assert (np.abs(a - b).max() > 0.01) == matters
    assert matters or np.abs(a - b).max() < 1e-12


def test_the_loss_of_packed_rows_is_that_of_the_batch(three):
    m, packed = model(), pack(three, 9)
    got = packed_loss(m, packed).item()
    assert packed_loss(m, packed, 12).item() == pytest.approx(got / 2, abs=1e-13)
    total = counted(*(e.y for e in three))
    want = sum(sft_loss(m, tensor(e.x[None]), tensor(e.y[None]), total).item()
               for e in three)  # fmt: skip
    assert total == 6 and got == pytest.approx(want, abs=1e-13)


def test_padding_is_finite_and_counts_for_nothing(three):
    m, packed = model(), pack(three, 14, pad=5)
    assert filled(packed) == 9 / 14 and (packed.x[0, 9:] == 5).all()
    assert (packed.document[0, 9:] == -1).all() and counted(packed.y) == 6
    with no_grad():
        out = m(tensor(packed.x), **inputs_of(packed, m)).numpy()
        short = pack(three, 9)
        want = m(tensor(short.x), **inputs_of(short, m)).numpy()
    assert np.isfinite(out).all()
    np.testing.assert_allclose(out[:, :9], want, atol=1e-12)


def test_first_fit_keeps_every_token():
    examples = [example(int(n)) for n in RNG.integers(2, 12, 40)]
    packed = pack(examples, 16)
    assert (packed.document >= 0).sum() == sum(len(e.x) for e in examples)
    assert counted(packed.y) == counted(*(e.y for e in examples))
    assert len(packed.x) < len(examples) and filled(packed) > 0.8


def test_a_long_conversation_never_clogs(three):
    """It is refused or cut at once; those behind it are packed either way."""
    long = example(30, learned=25)
    with pytest.raises(ValueError, match="30 tokens is longer than the window of 9"):
        pack([three[0], long, three[1]], 9)
    packed = pack([three[0], long, *three[1:]], 9, long="cut")
    assert (packed.document >= 0).sum() == 3 + 9 + 4 + 2
    with pytest.raises(ValueError, match="no example to pack"):
        pack([], 9)
