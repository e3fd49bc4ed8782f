"""A model under a new tokenizer: what is exact when the tokens are the same ones."""

import numpy as np
import pytest

from tinyft import data, models, tensor
from tinyft.transfer import vocabulary

TEXT = "the other mother and the other brother bother the weather – café\n" * 8
SPECIALS = ("[PAD]", "[MASK]")


@pytest.fixture(scope="module")
def old():
    return data.BPETokenizer.train(TEXT, 290, SPECIALS)


@pytest.fixture(scope="module")
def new():
    return data.BPETokenizer.train(
        "then there, hence the theory: " * 9, 275, ("[MASK]", "[NEW]")
    )


def model_of(tokens, head="lm", tied=True):
    make = models.gpt2_tiny if head == "lm" else models.bert_tiny
    rng = np.random.default_rng(1)
    model = make(
        rng, np.float64, vocab=len(tokens), dim=16, layers=1, heads=2, tied=tied
    )
    for p in model.parameters():
        p.data = rng.normal(size=p.shape)
    return model


def test_pieces_spell_the_bytes(old, new):
    found = vocabulary.old_pieces(old, new)
    assert len(found) == len(new)
    for piece, ids in zip(new.pieces, found):
        assert b"".join(old.pieces[i] for i in ids) == piece
    assert found[:256] == [[b] for b in range(256)]
    assert found[new.mask_id] == [old.mask_id] and found[new.special_id("[NEW]")] == []


def test_rows_are_means_one_by_one():
    table = np.arange(12.0).reshape(4, 3) ** 2
    rows = vocabulary.new_rows(table, [[2], [0, 1, 1], []])
    want = [table[2], (table[0] + 2 * table[1]) / 3, table.mean(0)]
    np.testing.assert_allclose(rows, want, rtol=1e-14)
    bias = vocabulary.new_rows(table[:, 0], [[2, 3], [1]])
    np.testing.assert_allclose(bias, [(36 + 81) / 2, 9.0])
    own = vocabulary.new_rows(table, [[]], missing=np.ones(3))
    assert (own == 1).all()


@pytest.mark.parametrize("head", ["lm", "mlm"])
@pytest.mark.parametrize("tied", [True, False])
def test_the_same_tokens_in_another_order_permute_the_logits(old, head, tied):
    """Specials in another order, nothing else: the model is the same function."""
    swapped = data.BPETokenizer(old.merges, SPECIALS[::-1])
    model = model_of(old, head, tied)
    moved = vocabulary.change_vocabulary(model, old, swapped)
    ids = np.array([[5, 270, old.mask_id, 99]])
    as_new = np.array([[5, 270, swapped.mask_id, 99]])
    got, want = moved(tensor(as_new)).numpy(), model(tensor(ids)).numpy()
    n = len(old)
    order = [*range(n - 2), n - 1, n - 2]
    np.testing.assert_allclose(got, want[..., order], rtol=1e-12, atol=1e-12)


def test_only_the_vocabulary_changes(old, new):
    model = model_of(old)
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    moved = vocabulary.change_vocabulary(model, old, new, rng=0)
    assert moved.config.vocab == len(new) and moved.embed.weight.shape == (len(new), 16)
    assert moved.head.weight is moved.embed.weight
    fresh = vocabulary.change_vocabulary(model, old, new, keep=False, rng=0)
    again = vocabulary.change_vocabulary(model, old, new, keep=False, rng=0)
    for name, p in moved.named_parameters():
        if name != "embed.weight":
            np.testing.assert_array_equal(p.numpy(), before[name])
            assert p.data is not dict(model.named_parameters())[name].data
    a, b = fresh.embed.weight.numpy(), again.embed.weight.numpy()
    assert (a == b).all() and 0.015 < a.std() < 0.025
    for k, v in model.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[k])


def test_a_same_sized_vocabulary_is_changed_too(old):
    other = data.BPETokenizer.train(
        "zebras doze in a maze of zeal. " * 20, 290, SPECIALS
    )
    other = data.BPETokenizer(other.merges[: len(old.merges)], SPECIALS)
    old = data.BPETokenizer(old.merges[: len(other.merges)], SPECIALS)
    assert len(old) == len(other)
    model = model_of(old, "mlm", tied=False)
    moved = vocabulary.change_vocabulary(model, old, other)
    pieces = vocabulary.old_pieces(old, other)
    want = np.array([model.head.decoder.bias.numpy()[p].mean() for p in pieces])
    np.testing.assert_allclose(moved.head.decoder.bias.numpy(), want, rtol=1e-12)


def test_refusals(old, new):
    with pytest.raises(ValueError, match=f"the old tokenizer {len(new)}"):
        vocabulary.change_vocabulary(model_of(old), new, old)
    chars = data.CharTokenizer("abc")
    with pytest.raises(ValueError, match="new tokenizer is a CharTokenizer"):
        vocabulary.old_pieces(old, chars)
    plain = models.gpt2_tiny(np.random.default_rng(0), vocab=len(old), head="none")
    with pytest.raises(ValueError, match="head='none'"):
        vocabulary.change_vocabulary(plain, old, new)
