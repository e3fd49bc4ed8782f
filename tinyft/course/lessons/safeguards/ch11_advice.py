"""Chapter 11: the runs of `tinyft study 11` read and put into words."""

import numpy as np

from tinyft import transfer
from tinyft.course.experiment import SEEDS, interval, said
from tinyft.course.lessons.safeguards.ch11_information_bottleneck import (
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


def strength(study, method="flat"):
    """The largest λ whose validation loss lies within one standard error of the best."""
    losses = {
        lam: np.array(a.values("valid")) for lam, a in arms(study, method).items()
    }
    low = min(losses, key=lambda lam: losses[lam].mean())
    worse = {lam: losses[lam] - losses[low] for lam in losses}
    error = {lam: d.std(ddof=1) / len(d) ** 0.5 for lam, d in worse.items()}
    return max(lam for lam, d in worse.items() if d.mean() <= error[lam])


def shuffled(seed, draws=50, bins=4):
    """The scores of the base's features for labels in random order, (draws, 16)."""
    x, y = task(seed)["train"]
    z, rng = features(base(seed), x), np.random.default_rng(seed)
    return np.array(
        [transfer.relevance(z, rng.permutation(y), bins) for _ in range(draws)]
    )


# --- tables ----------------------------------------------------------------------------
def grid(study, score, digits=3):
    """Rows (method, mean at each λ) of a score, at RATE, ten seeds."""
    return [
        [
            m,
            *(
                f"{np.mean(a.values(score)):.{digits}f}"
                for a in arms(study, m).values()
            ),
        ]
        for m in METHODS
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
    """What the main table says, in words."""
    found = {why: verdict(gains(study, *pair)) for why, pair in PAIRS.items()}
    old = verdict(gains(study, *PAIRS["the direction"], "target", score="source"))
    return (
        "**So:** holding features instead of weights changes the new accuracy by "
        f"{found['features, not weights']}. Weighing by relevance: {found['relevance']}; "
        f"stretched: {found['relevance, stretched']}, and with scores known from all "
        f"labels: {found['stretched, s from all labels']}. The direction shows, if "
        f"anywhere, in how much of the old task is kept at equal new accuracy: {old}."
    )


def advice(study):
    """Rows (what, start with, measured) of "What to set"."""
    far, lam = arms(study, "τ = sd"), strength(study, "τ = sd")
    old, new = (
        ", ".join(f"{np.mean(a.values(k)):.2f}" for a in far.values())
        for k in ("source", "target")
    )
    held, weighed, scaled = (
        verdict(gains(study, *pair))
        for pair in (("flat", "L2-SP"), ("1 − s", "flat"), ("τ = sd", "flat"))
    )
    rates = [f"{a[0]['settings']['lr']:g}" for a in arms(study, "flat", None).values()]
    none, frozen = (
        np.mean(arms(study, m)[0.0].values("target")) for m in ("none", "frozen")
    )
    return [
        ["penalty", "on features, flat", f"minus L2-SP: {held}"],
        ["scores s", "leave them out", f"1 − s minus flat: {weighed}"],
        ["τ", "the sd of each feature at the start", f"minus τ = 1: {scaled}"],
        [
            "λ, for that τ",
            f"{lam:g}; then choose by (11.7)",
            f"λ = {', '.join(f'{k:g}' for k in far)}: old {old}; new {new}",
        ],
        [
            "learning rate",
            "find it again for your λ",
            f"flat, the best for each λ: {', '.join(rates)}",
        ],
        ["bins, if you want scores", "4 with 50 examples", "by custom; see figure 1"],
        [
            "if the old task does not matter",
            "still compare",
            f"new: {none:.2f} without penalty, {frozen:.2f} frozen, at the same rate",
        ],
    ]
