"""Chapter 20: method against method, with the luck of the draws and of the test verses.

Two sources of luck, 95 % each, added as squares:

    draws    the differences in accuracy, draw by draw: Student's t
    verses   1.96 · sd / √400 of the difference at every test verse (−1, 0 or 1) with the
             first draw. A mean over draws has a smaller sd, so this is on the safe side.
"""

import numpy as np

from tinyft.course.experiment import interval
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_results as results
from tinyft.course.lessons.language import ch20_words as words
from tinyft.course.lessons.language.ch20_setting import Gap, holds, parts, wrong_verses
from tinyft.course.prose import table

ZERO, MEAN = results.ZERO, runs20.MEAN
PAIRS = [("full", "words"), ("prompt", "words"), ("frozen", "words"), ("mean", "words")]
PAIRS += [(MEAN, "words"), ("LSTM", "words"), ("words", ZERO), ("full", "mean")]
PAIRS += [("prompt", "mean"), ("full", "frozen"), ("prompt", "full"), ("full", ZERO)]
PAIRS += [
    ("prompt", ZERO),
    (ZERO, "mean"),
    ("LSTM", "mean"),
    ("LSTM", MEAN),
    (MEAN, "mean"),
]


class Task:
    """All results of "saying" or of "poetry": accuracy by method and labels, gaps."""

    def __init__(self, study, task="saying"):
        self.study, self.task = study, task
        self.found = results.accuracies(study, task)
        self.raw, self.recentred = results.prompted(task)
        self.labels = results.LATEST[task]

    def gap(self, a, b, n):
        """a − b with n labels, for the draws that both have."""
        (few_a, few_b), labels = (self._draws(m, n) for m in (a, b)), n
        count = min(len(few_a), len(few_b))
        mean, half = interval(100 * (few_a[:count] - few_b[:count]))
        apart = self.wrong(b, labels) * 1.0 - self.wrong(a, labels)
        return Gap(mean, half, 1.96 * 100 * np.std(apart) / len(apart) ** 0.5)

    def signs(self, a, b, counts=None):
        """`Gap.sign` for each of some numbers of labels, a list."""
        return [self.gap(a, b, n).sign for n in counts or self.labels]

    def _draws(self, method, n):
        if method == ZERO:  # the same for every draw
            return np.full(len(words.over_draws(n, self.task)), self.recentred)
        return self.found[method][n]

    def wrong(self, method, n):
        """Which test verses the first draw's model has wrong, (400,)."""
        kinds = parts(self.task)["test"].labels
        if method == ZERO:
            apart = results.apart_on(self.task, "test") > results.centre(self.task)
            return apart != kinds
        if method == "words":
            return ~words.over_draws(n, self.task)[0]
        lr = runs20.rate(method, n, self.task)
        at = {"method": method, "labels": n, "task": self.task, "lr": lr, "seed": 0}
        return wrong_verses(self.study.where(**at)[0]["scores"])


def all_gaps(task, pairs=PAIRS):
    """Table: every pair, bold where 0 lies outside the interval by draws and verses."""
    rows = []
    for a, b in pairs:
        gaps = [task.gap(a, b, n) for n in task.labels]
        rows.append([f"{results.SHORT[a]} − {results.SHORT[b]}", *map(str, gaps)])
    table(["points; bold: 0 is outside", *map(str, task.labels)], rows)
    return rows


def resolution(task, pairs, n=32):
    """Table: what the test of 400 verses leaves open for some pairs of methods."""
    rows = []
    for a, b in pairs:
        gap = task.gap(a, b, n)
        unlike = np.mean(task.wrong(a, n) != task.wrong(b, n))
        row = [f"{unlike:.1%}", f"± {gap.draws:.1f}", f"± {gap.verses:.1f}", str(gap)]
        rows.append([f"{results.SHORT[a]} − {results.SHORT[b]}", *row])
    head = [f"{n} labels", "verses judged differently", "by draws", "by verses"]
    table([*head, "difference, both"], rows)


def unseen_table(study):
    """The same on the unseen books' valid, for the prompt also recentred afterwards."""
    lines = [(*key, "valid") for key in runs20.UNSEEN]
    lines += [("prompt", n, "valid recentred") for n in (10, 32)]
    rows = []
    for method, n, score in lines:
        arm = study.where(method=method, labels=n, task="poetry")
        seeds = runs20.UNSEEN_SEEDS[n]
        right = {
            lr: 1 - np.mean([arm.where(lr=lr, seed=k).values(score)[0] for k in seeds])
            for lr in runs20.UNSEEN[method, n]
        }
        shown = {lr: f"{100 * share:.1f}" for lr, share in right.items()}
        shown[max(right, key=right.get)] = f"**{100 * max(right.values()):.1f}**"
        name = method + score.removeprefix("valid")
        rows.append([name, n, len(seeds), *(shown.get(lr, "") for lr in runs20.FEW)])
    head = ["unseen books: valid, %", "labels", "draws"]
    table([*head, *(f"{lr:g}" for lr in runs20.FEW)], rows)


def hold_verdicts(here):
    """Stop unless every sentence of `advice.verdicts` is so."""
    level = {m: {n: np.mean(v) for n, v in r.items()} for m, r in here.found.items()}
    bayes, few = level["words"], (4, 10, 32, 100)
    holds(
        BERT_is_above_counted_words_up_to_100=set(here.signs("full", "words", few))
        == {1},
        up_to_100_labels_nothing_trained_beats_the_recentred_prompt=all(
            1 not in here.signs(m, ZERO, few) for m in ("full", "prompt")
        ),
        training_is_reliably_above_frozen_with_4_and_1000_only=here.signs(
            "full", "frozen"
        )
        == [1, 0, 0, 0, 0, 1],
        over_the_mean_of_vectors_a_new_head_leads_with_1000_only=here.signs(
            "full", "mean"
        )
        == [0, 0, 0, 0, 0, 1],
        with_300_and_1000_labels_training_pays=here.signs("full", ZERO)[-2:] == [1, 1],
        head_and_prompt_are_nowhere_apart=not any(here.signs("prompt", "full")),
        averages_of_counted_words_and_frozen_features_cross_after_100=all(
            bayes[100] < level[m][100] and bayes[300] > level[m][300]
            for m in ("frozen", "mean")
        ),
        reliably_above_frozen_head_and_trained_vectors_with_1000=all(
            here.signs(m, "words")[-2:] == [0, -1] for m in ("frozen", MEAN)
        ),
        with_1000_a_new_head_is_not_apart_from_them=here.signs("full", "words")[-1]
        == 0,
    )
