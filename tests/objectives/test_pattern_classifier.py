"""The classifier: its two losses, its two orders, and B7 (c): the decoder alone.

Expected values are NumPy's, from the model's logits of a prompt written out by hand.
"""

import numpy as np
import pytest

from tinyft import data, models, no_grad, objectives, optim, tensor, transfer

TEXT = "And then the man said,\nAnd the man was good.\nThe wise man.\nHe was wise.\n"
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TEXTS = ["And the man said", "The wise man was good", "He"]
LABELS = ["story", "saying", "saying"]


@pytest.fixture
def rng():
    return np.random.default_rng(22)


@pytest.fixture(scope="module")
def tokenizer():
    return data.BPETokenizer.train(TEXT * 4, 330, SPECIALS)


@pytest.fixture
def model(tokenizer, rng):
    made = models.bert_tiny(
        rng, vocab=len(tokenizer), dim=12, layers=2, heads=2, dtype="float64"
    )
    for p in made.parameters():
        p.data += 0.3 * rng.normal(size=p.shape)
    return made


@pytest.fixture
def pattern(tokenizer):
    return objectives.Pattern("[CLS]{text}\n{mask}", tokenizer)


def words(tokenizer, **more):
    given = {"story": ["And", " then"], "saying": ["The", "He", " wise"]}
    return objectives.Verbalizer(given, tokenizer, **more)


def gap_logits(model, tokenizer, text, gaps=("[MASK]",)):
    """Logits (V,) of the first [MASK], one text at a time, no padding, every position."""
    ids = tokenizer.encode(f"[CLS]{text}\n{''.join(gaps)}", special=True)
    with no_grad():
        every = model(tensor(ids[None])).numpy()[0]
    return every[np.flatnonzero(ids == tokenizer.mask_id)]


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def test_scores_do_not_depend_on_the_batch(model, tokenizer, pattern):
    """Padding, gathering and the head on the gap alone, against one text at a time."""
    made = objectives.PatternClassifier(model, pattern, words(tokenizer))
    ids = [i for (i,) in made.verbalizer.ids]
    z = np.stack([gap_logits(model, tokenizer, text)[0] for text in TEXTS])[:, ids]
    want = np.log([np.exp(z[:, :2]).sum(1), np.exp(z[:, 2:]).sum(1)]).T
    np.testing.assert_allclose(made(TEXTS).numpy(), want, atol=1e-12)
    assert made.predict(TEXTS) == [made.verbalizer.classes[k] for k in want.argmax(1)]


@pytest.mark.parametrize("combine", ["sum", "mean"])
def test_the_two_losses(model, tokenizer, pattern, combine):
    """Full = restricted − mean log p(label words), B7 (c), where words are summed."""
    verbalizer = words(tokenizer, combine=combine)
    restricted, full = (
        objectives.PatternClassifier(model, pattern, verbalizer, softmax=s)
        for s in ("restricted", "full")
    )
    ids = [i for (i,) in verbalizer.ids]
    logp = np.stack([log_softmax(gap_logits(model, tokenizer, t)[0]) for t in TEXTS])
    parts = logp[:, ids[:2]], logp[:, ids[2:]]
    score = np.stack(
        [np.log(np.exp(a).sum(1)) if combine == "sum" else a.mean(1) for a in parts], 1
    )
    at = np.arange(3), [0, 1, 1]
    assert abs(full.loss(TEXTS, LABELS).item() + score[at].mean()) < 1e-12
    want = -log_softmax(score)[at].mean()
    assert abs(restricted.loss(TEXTS, LABELS).item() - want) < 1e-12
    assert full.predict(TEXTS) == restricted.predict(TEXTS)
    if combine == "sum":
        mass = np.log(np.exp(logp[:, ids]).sum(1))
        assert abs(full.loss(TEXTS, LABELS).item() - (want - mass.mean())) < 1e-12
        assert mass.mean() < -0.5  # a wrong softmax would be seen


def test_a_word_of_several_tokens_is_the_sum_over_its_gaps(model, tokenizer, pattern):
    given = {"story": ["And", "And said"], "saying": ["The wise man", "He"]}
    verbalizer = objectives.Verbalizer(given, tokenizer, tokens=3)
    assert [len(ids) for ids in verbalizer.ids] == [1, 2, 3, 1]
    parallel, chain = (
        objectives.PatternClassifier(model, pattern, verbalizer, order=order)
        for order in ("parallel", "chain")
    )
    for name, made in (("parallel", parallel), ("chain", chain)):
        want = np.empty((3, 4))
        for n, text in enumerate(TEXTS):
            for w, ids in enumerate(verbalizer.ids):
                total, gaps = 0.0, ["[MASK]"] * len(ids)
                for i, token in enumerate(ids):
                    rows = log_softmax(gap_logits(model, tokenizer, text, gaps))
                    total += rows[0 if name == "chain" else i, token]
                    if name == "chain":
                        gaps[i] = tokenizer.decode([token])
                want[n, w] = total
        got = made._word_log_probabilities(TEXTS, {1, 2, 3}).numpy()
        np.testing.assert_allclose(got, want, atol=1e-12, err_msg=name)
    assert abs((parallel(TEXTS) - chain(TEXTS)).numpy()).max() > 1e-3


def test_all_words_of_two_tokens_have_probability_one(model, tokenizer, pattern):
    """Both orders of (3) are distributions over pairs of tokens."""
    V = len(tokenizer)
    p = pattern.encode(TEXTS[:1], 2)
    with no_grad():
        first = log_softmax(objectives.mask_logits(model, p).numpy()[0])
        total = 0.0
        for token in range(V):
            filled = objectives.filled(p, 0, token)
            rest = log_softmax(objectives.mask_logits(model, filled).numpy()[0, 1])
            total += np.exp(first[0, token]) * np.exp(rest).sum()
    assert abs(total - 1) < 1e-12
    assert abs(np.exp(first[0][:, None] + first[1]).sum() - 1) < 1e-12


def regression(F, y, W, b, groups, lr, steps):
    """Softmax regression on features F (n, C) by plain gradient descent, its gradient
    by complex steps; scores are log Σ exp over each class's rows."""

    def loss(W, b):
        z = F @ W.T + b
        s = np.stack([np.log(np.exp(z[:, g]).sum(1)) for g in groups], 1)
        return np.mean(np.log(np.exp(s).sum(1)) - s[np.arange(len(y)), y])

    for _ in range(steps):
        grads = []
        for k, at in enumerate((W, b)):
            g = np.zeros(at.shape)
            for i in np.ndindex(at.shape):
                moved = [W.astype(complex), b.astype(complex)]
                moved[k][i] += 1e-30j
                g[i] = loss(*moved).imag / 1e-30
            grads.append(g)
        W, b = W - lr * grads[0], b - lr * grads[1]
    return W, b


def test_the_decoder_alone_is_softmax_regression(model, tokenizer, pattern):
    """B7 (c): untied, restricted loss, plain steps. Other rows stay, the sum of the
    label rows is conserved."""
    made = objectives.PatternClassifier(model, pattern, words(tokenizer))
    objectives.untie(model)
    decoder, embedding = model.head.decoder, model.embed.weight.data.copy()
    features = {}

    def keep(x):
        features["x"] = x.numpy()
        return forward(x)

    forward, decoder.forward = decoder.forward, keep
    made(TEXTS)
    decoder.forward = forward
    F = features["x"][:, 0]
    W0, b0 = decoder.weight.data.copy(), decoder.bias.data.copy()
    ids = [i for (i,) in made.verbalizer.ids]
    want = regression(
        F, [0, 1, 1], W0[ids], b0[ids], ([0, 1], [2, 3, 4]), lr=0.3, steps=5
    )
    transfer.train_only(model, r"head\.decoder")
    step = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.3)
    for _ in range(5):
        made.loss(TEXTS, LABELS).backward()
        step.step()
        step.zero_grad()
    W, b = decoder.weight.data, decoder.bias.data
    np.testing.assert_allclose(W[ids], want[0], atol=1e-11)
    np.testing.assert_allclose(b[ids], want[1], atol=1e-11)
    others = np.setdiff1d(np.arange(len(W)), ids)
    assert (W[others] == W0[others]).all() and (b[others] == b0[others]).all()
    np.testing.assert_allclose(W[ids].sum(0), W0[ids].sum(0), atol=1e-12)
    assert (model.embed.weight.data == embedding).all()
    assert abs(W[ids] - W0[ids]).max() > 0.01


def test_a_tied_head_moves_what_the_model_reads(model, tokenizer, pattern):
    """Why B7 (c) needs `untie`: the decoder is the embedding."""
    made = objectives.PatternClassifier(model, pattern, words(tokenizer))
    made.loss(TEXTS, LABELS).backward()
    tied = model.embed.weight.grad.numpy().copy()
    model.zero_grad()
    objectives.untie(model)
    made.loss(TEXTS, LABELS).backward()
    both = model.embed.weight.grad.numpy() + model.head.decoder.weight.grad.numpy()
    np.testing.assert_allclose(tied, both, atol=1e-12)
    with pytest.raises(ValueError, match="nothing to untie"):
        objectives.untie(model)
    with pytest.raises(ValueError, match="nothing to untie"):
        objectives.untie(models.gpt2_tiny(0))


def test_a_bias_in_the_decoder_moves_each_class_score_by_it(model, tokenizer, pattern):
    made = objectives.PatternClassifier(model, pattern, words(tokenizer))
    before, bias = made(TEXTS).numpy(), np.array([0.7, -1.1])
    made.bias = bias
    np.testing.assert_allclose(made(TEXTS).numpy(), before + bias, atol=1e-14)
    made.bias, old = None, model.head.decoder.bias.data.copy()
    objectives.write_bias(model, made.verbalizer, bias)
    np.testing.assert_allclose(made(TEXTS).numpy(), before + bias, atol=1e-13)
    moved = model.head.decoder.bias.data - old
    assert np.count_nonzero(moved) == 5
    with pytest.raises(ValueError, match="one number per class"):
        objectives.write_bias(model, made.verbalizer, np.zeros(3))
    several = objectives.Verbalizer({1: "And", 2: "He was"}, tokenizer, tokens=3)
    with pytest.raises(ValueError, match="each word one token"):
        objectives.write_bias(model, several, bias)


def test_unknown_options_are_refused(model, tokenizer, pattern):
    for name, value in (("softmax", "whole"), ("order", "random")):
        with pytest.raises(ValueError, match=f"{name}='{value}' should be one of"):
            objectives.PatternClassifier(
                model, pattern, words(tokenizer), **{name: value}
            )
    spaced = objectives.Pattern("{text} The {mask}", tokenizer)
    wise = objectives.Verbalizer(
        {"story": "man", "saying": "wise"}, tokenizer, tokens=4
    )
    with pytest.raises(ValueError, match="space into the word"):
        objectives.PatternClassifier(model, spaced, wise)
    made = objectives.PatternClassifier(model, pattern, words(tokenizer))
    with pytest.raises(ValueError, match="'stroy' is not a class"):
        made.loss(TEXTS[:1], ["stroy"])
