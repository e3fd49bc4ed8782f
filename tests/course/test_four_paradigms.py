"""Chapter 20: who sees which verse, what is exchanged, and rates that valid has chosen."""

from collections import Counter

import numpy as np
import pytest

from tinyft import no_grad, tensor
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as plan20
from tinyft.course.lessons.language import ch20_order as order
from tinyft.course.lessons.language import ch20_results as results
from tinyft.course.lessons.language import ch20_setting as setting
from tinyft.course.lessons.language import ch20_vectors as vectors
from tinyft.course.lessons.language import ch20_words as words
from tinyft.course.runs import load
from tinyft.models.classic import Tfidf
from tinyft.transfer import linear_probe


@pytest.mark.parametrize("task", setting.TASKS)
def test_no_verse_is_in_two_parts(task):
    parts = {k: set(p.texts) for k, p in setting.parts(task).items()}
    assert not parts["pool"] & parts["test"] and not parts["valid"] & parts["test"]
    assert all(np.mean(setting.parts(task)[k].labels) == 0.5 for k in ("valid", "test"))


def test_draws_are_balanced_and_nested():
    small, large = setting.draw(10, 3), setting.draw(100, 3)
    assert small.labels.tolist() == [0] * 5 + [1] * 5
    assert set(small.texts) < set(large.texts)
    assert set(small.texts) != set(setting.draw(10, 4).texts)


def test_exchanged_verses_have_the_same_words_and_another_order():
    for real, wrong, at in zip(*order.pairs(20)):
        a, b = real.split(), wrong.split()
        assert a != b and Counter(a) == Counter(b)
        moved = [i for i in range(len(a)) if a[i] != b[i]]
        assert moved == [at, at + 1] and all(a[i].islower() for i in moved)


def test_two_gaps_score_the_words_that_were_there():
    """One pair by hand: the logits at both gaps of a sentence written out."""
    (real, *_), _, (at, *_) = order.pairs(20)
    tok, body = bert.load_tokens(), bert.load_pretrained(bert.BASE)[0]
    ids = np.array([[tok.cls_id, *tok.encode(real)]])
    first = 1 + len(tok.encode(" ".join(real.split()[:at])))
    a, b = ids[0, first : first + 2]
    ids[0, first : first + 2] = tok.mask_id
    with no_grad(), body.evaluating():
        p, q = body.head(body.states(tensor(ids)))[0].numpy()[first : first + 2]
    assert abs(order.with_gaps(20)[0] - (p[a] + q[b] - p[b] - q[a])) < 1e-3


def test_the_mean_of_vectors_knows_no_order():
    assert order.largest_difference()[1] < 1e-5  # float32 sums in another order


def test_no_difference_has_no_sign_of_its_own():
    assert setting.paired([0.0, -1e-9], [0.0, 0.0]).startswith("+0.0 ± 0.0")


def test_digits_are_added_until_settled_can_be_seen():
    gaps = np.array([0.0, 0.0, 0.0, 0.01, 0.01])  # 0.4 ± 0.68 points
    assert setting.paired(gaps, 0 * gaps) == "+0.4 ± 0.7, not settled"
    shifted = gaps + 0.00283  # 0.683 ± 0.680: one digit would say 0.7 ± 0.7
    assert setting.paired(shifted, 0 * gaps) == "+0.683 ± 0.680"


def test_the_mask_stands_last_in_every_row():
    ids, mask = bert.encode(["In the beginning", "And he died, and was buried."], True)
    last = ids[np.arange(2), mask.sum(axis=1) - 1]
    assert (last == bert.load_pretrained(bert.BASE)[1].mask_id).all()


def test_only_keeps_known_words():
    kept = words.only(["And he rose up", "Selah"], {"he", "up"})
    assert kept.tolist() == ["he up", "nothing"]


def test_unlabelled_text_holds_no_verse_of_valid_or_test():
    lines = set(vectors.unlabelled())
    for part in ("valid", "test"):
        assert not lines & set(setting.parts()[part].texts)
    assert set(vectors.unlabelled("all")) & set(setting.parts()["test"].texts)


def test_the_study_has_every_run_of_the_plan_and_the_best_rates_on_valid():
    study = load(plan20.CHAPTER)
    for one in plan20.plan():
        study.where(**one)
    for method, rates in plan20.CHOSEN.items():
        for n, lr in zip(plan20.SWEPT, rates):
            if method in plan20.RATES and plan20.grid(method, n):
                assert plan20.swept(study, method, n) == lr, (method, n)


def test_the_trained_mean_reads_neither_padding_nor_order():
    """float32: a mean of at most 5 vectors in another order, 1e-5."""
    weight = np.random.default_rng(0).normal(size=(6, 4)).astype("f4")
    model = vectors.MeanClassifier(weight, rng=0)
    ids = np.array([[0, 3, 1, 5, 5], [2, 4, 5, 5, 5]])
    got = model(tensor(ids), np.array([3, 1])).numpy()
    read = np.stack([weight[[0, 3, 1]].mean(axis=0), weight[2]])
    want = read @ model.head.weight.numpy().T + model.head.bias.numpy()
    assert np.abs(got - want).max() < 1e-5
    ids[0, :3] = 1, 0, 3
    assert np.abs(model(tensor(ids), np.array([3, 1])).numpy() - want).max() < 1e-5


def test_the_rate_on_exchanged_verses_is_inside_berts_grid():
    arm = load(plan20.CHAPTER).where(method="full", task="order")
    errors = {lr: np.mean(some) for lr, some in arm.by("lr", "valid").items()}
    best = min(errors, key=errors.get)
    assert min(plan20.ORDER["full"]) < best < max(plan20.ORDER["full"])


def test_the_prompts_rates_on_unseen_books_are_the_best_on_their_valid():
    study = load(plan20.CHAPTER)
    for n, lr in plan20.OWN_RATE.items():
        assert plan20.chosen_unseen(study, n) == lr
        assert min(plan20.FEW) < lr < max(plan20.FEW)


def test_wrong_verses_come_back_from_a_runs_scores():
    valid, test = np.arange(212) % 4 == 0, np.random.default_rng(0).random(400) < 0.2
    scores = setting.verdicts(valid, test)
    assert (setting.wrong_verses(scores) == test).all()
    assert (scores["valid"], scores["test"]) == (0.25, 1 - test.mean())


def test_a_gap_adds_the_luck_of_draws_and_of_verses():
    """Two draws, 400 verses: right on the first 40 with one draw, on 80 with the other."""
    a, b = np.zeros((2, 400), bool), np.zeros((2, 400), bool)
    a[0, :40] = a[1, :80] = True
    gap = setting.gap(a, b)
    assert abs(gap.mean - 15) < 1e-9 and abs(gap.draws - 12.7062 * 5) < 1e-3
    share = np.repeat([1.0, 0.5, 0.0], [40, 40, 320])
    assert abs(gap.verses - 196 * share.std() / 20) < 1e-9
    assert abs(gap.half**2 - gap.draws**2 - gap.verses**2) < 1e-9 and gap.sign == 0
    same = setting.gap(a[[1, 1]], b)  # no luck of draws
    assert str(same) == f"**+20.0 ± {196 * 0.4 / 20:.1f}**" and same.sign == 1


def test_logistic_regression_on_coordinates_is_that_on_all_words():
    """Four labels, one penalty: the weights lie in the span of the labelled rows."""
    few = setting.draw(4, 0)
    X, _, test = words.tables(Tfidf().fit(few.texts), few)
    axes = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[2][:3]
    full = linear_probe(X, few.labels, 0.01, "logistic")
    some = linear_probe(X @ axes.T, few.labels, 0.01, "logistic")
    a, b = (np.diff(m(x)) for m, x in ((full, test), (some, test @ axes.T)))
    assert np.abs(np.asarray(a) - np.asarray(b)).max() < 1e-4 * np.abs(a).max()


def test_rare_sayings_are_one_in_ten():
    rare = results.rare_sayings()
    stories, sayings = 200, 22
    for total, story, saying in rare.values():
        got = total * (stories + sayings)
        assert abs(got - story * stories - saying * sayings) < 1e-6
    assert rare["raw"][1] > rare["median"][1]  # the median takes stories for sayings
