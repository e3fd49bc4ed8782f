"""Chapter 11: the runs of `tinyft study 11` read and put into words."""

import numpy as np

from tinyft import transfer
from tinyft.course.experiment import SEEDS, interval, said
from tinyft.course.lessons.safeguards.ch11_information_bottleneck import (
    ASIDE,
    CHOOSING,
    FASTER,
    METHODS,
    RATE,
    RATES,
    TEN,
    base,
    features,
    known_relevances,
    relevances,
    task,
)

PAIRS = {  # what is tested: one method minus another
    "features, not weights": ("flat", "L2-SP"),
    "relevance": ("1 − s", "flat"),
    "relevance, stretched": ("1 − s/max", "flat"),
    "the direction": ("1 − s/max", "reversed"),
    "stretched, s from all labels": ("all labels", "flat"),
}


# --- reading the study -----------------------------------------------------------------
def arms(study, method, lr=RATE):
    """{λ: a method's runs} at one rate, ten seeds; lr=None: each at its own best, five."""
    runs = study.where(method=method)
    found = {}
    for lam in sorted({run["settings"]["strength"] for run in runs}):
        arm = runs.where(strength=lam)
        arm = arm.at_best_rate() if lr is None else arm.where(lr=lr)
        seeds = SEEDS if lr is None else TEN
        found[lam] = type(arm)(r for r in arm if r["settings"]["seed"] in seeds)
    return found


def common_rate(study):
    """The rate with the lowest validation loss, the mean over all penalties and λ."""
    runs = [
        run
        for method in METHODS
        for run in study.where(method=method)
        if run["settings"]["seed"] in CHOOSING
    ]
    losses = {
        lr: np.mean([r["scores"]["valid"] for r in runs if r["settings"]["lr"] == lr])
        for lr in RATES
    }
    return min(losses, key=losses.get), losses


def gains(study, one, other, by="source", lr=RATE, other_lr=RATE, score="target"):
    """A score of one method minus another's, a difference per seed, (seeds,).

    Each method's score is drawn as a line over `by` ("source", "moved", ...) through its
    λ; the difference of the lines is averaged over the values of `by` that both reach.
    """
    one = _lines(arms(study, one, lr), by, score)
    other = _lines(arms(study, other, other_lr), by, score)
    return np.array([_gap(a, b) for a, b in zip(one, other)])


def _lines(found, by, score):
    xs, ys = (np.array([a.values(k) for a in found.values()]).T for k in (by, score))
    return [(x[np.argsort(x)], y[np.argsort(x)]) for x, y in zip(xs, ys)]


def _gap(a, b):
    low, high = max(a[0][0], b[0][0]), min(a[0][-1], b[0][-1])
    if not low < high:
        return np.nan
    grid = np.linspace(low, high, 201)
    return np.mean(np.interp(grid, *a) - np.interp(grid, *b))


def verdict(difference):
    """Paired differences in words: their 95 % interval, and whether it excludes 0.

    NaN: a seed in which the two methods have no common range; it is left out and told.
    """
    found = difference[~np.isnan(difference)]
    mean, half = interval(found)
    text = f"{100 * mean:+.1f} ± {100 * half:.1f} points"
    seeds = f"{len(found)} of {len(difference)} seeds"
    if len(found) == len(difference):
        seeds = f"{len(found)} seeds"
    return f"{text} ({'settled' if abs(mean) > half else 'not settled'}, {seeds})"


def shuffled(seed, draws=50, bins=4):
    """The scores of the base's features for labels in random order, (draws, 16)."""
    x, y = task(seed)["train"]
    z, rng = features(base(seed), x), np.random.default_rng(seed)
    return np.array(
        [transfer.relevance(z, rng.permutation(y), bins) for _ in range(draws)]
    )


# --- tables ----------------------------------------------------------------------------
def grid(study, score, digits=3):
    """Rows (method, mean at each λ) of a score, at RATE, ten seeds: every arm."""
    return [
        [
            m,
            *(
                f"{np.mean(a.values(score)):.{digits}f}"
                for a in arms(study, m).values()
            ),
        ]
        for m in (*METHODS, *ASIDE)
    ]


def everything(study):
    """Rows (method, λ, best rate, new, old, distance), each at its own best rate."""
    return [
        [
            method,
            lam,
            f"{arm[0]['settings']['lr']:g}",
            *(said(arm.values(k), 3) for k in ("target", "source")),
            said(arm.values("moved"), 1),
        ]
        for method in ("none", *METHODS)
        for lam, arm in arms(study, method, None).items()
    ]


def differences(study):
    """Rows of the main table: PAIRS, new accuracy and old, at RATE, ten seeds."""
    return [
        [
            why,
            f"{a} minus {b}",
            verdict(gains(study, a, b)),
            verdict(gains(study, a, b, "moved")),
            verdict(gains(study, a, b, "target", score="source")),
        ]
        for why, (a, b) in PAIRS.items()
    ]


def other_rates(study):
    """Rows (compared, new accuracy at equal old): does the verdict hang on the rate?"""
    rows = [
        [
            f"flat, rate {RATE:g}, minus L2-SP, rate {lr:g}",
            verdict(gains(study, "flat", "L2-SP", other_lr=lr)),
        ]
        for lr in (RATE, *FASTER)
    ]
    own = {"lr": None, "other_lr": None}
    rows += [
        [f"{a} minus {b}, each λ at its best rate", verdict(gains(study, a, b, **own))]
        for a, b in PAIRS.values()
        if a != "all labels"
    ]
    return rows


def score_table(seeds):
    """Rows (seed, mean s, largest s, both for shuffled labels, correlation)."""
    rows = []
    for k in seeds:
        s, mixed = relevances(k), shuffled(k)
        with_all = np.corrcoef(s, known_relevances(k))[0, 1]
        numbers = (s.mean(), s.max(), mixed.mean(), mixed.max(axis=1).mean())
        rows.append([k, *(f"{v:.2f}" for v in numbers), f"{with_all:.2f}"])
    return rows


def conclusion(study):
    """What the main table says, in words: new and old accuracy of each part."""

    def both(why):
        new = gains(study, *PAIRS[why])
        old = gains(study, *PAIRS[why], "target", score="source")
        return f"new {verdict(new)}, old {verdict(old)}"

    parts = [why for why in PAIRS if PAIRS[why][1] == "flat"]
    found = [
        v
        for row in differences(study)
        if row[0] in parts
        for v in row[2:]
        if "(settled" in v
    ]
    faster = (
        f"{verdict(gains(study, 'flat', 'L2-SP', other_lr=lr))} at {lr:g}"
        for lr in FASTER
    )
    return (
        f"**So:** features, not weights: {both('features, not weights')}; new, with "
        f"L2-SP at other rates: {', '.join(faster)}. Relevance against flat: "
        f"{len(found)} of {3 * len(parts)} intervals settled. The direction: "
        f"{both('the direction')}; that is one interval of {3 * len(PAIRS)}, in a column "
        "added after Figure 4, and against *reversed* only: weak evidence."
    )
