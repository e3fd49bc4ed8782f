"""Chapter 21's lesson: its parts of a text add up, and its sentences say what runs say.

The bounds of the sentences are the rounding of the words: "two thirds", "0.02 to 0.05".
"""

import numpy as np
import pytest

from tinyft.course import runs
from tinyft.course.experiment import interval, settled
from tinyft.course.lessons.pretraining import ch21_advice as advice
from tinyft.course.lessons.pretraining import ch21_chains as chains
from tinyft.course.lessons.pretraining import ch21_continued_pretraining as lesson
from tinyft.course.lessons.pretraining import ch21_length as length
from tinyft.course.lessons.pretraining import ch21_results as results
from tinyft.course.lessons.pretraining import ch21_tasks as tasks
from tinyft.course.lessons.pretraining import ch21_words as words


def less(name, text):
    """Five paired differences to the runs without replay."""
    return np.subtract(results.memory(name, text), words.five("CLM", 0, text))


def test_repeated_bytes_are_in_the_training_text():
    inside = lesson.repeated_bytes("valid")
    text = lesson.texts()["new"]["valid"][:12_000].encode()
    train = lesson.texts()["new"]["train"].encode()
    assert len(inside) == len(text) and 0 < inside.mean() < 0.1
    edges = np.flatnonzero(np.diff(np.r_[0, inside.astype(int), 0]))
    for start, end in edges.reshape(-1, 2)[:20]:
        assert end - start >= 30 and text[start : start + 30] in train


def test_the_two_kinds_of_bytes_add_up_to_bits_per_byte():
    gpt, tokens = lesson.fresh()
    inside = lesson.repeated_bytes("valid")
    again, rest = lesson.bits_apart(gpt, tokens, "valid", inside)
    row = tokens.encode(lesson.texts()["new"]["valid"][:12_000])
    sizes = np.array([len(tokens.pieces[i]) for i in row])
    starts = np.cumsum(sizes) - sizes
    share = sizes[1:][inside[starts[1:]]].sum() / sizes[1:].sum()
    whole = lesson.bits(gpt, tokens, "valid", ("new",))["new"]
    assert share * again + (1 - share) * rest == pytest.approx(whole, rel=1e-5)


def test_the_models_own_rows_differ_by_seed_and_begin_with_a_line_end():
    rows = [length.written(seed, rows=2) for seed in (0, 0, 1)]
    assert rows[0].shape == (2, lesson.LENGTH + 1)
    assert np.array_equal(rows[0], rows[1]) and not np.array_equal(rows[0], rows[2])
    assert lesson.base()[1].decode(rows[0][0]).startswith("\n")


def test_a_part_of_the_old_text_is_a_part():
    whole = lesson.ids("old")
    part = length.old_ids("1 %", 3)
    assert len(part) == len(whole) // 100
    assert part.tobytes() in whole.tobytes()


def test_the_price_of_replay_is_as_small_as_the_text_says():
    prices = [less(name, "new").mean() for name in ("100 %", *length.MEMORIES)]
    prices.append(advice.gap("CLM", 0.1, "new").mean())
    halves = [interval(less(name, "new"))[1] for name in ("100 %", *length.MEMORIES)]
    assert 0.03 < min(halves) and max(halves) < 0.055  # what five seeds resolve
    assert 0.015 <= min(prices) and max(prices) < 0.055
    assert 0.08 < advice.gap("CLM", 0.5, "new").mean() < 0.13


def test_little_old_text_or_the_models_own_saves_most():
    all_of_it = less("100 %", "old").mean()
    for name in ("10 %", "own samples"):
        assert settled(less(name, "old")) < 0
        assert less(name, "old").mean() / all_of_it > 0.75
    one = less("1 %", "old")
    assert settled(one) < 0 and 0.45 < one.mean() / all_of_it < 0.6


def test_two_thirds_of_the_tokenizers_gain_are_left_with_equal_bytes():
    old, mean = (words.five(arm, 0, "new") for arm in words.ARMS[:2])
    left = results.equal_bytes()["both"].mean() / np.subtract(mean, old).mean()
    assert 0.6 < left < 0.73


def test_a_quarter_of_old_rows_removes_two_thirds_and_half():
    for method, want in (("CLM", 2 / 3), ("MLM", 1 / 2)):
        before = {"CLM": 2.059, "MLM": 3.726}[
            method
        ]  # the models before, see section 5
        lost = np.mean(words.five(method, 0, "old")) - before
        kept = np.mean(words.five(method, 0.25, "old")) - before
        assert 1 - kept / lost == pytest.approx(want, abs=0.04)


BEFORE = {"new": 6.143, "old": 2.059, "new valid": 6.047}  # as section 5 has them


def test_most_of_gain_and_forgetting_comes_in_ten_steps():
    gain, lost = (results.shares_of_last(BEFORE, k) for k in ("new", "old"))
    assert gain[10][0] == pytest.approx(0.77, abs=0.02)
    assert lost[10][0] == pytest.approx(0.905, abs=0.02)
    for k, shares in (("new", gain), ("old", lost)):
        assert shares[0] == (0, 0) and shares[80][0] == pytest.approx(1)
        again = np.mean(results.by_length(0, k)[20]) - BEFORE[k]
        whole = np.mean(results.by_length(0, k)[80]) - BEFORE[k]
        assert shares[20][0] == pytest.approx(again / whole)
    old = [np.mean(v) for v in results.by_length(0.25, "old").values()]
    assert old == sorted(old, reverse=True)  # it recovers
    assert "91%" in results.length_words(BEFORE)


def test_after_eighty_steps_the_new_validation_text_is_not_flat():
    main = runs.load("21_continued_pretraining").where(method="CLM", lr=4e-3)
    for share in results.SHARES:
        long = results.study().where(experiment="length", steps=80, share=share)
        short = main.where(share=share)
        gap = np.subtract(long.values("valid"), short.values("valid"))
        assert settled(gap) < 0


def test_a_share_of_one_percent_costs_a_thousandth_of_the_gap():
    little, most = (chains.excess(chains.NEW, Q)
                    for Q in (chains.mixture(0.01), chains.OLD))  # fmt: skip
    assert little / most == pytest.approx(0.0015, abs=2e-4)


def test_a_small_rate_and_lora_have_learnt_less():
    assert "25 % replay at 0.004" in words.two_brakes()  # its conditions are asserted


def test_naive_bayes_beats_every_path_and_dapt_has_a_noisy_rate():
    bayes = np.mean([100 * tasks.words_only(seed) for seed in range(5)])
    paths = [np.mean(words.task_five(k)) for k in tasks.FIRST]
    assert bayes > max(paths) + 10
    gap = words.task_five("DAPT", same=True) - words.task_five("nothing", same=True)
    assert settled(gap) == 0


def test_every_row_of_the_advice_holds():
    """The table's own assertions, with the losses before training as section 5 has them."""
    rows = advice.advice(BEFORE, BEFORE)
    assert all(len(row) == len(advice.HEAD) for row in rows) and len(rows) == 11
