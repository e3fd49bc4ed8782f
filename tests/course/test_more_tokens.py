"""Chapter 23's helpers against answers written out by hand."""

import numpy as np
import pytest

from tinyft import data, objectives, tensor
from tinyft.course.lessons.answers import ch23_steps as steps
from tinyft.course.lessons.answers import ch23_tables as tables
from tinyft.course.lessons.more_tokens import ch23_context as context
from tinyft.course.lessons.more_tokens import ch23_sampling as sampling
from tinyft.course.lessons.more_tokens import ch23_scratchpad as sums
from tinyft.training.pretrained import load_pretrained

# --- sums ----------------------------------------------------------------------------


def test_a_scratchpad_is_running_sums():
    assert sums.worked("314159", sums.PAD) == "348943"
    assert sums.worked("314159", sums.ANSWER) == "3"
    assert sums.worked("314159", sums.FILLER) == "000003"
    assert sums.answer_of("348943") == "3"
    assert sums.answer_of("") is None and sums.answer_of("3[BOT]") is None


def test_no_held_out_sum_is_trained():
    valid, test = (set(sums.held_out_digits(s)) for s in ("valid", "test"))
    assert len(valid) == len(test) == sums.HELD_OUT and not valid & test
    tokens = sums.vocabulary()
    x, y = next(sums.batches(tokens, sums.PAD)(np.random.default_rng(23)))
    seen = {tokens.decode(row)[11:17] for row in x}  # behind [BOS][USER]
    assert len(x) == sums.BATCH and all(len(s) == 6 and s.isdigit() for s in seen)
    assert not seen & (valid | test)
    assert objectives.counted(y) == 7 * len(x)  # six sums, [END]


def test_both_ways_see_as_many_tokens():
    for way, width in ((sums.ANSWER, 11), (sums.PAD, 16), (sums.FILLER, 16)):
        assert abs(sums.steps_of(way) * sums.BATCH * width - sums.TOKENS) < 48 * 16


# --- samples -------------------------------------------------------------------------


class Fixed:
    """A "model" whose samples and logits are given: each text equally likely."""

    def __init__(self, tokens, texts):
        self.tokens, self.texts = tokens, texts

    def generate(self, ids, count, stop, **how):
        rows = [self.tokens.encode(t) for t in self.texts]
        out = np.full((len(ids), ids.shape[1] + count), stop)
        out[:, : ids.shape[1]] = ids
        for row, text in zip(out, rows):
            row[ids.shape[1] : ids.shape[1] + len(text)] = text
        return out

    def __call__(self, ids):
        return tensor(np.zeros((*ids.shape, len(self.tokens))))


def test_samples_end_at_their_end():
    """Under uniform logits a text of n letters has the score −(n + 1) log V."""
    tokens = sums.vocabulary()
    model = Fixed(tokens, ["34", "348943"])
    texts, scores = sampling.sampled(model, tokens, ["314159"], count=2)
    assert texts.tolist() == [["34", "348943"]]
    want = -np.array([[3, 7]]) * np.log(len(tokens))
    np.testing.assert_allclose(scores, want, rtol=1e-12)


def test_no_two_seeds_share_a_problem():
    asked = np.concatenate([sampling.problems(seed) for seed in range(5)])
    assert len(set(asked)) == 5 * sampling.PROBLEMS == sums.HELD_OUT


def test_greedy_texts_end_at_their_end():
    tokens = sums.vocabulary()
    model = Fixed(tokens, ["348943", "03"])
    digits = ["314159", "000000"]
    assert sampling.greedy_texts(model, tokens, digits).tolist() == ["348943", "03"]
    assert sampling.greedy(model, tokens, digits) == 0.5
    assert sampling.greedy(model, tokens, digits, whole=True) == 0.5


def test_what_is_measured():
    texts = np.array([["3"] * 8 + ["4"] * 24, [""] * 32])
    scores = np.array([np.arange(32.0)[::-1], np.zeros(32)])
    got = sampling.measured(texts, scores, ["314159", "000000"])
    assert got["pass@1"] == pytest.approx(0.125) and got["pass@32"] == 0.5
    assert got["vote@32"] == 0 and got["best@32"] == 0.5
    assert got["vote@8"] == pytest.approx(0.125) and got["best@1"] == pytest.approx(
        0.125
    )


def test_a_right_digit_may_have_wrong_sums():
    texts = np.array([["348943", "000003"], ["000000", ""]])
    digits = ["314159", "000000"]
    assert sampling.all_right(texts, digits) == 0.5
    assert sampling.measured(np.tile(texts, 16), np.zeros((2, 32)), digits)[
        "pass@1"
    ] == pytest.approx(0.75)


# --- tables of chapter 23 --------------------------------------------------------------


def test_wilson_at_the_edge_and_inside():
    """Eight of ten: 0.490 to 0.943 (Agresti and Coull 1998); all of n: 1 at the top."""
    np.testing.assert_allclose(tables.wilson(8, 10), (0.490, 0.943), atol=1e-3)
    low, high = tables.wilson(30, 30)
    assert high == pytest.approx(1.0) and low == pytest.approx(30 / (30 + 1.96**2))


def test_a_constant_answer_is_counted():
    words, told = (data.instruction_words(s) for s in ("valid", "train"))
    words = [words[i * len(words) // 60] for i in range(60)]
    lengths = [len(w) for w in told]
    common = max(set(lengths), key=lengths.count)
    got = tables.constant("valid")
    assert got["count"] == pytest.approx(np.mean([len(w) == common for w in words]))
    assert got["copy"] <= 1 / 60 and set(got) == {*data.instruction_tasks()}


@pytest.mark.parametrize("more", [0, 3])
def test_the_plan_gives_the_verdict(more):
    """Five scattered differences do not settle, whatever is added after looking."""
    gap = np.array([20.0, -5, 10, 15, 3, *[12.0] * more])
    best = {name: [{"settings": {"lr": 0.004}}] for name in ("a", "b")}
    said = tables.verdict(gap, best)
    assert "**not settled**" in said and ("second look" in said) == bool(more)


def test_a_question_in_lines():
    want = "reverse: an\nna\n\nreverse: lord\n"
    assert tables.plain_text("reverse", "lord", ["an"]) == want
    assert tables.plain_text("count", "lord") == "count: lord\n"


def test_old_text_is_a_quarter_of_the_rows():
    tokens = load_pretrained("char_text")[1]
    x, y = next(steps.batches(tokens, steps.REPLAY)(np.random.default_rng(0)))
    assert x.shape == y.shape and len(x) == 48
    old_x, old_y = x[-steps.OLD :], y[-steps.OLD :]
    assert (old_y >= 0).all() and (old_y[:, :-1] == old_x[:, 1:]).all()
    assert not (old_x >= 77).any()  # no special token
    assert (y[: -steps.OLD] == data.IGNORE).any(axis=1).all()


# --- in context ----------------------------------------------------------------------


def test_who_sees_whom():
    see, n = context.sight(), context.PAIRS
    assert see[0].sum() == 1 and see[n - 1].sum() == n  # pairs: those before, itself
    assert see[n].sum() == 1 and see[n, n]  # the first query sees no pair
    assert see[n + 5, :5].all() and not see[n + 5, 5:n].any() and see[n + 5].sum() == 6


def test_a_query_does_not_tell_its_answer():
    tokens, y = context.draw(np.random.default_rng(0), 3)
    assert tokens.shape == (3, 32, 4) and y.shape == (3, 16)
    assert not tokens[:, 16:, 2:].any() and (tokens[:, :16, 3] == 1).all()


def test_ridge_is_bayes():
    """The mean of w given two pairs, from the joint Gaussian of (w, y)."""
    X, y = np.array([[1.0, 2.0], [-0.5, 0.3]]), np.array([0.7, -0.2])
    cov = X @ X.T + context.NOISE**2 * np.eye(2)
    np.testing.assert_allclose(
        context.ridge(X, y), X.T @ np.linalg.solve(cov, y), rtol=1e-12
    )


def test_rules_see_k_pairs_and_one_query():
    """The mean of squares of targets for w = 0; a rule that counts its pairs."""
    seen = []
    got = context.by_rule(lambda X, y: seen.append(len(y)) or np.zeros(2))
    np.testing.assert_allclose(got, (context.tasks("test")[1] ** 2).mean(0), rtol=1e-6)
    assert seen[:16] == list(range(16))


def test_one_step_is_the_best_of_a_grid_of_rates():
    """By the slow rule, k = 3: no rate beats the fitted one on valid by more than 1e-6."""
    error, rate = context.one_step()

    def at(r, split):
        return context.by_rule(lambda X, y: r * X.T @ y / max(len(y), 1), split)[3]

    assert error[3] == pytest.approx(at(rate[3], "test"), rel=1e-5)
    best = at(rate[3], "valid")
    assert all(best <= at(rate[3] * f, "valid") + 1e-6 for f in (0.8, 1.25))
    assert rate[0] == 0 and error[0] == pytest.approx(error.max())


def test_a_step_among_few_is_the_one_step():
    """One step of the grid's best rate comes within 5 % of the fitted rate's error."""
    one, few = context.one_step()[0], context.few_steps(1)
    np.testing.assert_allclose(few, one, rtol=0.05)


def test_the_model_uses_earlier_pairs_only():
    model = context.InContext(rng=np.random.default_rng(0))
    tokens, _ = context.draw(np.random.default_rng(1), 2)
    other = tokens.copy()
    other[:, 7, 2] += 1.0  # the eighth pair's y
    gap = np.abs(model(tensor(tokens)).numpy() - model(tensor(other)).numpy())
    assert not gap[:, :8].any() and (gap[:, 8:] > 0).all()


def test_the_instructions_are_data():
    assert data.instruction_tasks()[0] == "copy" and len(data.instruction_tasks()) == 8
