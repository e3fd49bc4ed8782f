"""Draws, replay and bits per byte, against counts and codes that are known."""

import numpy as np
import pytest

from tinyft import data, models, ops, tensor
from tinyft.objectives import language
from tinyft.training import recipes

TEXT = "In the beginning was the word – and the word was “été”.\n" * 6
SPECIALS = ("[PAD]", "[CLS]", "[MASK]")


@pytest.fixture(scope="module")
def tokens():
    return data.BPETokenizer.train(TEXT, 300, SPECIALS)


def generator(seed=0):
    return np.random.default_rng(seed)


def small(tokens, head="lm", seed=0):
    make = models.gpt2_tiny if head == "lm" else models.bert_tiny
    return make(
        generator(seed), np.float64, vocab=len(tokens), dim=16, layers=1, heads=2
    )


# --- draws ---------------------------------------------------------------------------


def test_the_old_name_is_the_same_function():
    assert recipes.lm_loss is language.lm_loss


def test_loss_is_the_sum_over_counting_targets_by_their_number():
    rng, V = generator(1), 7
    logits, y = rng.normal(size=(3, 5, V)), rng.integers(0, V, (3, 5))
    y[0, 1:], y[2] = data.IGNORE, data.IGNORE  # rows of 1, 5 and 0 targets
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    kept = [-np.log(p[i, t, y[i, t]]) for i, t in np.argwhere(y >= 0)]
    got = language.lm_loss(lambda x: tensor(logits), None, tensor(y)).item()
    assert len(kept) == 6 and abs(got - np.mean(kept)) < 1e-14
    by_rows = (kept[0] + np.mean(kept[1:])) / 2  # the mean of means is another number
    assert abs(got - by_rows) > 0.01


def test_a_batch_without_a_target_is_a_sentence():
    y = np.full((2, 3), data.IGNORE)
    with pytest.raises(ValueError, match="all 6 targets equal ignore_index"):
        language.lm_loss(lambda x: tensor(np.zeros((2, 3, 4))), None, tensor(y))


def test_causal_targets_are_the_next_tokens():
    x, y = language.causal(np.arange(100), 8)(generator(), 5)
    assert x.shape == y.shape == (5, 8) and (y == x + 1).all()


def test_masked_windows_open_with_cls_and_spare_it(tokens):
    ids = tokens.encode(TEXT)
    draw = language.masked(ids, tokens, 12, p=0.5, first=tokens.cls_id)
    x, y = draw(generator(), 400)
    assert x.shape == y.shape == (400, 12)
    assert (x[:, 0] == tokens.cls_id).all() and (y[:, 0] == data.IGNORE).all()
    rows = np.where(y == data.IGNORE, x, y)[:, 1:]
    spelt = tokens.decode(ids)
    assert all(tokens.decode(row) in spelt for row in rows[:50])
    chosen = y[:, 1:] >= 0
    assert abs(chosen.mean() - 0.5) < 5 * 0.5 / np.sqrt(chosen.size)
    strange = x[:, 1:][chosen & (x[:, 1:] != tokens.mask_id)]
    assert not np.isin(strange, list(tokens.specials.values())).any()


def test_whole_words_of_a_window_are_hidden_together(tokens):
    ids, words = tokens.encode(TEXT), tokens.word_ids(TEXT)
    draw = language.masked(ids, tokens, 16, p=0.4, words=words, first=tokens.cls_id)
    _, y = draw(generator(2), 300)
    seen = np.zeros(0, int)
    for row in y[:, 1:] >= 0:
        places = np.flatnonzero(row)
        seen = np.append(seen, len(places))
    assert seen.mean() > 2
    with pytest.raises(data.DataError, match="both come from one text"):
        language.masked(ids, tokens, 16, words=words[:-1])


# --- replay --------------------------------------------------------------------------


def constant(value, length=4):
    return lambda rng, n: (np.full((n, length), value), np.full((n, length), value))


@pytest.mark.parametrize(
    "share, count", [(0, 0), (0.1, 2), (0.25, 5), (0.5, 10), (1, 20)]
)
def test_the_share_is_exact_in_every_batch(share, count):
    batches = language.replay(constant(1), constant(2), share, 20)(generator())
    for _ in range(5):
        x, y = next(batches)
        assert x.shape == (20, 4) and (x == y).all()
        assert (x[:, 0] == 2).sum() == count


def test_new_rows_do_not_depend_on_what_is_replayed():
    """Without replay and with share 0 of another text, the same seed gives one batch."""
    ids = np.arange(500)
    a = next(language.replay(language.causal(ids, 6), None, 0, 8)(generator(4)))
    b = next(language.replay(language.causal(ids, 6), constant(2), 0, 8)(generator(4)))
    np.testing.assert_array_equal(a[0], b[0])


@pytest.mark.parametrize(
    "share, sentence",
    [
        (0.1, r"share=0.1 of 16 rows is 1.6 rows; .*share=0.0625 or 0.125 or 0.1875"),
        (1.2, "should be a whole number of 0..16"),
        (-0.25, "should be a whole number"),
    ],
)
def test_a_share_that_no_batch_has_is_refused(share, sentence):
    with pytest.raises(ValueError, match=sentence):
        language.replay(constant(1), constant(2), share, 16)


def test_rows_of_two_lengths_are_refused():
    batches = language.replay(constant(1), constant(2, 5), 0.5, 4)(generator())
    with pytest.raises(
        ValueError, match="the new rows have 4 tokens and the old ones 5"
    ):
        next(batches)


# --- bits per byte -------------------------------------------------------------------


def test_bytes_of_tokens_are_the_texts(tokens):
    ids = tokens.encode(TEXT)
    assert language.byte_count(tokens, ids) == len(TEXT.encode("utf-8")) > len(TEXT)
    cls = np.append(ids, tokens.cls_id)
    assert language.byte_count(tokens, cls) == len(TEXT.encode("utf-8"))


def test_a_uniform_model_needs_log2_v_bits_for_a_token(tokens):
    ids = tokens.encode(TEXT)
    V, n, size = len(tokens), len(ids), len(TEXT.encode("utf-8"))
    want = n * np.log2(V) / size
    nats = np.full(n, np.log(V))
    for given in (nats, float(nats.sum())):
        got = language.bits_per_byte(given, ids, tokens)
        assert abs(got - want) < 1e-12


@pytest.mark.parametrize("left", [0, 1, -1])  # tokens in the last row, of `length`
def test_text_bits_counts_every_token_but_the_first_once(tokens, left):
    """By hand: each row alone, its losses by its own softmax, the bytes of its targets."""
    model, ids = small(tokens), tokens.encode(TEXT)
    length = next(n for n in range(4, len(ids)) if (len(ids) - 1 - left) % n == 0)
    total, seen = 0.0, 0
    for i in range(0, len(ids) - 1, length):
        x, y = ids[i : i + length][: len(ids) - 1 - i], ids[i + 1 : i + 1 + length]
        z = model(tensor(x[None])).numpy()[0]
        logp = z - np.log(np.exp(z).sum(-1, keepdims=True))
        total -= logp[np.arange(len(y)), y].sum()
        seen += len(y)
    first = len(tokens.decode(ids[:1]).encode("utf-8"))
    want = total / np.log(2) / (len(TEXT.encode("utf-8")) - first)
    assert seen == len(ids) - 1 and seen % length == left % length
    for rows in (1, 3, 100):
        got = language.text_bits(model, tokens, TEXT, length, rows)
        assert abs(got - want) < 1e-10  # float64, some hundred terms


def test_finer_tokens_with_the_same_code_have_the_same_bits(tokens):
    """A text's code length does not change when its tokens are split and the losses too."""
    bytes_only = data.BPETokenizer()
    ids, fine = tokens.encode(TEXT), bytes_only.encode(TEXT)
    nats = generator(5).random(len(ids)) + 0.5
    sizes = [language.byte_count(tokens, ids[i : i + 1]) for i in range(len(ids))]
    split = np.repeat(nats / sizes, [max(s, 1) for s in sizes])
    a = language.bits_per_byte(nats, ids, tokens)
    if len(split) == len(fine):  # no character is cut by a merge
        assert abs(a - language.bits_per_byte(split, fine, bytes_only)) < 1e-12
    b = language.bits_per_byte(float(nats.sum()), fine, bytes_only)
    assert abs(a - b) < 1e-12
    assert abs(nats.mean() - nats.sum() / len(fine)) > 0.2  # nats per token do change


def test_what_bits_per_byte_refuses(tokens):
    ids = tokens.encode(TEXT)
    with pytest.raises(ValueError, match=r"\(3,\) losses for"):
        language.bits_per_byte(np.ones(3), ids, tokens)
    with pytest.raises(ValueError, match="have no bytes"):
        language.bits_per_byte(np.ones(1), [tokens.cls_id], tokens)
    with pytest.raises(ValueError, match="not the length of a code"):
        language.text_bits(small(tokens, "mlm"), tokens, TEXT)
    other = data.BPETokenizer.train(TEXT, 270, SPECIALS)
    with pytest.raises(
        ValueError, match="take the tokenizer that the model was trained"
    ):
        language.text_bits(small(tokens), other, TEXT)
    for text in ("", "a"):
        with pytest.raises(ValueError, match="two or more are needed"):
            language.text_bits(small(tokens), tokens, text)
    chars = data.CharTokenizer("abc", unk=True)
    with pytest.raises(ValueError, match="does not give this text back"):
        language.text_bits(small(chars), chars, "abcd")


def test_no_tape_and_the_mode_comes_back(tokens):
    model = small(tokens)
    language.text_bits(model, tokens, TEXT, 16)
    assert model.training and all(p.grad is None for p in model.parameters())


def test_what_masking_costs_in_the_mean_is_the_enumerated_floor():
    """B8(e): a chain of 3 tokens, rows of 4, the exact floor of 80/10/10 by enumeration.

    The ideal reader of the masked row (every text, every choice of hidden places, every
    replacement) pays these nats at the four places, given that the place is chosen; the
    draws of `mask_tokens` cost it that in the mean, within five standard errors.
    """
    chain = np.array([[0.7, 0.2, 0.1], [0.1, 0.7, 0.2], [0.25, 0.15, 0.6]])
    floor, draws = floors(chain, 0.15), sampled(chain, 0.15, 40_000)
    for t in range(4):
        values = draws[t]
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - floor[t]) < 5 * error


def stationary(P):
    values, vectors = np.linalg.eig(P.T)
    pi = np.real(vectors[:, np.argmax(np.real(values))])
    return pi / pi.sum()


def laws(chain):
    """(texts (81, 4), their probabilities)."""
    pi = stationary(chain)
    texts = np.array(list(np.ndindex(3, 3, 3, 3)))
    steps = chain[texts[:, :-1], texts[:, 1:]].prod(1)
    return texts, pi[texts[:, 0]] * steps


def seen_given(p, known):
    """Emission (4 outputs, 3 tokens): [MASK] is 3. known: the place is hidden."""
    hidden = np.vstack(
        [0.8 * np.zeros((3, 3)) + 0.1 * np.eye(3) + 0.1 / 3, np.full(3, 0.8)]
    )
    plain = np.vstack([np.eye(3), np.zeros(3)])
    return hidden if known else p * hidden + (1 - p) * plain


def posterior(rows, t, p, texts, prior):
    """p(x_t | the row as read, t hidden): by a sum over all texts. (N, 3)."""
    weight = np.tile(prior, (len(rows), 1))
    for s in range(4):
        emit = seen_given(p, s == t)
        weight = weight * emit[rows[:, s]][:, texts[:, s]]
    found = np.stack([weight[:, texts[:, t] == v].sum(1) for v in range(3)], 1)
    return found / found.sum(1, keepdims=True)


def floors(chain, p):
    """The expected loss at each place, over all 4⁴ rows that can be read."""
    texts, prior = laws(chain)
    rows = np.array(list(np.ndindex(4, 4, 4, 4)))
    out = []
    for t in range(4):
        weight = np.tile(prior, (len(rows), 1))
        for s in range(4):
            weight = weight * seen_given(p, s == t)[rows[:, s]][:, texts[:, s]]
        joint = np.stack([weight[:, texts[:, t] == v].sum(1) for v in range(3)], 1)
        total = joint.sum(1, keepdims=True)
        shares = np.divide(joint, total, where=total > 0, out=np.ones_like(joint))
        out.append(-(joint * np.log(np.where(shares > 0, shares, 1))).sum())
    return out


def sampled(chain, p, count):
    """The ideal reader's losses on rows that `mask_tokens` has hidden, place by place."""
    rng = generator(8)
    texts, prior = laws(chain)
    rows = texts[rng.choice(len(texts), count, p=prior / prior.sum())]
    x, y = data.mask_tokens(rows, rng, 3, 4, p, never=(3,))
    losses = []
    for t in range(4):
        at = np.flatnonzero(y[:, t] >= 0)
        q = posterior(x[at], t, p, texts, prior)
        losses.append(-np.log(q[np.arange(len(at)), y[at, t]]))
    return losses


def test_replay_ends_at_the_mixture_of_the_two_chains():
    """B8(c): P_w = ω P_A + (1 − ω) P_B, ω_a = w π_A(a) / (w π_A(a) + (1 − w) π_B(a))."""
    A = np.array([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.3, 0.3, 0.4]])
    B = np.array([[0.1, 0.5, 0.4], [0.1, 0.3, 0.6], [0.1, 0.1, 0.8]])
    w, counts = 0.25, np.zeros((3, 3))
    walks = [walk(P, 60_000, seed) for seed, P in enumerate((A, B))]
    old, new = (language.causal(ids, 50) for ids in walks)
    batches = language.replay(new, old, w, 400)(generator(3))
    for _, (x, y) in zip(range(10), batches):
        np.add.at(counts, (x, y), 1)
    a, b = w * stationary(A), (1 - w) * stationary(B)
    omega = (a / (a + b))[:, None]
    want, found = omega * A + (1 - omega) * B, counts / counts.sum(1, keepdims=True)
    assert abs(found - want).max() < 0.02  # 60,000 different tokens: 5 · √(.25/10,000)
    assert abs(found - (w * A + (1 - w) * B)).max() > 0.05  # not the plain average


def walk(P, n, seed):
    rng, ids = generator(seed), [0]
    edges, u = P.cumsum(1), rng.random(n)
    for i in range(n - 1):
        ids.append(int((u[i] > edges[ids[-1]]).sum()))
    return np.array(ids)


def test_gradient_of_the_shared_mean_is_by_targets():
    """A batch of two halves: its gradient is the sum over targets, divided once."""
    rng, V = generator(6), 5
    table = tensor(rng.normal(size=(V, V)), requires_grad=True)
    x, y = rng.integers(0, V, (4, 6)), rng.integers(0, V, (4, 6))
    y[3, 2:] = data.IGNORE
    loss = language.lm_loss(lambda ids: ops.embedding(ids, table), tensor(x), tensor(y))
    loss.backward()
    q = np.exp(table.numpy())
    q /= q.sum(1, keepdims=True)
    want = np.zeros((V, V))
    for i, t in np.argwhere(y >= 0):
        want[x[i, t]] += (q[x[i, t]] - np.eye(V)[y[i, t]]) / (y >= 0).sum()
    assert abs(table.grad.numpy() - want).max() < 1e-14
