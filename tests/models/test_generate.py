"""Generation: greedy, the sampling distributions, the cache, stopping, errors."""

import numpy as np
import pytest

from tinyft import models, nn, no_grad, peft, tensor
from tinyft.models.generate import generate, probabilities

RNG = np.random.default_rng(6)
PROMPT = RNG.integers(0, 256, (2, 5))


@pytest.fixture(params=["gpt2", "llama"])
def model(request):
    """Weights of size 0.2: logits that differ, so that the tokens do not repeat."""
    m = getattr(models, f"{request.param}_tiny")(rng=0, dtype="f8")
    rng = np.random.default_rng(0)
    for p in m.parameters():
        if p.ndim > 1:
            p.data = 0.2 * rng.standard_normal(p.shape)
    return m


def test_greedy_is_the_argmax_loop(model):
    ids = PROMPT
    for _ in range(12):
        with no_grad():
            logits = model(ids).numpy()[:, -1]
        ids = np.concatenate([ids, logits.argmax(axis=-1)[:, None]], axis=1)
    for cache in (True, False):
        got = model.generate(PROMPT, 12, greedy=True, cache=cache)
        np.testing.assert_array_equal(got, ids)
    assert len(set(ids[0, 5:])) > 3  # not one token again and again


def test_the_cache_changes_no_token_and_no_logit(model):
    options = {"temperature": 0.8, "top_k": 50, "top_p": 0.9}
    with_cache, without = (
        model.generate(PROMPT, 20, rng=np.random.default_rng(1), cache=c, **options)
        for c in (True, False)
    )
    np.testing.assert_array_equal(with_cache, without)
    with no_grad():
        whole, kept = model(with_cache).numpy(), model.new_cache()
        pieces = [
            model(with_cache[:, i:j], cache=kept).numpy()
            for i, j in ((0, 5), (5, 6), (6, 9), (9, 25))
        ]
    # float64: sums in another order; logits are of order 10
    np.testing.assert_allclose(
        np.concatenate(pieces, axis=1), whole, rtol=1e-9, atol=1e-10
    )
    assert len(kept[0]) == 25


# --- distributions ------------------------------------------------------------------


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


SCORES = np.log([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_temperature(temperature):
    want = softmax(SCORES / temperature)
    np.testing.assert_allclose(probabilities(SCORES, temperature), want, rtol=1e-14)


@pytest.mark.parametrize(
    "options, want",
    [
        ({}, [0.4, 0.3, 0.2, 0.1]),
        ({"top_k": 1}, [1, 0, 0, 0]),
        ({"top_k": 2}, [4 / 7, 3 / 7, 0, 0]),
        ({"top_k": 9}, [0.4, 0.3, 0.2, 0.1]),
        ({"top_p": 0.35}, [1, 0, 0, 0]),
        ({"top_p": 0.5}, [4 / 7, 3 / 7, 0, 0]),
        ({"top_p": 0.75}, [4 / 9, 3 / 9, 2 / 9, 0]),
        ({"top_p": 1.0}, [0.4, 0.3, 0.2, 0.1]),
        ({"top_p": 1e-9}, [1, 0, 0, 0]),
        # after top-k the rest is 4/7, 3/7: top-p counts from there
        ({"top_k": 2, "top_p": 0.57}, [1, 0, 0, 0]),
        ({"top_k": 2, "top_p": 0.58}, [4 / 7, 3 / 7, 0, 0]),
    ],
)
def test_top_k_and_top_p(options, want):
    got = probabilities(SCORES, **options)
    np.testing.assert_allclose(got[0], want, rtol=1e-12)
    np.testing.assert_allclose(got[1], want[::-1], rtol=1e-12)


def test_top_p_with_equal_probabilities_keeps_the_first_ones():
    got = probabilities(np.zeros((1, 4)), top_p=0.5)
    np.testing.assert_allclose(got, [[0.5, 0.5, 0, 0]])


class Constant(nn.Module):
    """A model with the same logits for every text."""

    def __init__(self, logits):
        self.logits, self.own = np.asarray(logits), nn.Parameter([0.0])

    def forward(self, ids, cache=None):
        return tensor(
            np.broadcast_to(self.logits, (*ids.shape, len(self.logits))).copy()
        )


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 2.0}, {"top_k": 2}, {"top_p": 0.75}]
)
def test_frequencies_of_the_sampled_tokens(options):
    """n draws of a token of probability p: z = (count - np)/sqrt(np(1-p)), |z| < 4."""
    n, p = 20_000, probabilities(SCORES[:1], **options)[0]
    prompt = np.zeros((n, 1), int)
    rng = np.random.default_rng(0)
    got = generate(Constant(SCORES[0]), prompt, 1, rng=rng, cache=False, **options)[
        :, 1
    ]
    counts = np.bincount(got, minlength=4)
    assert (counts[p == 0] == 0).all()
    inside = (p > 0) & (p < 1)
    z = (counts - n * p)[inside] / np.sqrt(n * p * (1 - p))[inside]
    assert np.abs(z).max() < 4


def test_rows_are_independent_and_the_seed_decides():
    model = Constant(np.zeros(50))
    a, b, c = (
        generate(
            model, np.zeros((2, 1), int), 30, rng=np.random.default_rng(s), cache=False
        )
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(a, b)
    assert (a != c).any() and (a[0] != a[1]).any()


# --- stopping, modes, prompts -------------------------------------------------------


class Script(nn.Module):
    """Says a fixed token at each position, one script for each row."""

    def __init__(self, scripts):
        self.scripts, self.own = np.asarray(scripts), nn.Parameter([0.0])

    def forward(self, ids, cache=None):
        T = ids.shape[1]
        return tensor(np.eye(10)[self.scripts[:, :T]])


def test_stop_fills_a_row_and_ends_when_all_rows_have():
    m = Script([[1, 9, 3, 4, 5, 6], [2, 3, 4, 9, 6, 7]])
    got = generate(m, np.zeros((2, 1), int), 6, greedy=True, cache=False, stop=9)
    np.testing.assert_array_equal(got, [[0, 1, 9, 9, 9], [0, 2, 3, 4, 9]])


def test_a_stop_token_in_the_prompt_does_not_count():
    m = Script([[1, 2, 3]])
    got = generate(m, np.array([[9]]), 3, greedy=True, cache=False, stop=9)
    np.testing.assert_array_equal(got, [[9, 1, 2, 3]])


def test_stop_with_and_without_cache(model):
    free = model.generate(PROMPT, 12, greedy=True)
    stop = int(free[0, 8])
    a, b = (
        model.generate(PROMPT, 12, greedy=True, stop=stop, cache=c)
        for c in (True, False)
    )
    np.testing.assert_array_equal(a, b)
    first = 5 + list(free[0, 5:]).index(stop)
    assert (a[0, first:] == stop).all()
    np.testing.assert_array_equal(a[0, :first], free[0, :first])


def test_modes_come_back_as_they_were_also_after_an_error():
    m = models.gpt2_tiny(rng=0, dropout=0.5, length=8)
    m.blocks[0].eval()
    before = [part.training for part in m.modules()]
    a, b = (m.generate(PROMPT, 3, greedy=True) for _ in range(2))
    np.testing.assert_array_equal(a, b)  # no dropout while generating
    assert [part.training for part in m.modules()] == before
    with pytest.raises(ValueError, match=r"9 tokens \(8 of them cached\).*made for 8"):
        m.generate(PROMPT, 6, greedy=True)
    assert [part.training for part in m.modules()] == before


def test_prompts_of_several_kinds(model):
    want = model.generate(PROMPT[:1], 3, greedy=True)
    for prompt in (
        PROMPT[0],
        tensor(PROMPT[:1]),
        PROMPT[:1].astype("i4"),
        PROMPT[0].tolist(),
    ):
        np.testing.assert_array_equal(model.generate(prompt, 3, greedy=True), want)
    np.testing.assert_array_equal(model.generate(PROMPT, 0, greedy=True), PROMPT)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"count": -1}, "count must not be negative, got -1"),
        ({"temperature": 0}, "temperature must be positive, got 0; use greedy=True"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 0.0}, r"top_p must be in \(0, 1\], got 0.0"),
        ({"top_p": 1.5}, r"top_p must be in \(0, 1\], got 1.5"),
        ({"temperature": float("nan")}, "temperature must be positive and finite"),
        ({"temperature": float("inf")}, "temperature must be positive and finite"),
        ({"rng": None}, r"sampling needs rng=.*rng=0.*greedy=True"),
        ({"ids": [[1, 2], [3]]}, "several lengths; pad the shorter ones on the left"),
        ({"ids": np.zeros((1, 3))}, "token ids, integers .* its dtype float64"),
        ({"mask": np.ones((2, 4), bool)}, r"of the shape of the prompt \(2, 5\)"),
        ({"mask": np.ones((2, 5))}, "booleans or 0 and 1 as integers"),
        ({"mask": np.eye(2, 5, dtype=bool)}, "mask ends with padding.*on the left"),
        ({"ids": np.zeros((1, 0), int)}, r"not empty; its shape is \(1, 0\)"),
        ({"ids": np.zeros((1, 1, 2), int)}, r"its shape is \(1, 1, 2\)"),
    ],
)
def test_impossible_options(changes, words):
    options = {"ids": PROMPT, "count": 2, "rng": np.random.default_rng(0), **changes}
    with pytest.raises(ValueError, match=words):
        generate(Constant(np.zeros(4)), cache=False, **options)


@pytest.mark.parametrize(
    "scores, temperature, want",
    [
        ([1.0, np.inf, 2.0], 1.0, [0, 1, 0]),
        ([np.inf, 0.0, np.inf], 2.0, [0.5, 0, 0.5]),
        ([1.0, 5.0, 2.0], 1e-308, [0, 1, 0]),  # 5 / 1e-308 overflows
        ([-np.inf, 1e308, -1e308], 1.0, [0, 1, 0]),
        ([-np.inf, 0.0, 0.0], 0.5, [0, 0.5, 0.5]),
    ],
)
def test_scores_that_are_not_finite(scores, temperature, want):
    got = probabilities(np.array([scores]), temperature)
    np.testing.assert_array_equal(got, [want])
    for greedy in (False, True):
        model = Constant(scores)
        ids = generate(model, PROMPT, 1, temperature, greedy=greedy, rng=0, cache=False)
        assert all(want[i] > 0 for i in ids[:, -1])


@pytest.mark.parametrize("options", [{"greedy": True}, {"rng": 0}])
def test_no_possible_token_is_an_error(options):
    with pytest.raises(FloatingPointError, match=r"every logit of a row is -inf"):
        generate(Constant([-np.inf] * 3), PROMPT, 1, cache=False, **options)


def test_top_k_keeps_k_of_equal_scores_and_top_p_counts_up_to_rounding():
    got = probabilities(np.zeros((1, 4)), top_k=2)
    np.testing.assert_array_equal(got, [[0.5, 0.5, 0, 0]])
    # 0.1 + 0.2 is 0.30000000000000004, 0.7 + 0.1 + 0.1 + 0.1 is 0.9999999999999999
    p = np.array([[0.6, 0.2, 0.1, 0.1]])
    kept = (probabilities(np.log(p), top_p=0.8) > 0).sum()
    assert kept == 2


def test_a_seed_is_a_generator(model):
    want = model.generate(PROMPT, 6, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(model.generate(PROMPT, 6, rng=3), want)
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator or an integer seed"):
        model.generate(PROMPT, 6, rng="3")


@pytest.mark.parametrize("cache", [True, False])
def test_the_head_reads_one_position(model, cache, monkeypatch):
    """Also where a layer has an adapter; a delta on the whole model sees all positions."""
    seen, forward = [], type(model.head).forward

    def counting(self, x):
        if self is model.head:
            seen.append(x.shape[1])
        return forward(self, x)

    whole = model(tensor(PROMPT)).numpy()
    ending = model(tensor(PROMPT), last=True).numpy()
    np.testing.assert_allclose(ending, whole[:, -1:], rtol=1e-12)
    monkeypatch.setattr(type(model.head), "forward", counting)
    plain = model.generate(PROMPT, 3, greedy=True, cache=cache)
    adapter = peft.attach(model, peft.LoRA(r=2), r"attn\.q", rng=0)
    assert (model.generate(PROMPT, 3, greedy=True, cache=cache) == plain).all()
    assert seen == [1] * 6
    peft.detach(adapter)
    peft.attach(model, peft.Prompt(3), rng=1)
    model.generate(PROMPT, 2, greedy=True, cache=cache)
    assert seen[6] == PROMPT.shape[1] + 3


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("kind", [bool, int])
def test_prompts_padded_on_the_left_continue_as_alone(model, cache, kind):
    """Also greedy and exact: the same float64 sums but for masked terms of zero."""
    lengths, T = (5, 2, 4), 5
    ids = np.random.default_rng(2).integers(0, 256, (3, T))
    mask = np.arange(T) >= T - np.array(lengths)[:, None]
    got = model.generate(ids, 9, greedy=True, mask=mask.astype(kind), cache=cache)
    for row, n in enumerate(lengths):
        alone = model.generate(ids[row, T - n :], 9, greedy=True)
        np.testing.assert_array_equal(got[row, T - n :], alone[0])
    assert (model.generate(ids, 9, greedy=True, cache=cache) != got).any()


@pytest.mark.parametrize("method", [peft.Prefix, peft.Prompt])
def test_padded_prompts_behind_a_trained_prompt(model, method):
    adapter = peft.attach(model, method(3), rng=1)
    for p in adapter.parameters():
        p.data = np.random.default_rng(3).standard_normal(p.shape).astype(p.dtype)
    mask = np.array([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    plain = model.generate(PROMPT, 6, greedy=True)
    for cache in (True, False):
        got = model.generate(PROMPT, 6, greedy=True, mask=mask, cache=cache)
        np.testing.assert_array_equal(got[1], plain[1])
        alone = model.generate(PROMPT[:1, 2:], 6, greedy=True)
        np.testing.assert_array_equal(got[0, 2:], alone[0])


@pytest.mark.parametrize(
    "make", [models.bert_tiny, lambda rng: models.gpt2_tiny(rng=rng, head="none")]
)
def test_what_is_not_a_language_model_does_not_generate(make):
    with pytest.raises(ValueError, match="does not predict the next token"):
        make(rng=0).generate(PROMPT, 2, greedy=True)


def test_a_prompt_longer_than_the_positions():
    with pytest.raises(ValueError, match=r"prompt of 5 tokens.*positions.*made for 4"):
        models.gpt2_tiny(rng=0, length=4).generate(PROMPT, 1, greedy=True)
    m = models.gpt2_tiny(rng=0, length=8)  # the newest token is not read: 5 + 4 - 1
    assert m.generate(PROMPT, 4, greedy=True).shape == (2, 9)


def test_the_function_names_the_method():
    with pytest.raises(TypeError, match=r"model\.generate\(ids, count"):
        models.generate(models.gpt2_tiny(rng=0), PROMPT, 3)


def test_logits_that_are_nan_are_an_error_and_no_token():
    with pytest.raises(FloatingPointError, match="logits are NaN"):
        generate(Constant([np.nan, 1.0]), PROMPT, 1, greedy=True, cache=False)
