"""Chapter 27: the tables and figures of its study; every choice is made on valid.

paths(study, task, lr)           the runs of a task at a rate
chosen(found)                    the share of every seed that is best on valid
back(study)                      the table of section 2
merges(study)                    the table of section 7
"""

import numpy as np

from tinyft.course.experiment import SEEDS, said, said_gap
from tinyft.course.lessons.several import ch27_merging_models as lesson
from tinyft.course.lessons.several import ch27_setting as setting

PATH_RATES = (lesson.LOW, *setting.RATES)


# --- paths -----------------------------------------------------------------------------


def paths(study, task, lr):
    """The runs of a task at this rate, one per seed."""
    return study.where(experiment="path", task=task, lr=lr)


def rate(study, task):
    """The rate with the smallest loss of the new task on valid."""
    return study.where(experiment="path", task=task).best_rate()


def curve(found, kind, part="test", shares=setting.SHARES):
    """(seeds, shares): "new" or "old" scores along the path."""
    return np.transpose([found.values(f"{kind} {part} {share}") for share in shares])


def chosen(found):
    """For every seed the share with the best mean of new and old accuracy on valid."""
    both = curve(found, "new", "valid") + curve(found, "old", "valid")
    return [setting.SHARES[i] for i in both.argmax(axis=1)]


def taken(found, kind, shares):
    """Test scores, one per seed, each at its own share."""
    whole = curve(found, kind)
    columns = [setting.SHARES.index(share) for share in shares]
    return whole[np.arange(len(columns)), columns]


def back(study, lr=setting.RATE):
    """(titles, rows): what going back costs on the new digits and wins on the old."""
    rows = []
    for task in setting.TASKS:
        found = paths(study, task, lr)
        shares = chosen(found)
        end = {kind: curve(found, kind)[:, -1] for kind in ("new", "old")}
        there = {kind: taken(found, kind, shares) for kind in ("new", "old")}
        gaps = [said_gap(there[k] - end[k], 1, unit=100) for k in ("new", "old")]
        ends = [said(100 * end[k], 1) for k in ("new", "old")]
        rows.append([task, *ends, " ".join(f"{s:g}" for s in shares), *gaps])
    titles = ["task", "tuned: new, %", "tuned: old, %", "α, a seed each"]
    return [*titles, "at α: new, points", "at α: old, points"], rows


def against_rates(study):
    """(titles, rows): the mean of new and old accuracy, at the end of every rate and
    what the best α adds, in points; test."""
    rows = []
    for lr in PATH_RATES:
        row = [f"{lr:g}"]
        for task in setting.TASKS:
            found = paths(study, task, lr)
            end = both(found, [1.0] * len(SEEDS))
            gain = both(found, chosen(found)) - end
            row += [f"{100 * end.mean():.1f}", said_gap(gain, 1, unit=100)]
        rows.append(row)
    parts = [(f"{task}: end, %", "at α, points more") for task in setting.TASKS]
    return ["rate", *(title for part in parts for title in part)], rows


def rivals(study):
    """{task: rate 0.003 at its α minus the end of rate 0.001}, one difference per seed."""
    found = {}
    for task in setting.TASKS:
        ours, low = (paths(study, task, lr) for lr in (setting.RATE, setting.RATES[0]))
        found[task] = both(ours, chosen(ours)) - both(low, [1.0] * len(SEEDS))
    return found


def choice(study, task):
    """(rate by its ends, rate with α, gap): both chosen on valid, by the mean of new and
    old accuracy over the seeds; the gap is the second minus the first, test, paired."""

    def valid(lr, ends):
        found = paths(study, task, lr)
        pairs = curve(found, "new", "valid") + curve(found, "old", "valid")
        return (pairs[:, -1] if ends else pairs.max(axis=1)).mean()

    plain, walked = (max(PATH_RATES, key=lambda r: valid(r, e)) for e in (True, False))
    ours = paths(study, task, walked)
    ends = both(paths(study, task, plain), [1.0] * len(SEEDS))
    return plain, walked, both(ours, chosen(ours)) - ends


def both(found, shares):
    """Mean of new and old test accuracy, one per seed."""
    return (taken(found, "new", shares) + taken(found, "old", shares)) / 2


# --- soups -----------------------------------------------------------------------------


def soups(study):
    """(titles, rows) of the six noisy fine-tunings: accuracy, and points over a net."""
    found = study.where(experiment="soup")
    mean, rows = np.array(found.values("mean single")), []
    for name in ("base", "mean single", "best on valid", "uniform soup", "greedy soup",
                 "ensemble"):  # fmt: skip
        values = np.array(found.values(name))
        gap = "" if name == "mean single" else said_gap(values - mean, 1, unit=100)
        passes = {"ensemble": len(lesson.SOUP_RATES)}.get(name, 1)
        rows.append([name, said(100 * values, 1), gap, passes])
    return ["noisy digits", "test accuracy, %", "minus the mean single net, points",
            "networks to run"], rows  # fmt: skip


def soup_gaps(study):
    """The uniform soup minus its rivals, a text."""
    found = study.where(experiment="soup")
    soup, parts = np.array(found.values("uniform soup")), []
    for name in ("best on valid", "greedy soup", "ensemble", "base"):
        parts.append(f"{name} {said_gap(soup - found.values(name), 1, unit=100)}")
    return "Uniform soup minus, points: " + "; ".join(parts) + "."


def prefixes(study):
    """(titles, rows): soups of four nets that part after k common steps."""
    rows = []
    for k in lesson.PREFIXES:
        found = study.where(experiment="prefix", prefix=k)
        single = np.array(found.values("mean single"))
        gaps = [
            said_gap(np.array(found.values(name)) - single, 1, unit=100)
            for name in ("uniform soup", "ensemble")
        ]
        rows.append([k, said(100 * single, 1), *gaps])
    return ["common steps", "mean single net, %", "uniform soup minus it, points",
            "ensemble minus it, points"], rows  # fmt: skip


def strangers(study):
    """(titles, rows): accuracy half way between two nets, from strangers or one base."""
    found, rows = study.where(experiment="scratch"), []
    for name, title in (("scratch", "two random starts"), ("base", "one base")):
        columns = ("ends", "half way", "half way, recomputed")
        values = [100 * np.array(found.values(f"{name}, {c}")) for c in columns]
        rows.append([title, *(said(v, 1) for v in values)])
    return ["start", "the two networks, %", "half way, %", "new statistics, %"], rows


# --- merges ----------------------------------------------------------------------------


def picked(study, name, part="test", lr=setting.RATE):
    """(test accuracy, scale), each per seed: the scale is the best on valid."""
    found = study.where(experiment="merge", lr=lr)
    valid = np.array([found.values(f"{name} | {s} | valid") for s in setting.SCALES])
    test = np.array([found.values(f"{name} | {s} | {part}") for s in setting.SCALES])
    best = valid.argmax(axis=0)
    scales = [setting.SCALES[i] for i in best]
    return test[best, np.arange(test.shape[1])], scales


def merges(study):
    """(titles, rows): every merge at its own scale, without and with new statistics.

    First what a merge competes with; the last rows are of vectors that were trained at
    the smaller rate.
    """
    base, rows = picked(study, "sum")[0], []
    for name, values in references(study).items():
        rows.append(
            [name, said(100 * values, 1), "", said_gap(values - base, 1, unit=100), ""]
        )
    for name in setting.MERGES:
        plain = ""
        if name in lesson.PLAIN:
            plain = said(100 * picked(study, f"{name}, plain")[0], 1)
        values, scales = picked(study, name)
        gap = "" if name == "sum" else said_gap(values - base, 1, unit=100)
        picks = " ".join(f"{s:g}" for s in scales)
        rows.append([name, plain, said(100 * values, 1), gap, picks])
    for name in lesson.PLAIN:
        plain, (values, scales) = (
            picked(study, f"{name}{w}", lr=setting.RATES[0]) for w in (", plain", "")
        )
        gap, picks = (
            said_gap(values - base, 1, unit=100),
            " ".join(f"{s:g}" for s in scales),
        )
        rows.append([f"{name}, rate 0.001", said(100 * plain[0], 1),
                     said(100 * values, 1), gap, picks])  # fmt: skip
    return ["merge of three", "base's statistics, %", "new statistics, %",
            "minus sum, points", "λ, a seed each"], rows  # fmt: skip


def of_ties(study):
    """{rate: TIES (half kept) minus the sum, both with the base's statistics}, per seed."""

    def plain(name, lr):
        return picked(study, f"{name}, plain", lr=lr)[0]

    return {
        lr: plain("TIES, half kept", lr) - plain("sum", lr) for lr in setting.RATES[:2]
    }


def references(study):
    """{name: test accuracy over the tasks, one per seed}: what a merge competes with."""
    joint = study.where(experiment="joint").at_best_rate().values("test")
    own = study.where(experiment="merge", lr=setting.RATE).values("own test")
    alone = setting.over_tasks(setting.base(), "test")
    return {
        "the base, nothing done": np.full(len(SEEDS), alone),
        "three networks, one per task": np.array(own),
        "one network, trained on all three": np.array(joint),
    }


def by_scale(study, name, part="test"):
    """(seeds, scales): accuracy over the tasks, in percent."""
    found = study.where(experiment="merge", lr=setting.RATE)
    return 100 * np.transpose(
        [found.values(f"{name} | {s} | {part}") for s in setting.SCALES]
    )
