"""Chapter 24: the tables of its study."""

import numpy as np

from tinyft.course.experiment import said, said_gap
from tinyft.course.lessons.alignment.ch24_preferences import (
    BETAS,
    LOOKS,
    METHODS,
    NS,
    PATHS,
)
from tinyft.evaluation import best_of_n_kl

REWARDS = {  # what the learned reward can express, or has seen
    "token counts, 1000 pairs": ("counts", 1000),
    "token counts, 100 pairs": ("counts", 100),
    "token counts, 500 pairs + 500 among best-of-16": ("fresh pairs", 1000),
    "token counts and (th-words − 2)²": ("counts and square", 1000),
}


def of_reward(study, name):
    """The runs of best-of-n with this reward model."""
    method, pairs = REWARDS[name]
    return study.where(part="best of n", method=method, pairs=pairs)


def reward_rows(study):
    """[name, accuracy, taste of the best of n for each n]."""
    return [
        [
            name,
            f"{np.mean(of_reward(study, name).values('accuracy')):.0%}",
            *(said(of_reward(study, name).values(f"gold {n}")) for n in NS),
        ]
        for name in REWARDS
    ]


def change(study, name, n, m):
    """Taste of best-of-n minus best-of-m with the same reward, paired, as text."""
    found = of_reward(study, name)
    return said_gap(np.subtract(found.values(f"gold {n}"), found.values(f"gold {m}")))


def between(study, n, one, other=None):
    """Taste of the best of n with one reward of REWARDS minus another, as text."""
    pair = (of_reward(study, name) for name in (one, other or next(iter(REWARDS))))
    return said_gap(np.subtract(*(found.values(f"gold {n}") for found in pair)))


def path_rows(study):
    """[method, step, accuracy, two log-ratios, th-words, taste, KL]."""
    best, rows = of_reward(study, "token counts, 1000 pairs"), []
    for n, name in ((1, "untouched"), (4, "best of 4"), (16, "best of 16")):
        taste, words = (said(best.values(f"{k} {n}"), 1) for k in ("gold", "words"))
        rows.append([name, *["–"] * 4, words, taste, f"{best_of_n_kl(n):.1f}"])
    for method in PATHS:
        found = study.where(part="path", method=method)
        for step in LOOKS:
            got = {
                k: found.values(f"{k} {step}")
                for k in ("valid", "chosen", "rejected", "words", "gold", "KL")
            }
            accuracy = 100 * (1 - np.array(got.pop("valid")))
            rows.append(
                [method, step, said(accuracy, 1), *(said(v, 1) for v in got.values())]
            )
    return rows


def beta_rows(study):
    """[β, accuracy, log-ratio of chosen, taste, KL; taste and KL minus β = 0.1's]."""
    usual = study.where(part="path", method="DPO")
    rows = []
    for beta in sorted((*BETAS, 0.1)):
        found = usual
        if beta in BETAS:
            found = study.where(part="beta", method=f"DPO, β = {beta:g}")
        accuracy = 100 * (1 - np.array(found.values("valid 80")))
        gaps = [
            said_gap(np.subtract(found.values(f"{k} 80"), usual.values(f"{k} 80")))
            for k in ("gold", "KL")
        ]
        rows.append(
            [f"{beta:g}", said(accuracy, 1)]
            + [said(found.values(f"{k} 80"), 1) for k in ("chosen", "gold", "KL")]
            + (gaps if found is not usual else ["", ""])
        )
    return rows


def path_gap(study, score, step, other="DPO + chosen"):
    """DPO with the chosen term minus DPO alone at a step, paired, as text."""
    pair = (
        study.where(part="path", method=m).values(f"{score} {step}")
        for m in (other, "DPO")
    )
    return said_gap(np.subtract(*pair))


def over_best(study, n, step):
    """Taste of DPO at a step minus that of the best of n, paired, as text."""
    return said_gap(over(study, n, step, "DPO"))


def over(study, n, step, method):
    """Taste of a trained model at a step minus that of the best of n, per seed."""
    made = study.where(part="path", method=method).values(f"gold {step}")
    best = of_reward(study, "token counts, 1000 pairs").values(f"gold {n}")
    return np.subtract(made, best)


def train_rows(study):
    """[method, rate chosen, rates tried, win rate, accuracy, log-ratios, taste, KL]."""
    untouched = of_reward(study, "token counts, 1000 pairs").values("gold 1")
    rows = [["untouched", *["–"] * 2, "50", *["–"] * 3, said(untouched, 1), "0"]]
    for method in METHODS:
        found = study.where(part="train", method=method)
        tried = sorted({run["settings"]["lr"] for run in found})
        best = found.at_best_rate()
        accuracy = 100 * np.array(best.values("accuracy"))
        won = 100 * (1 - np.array(best.values("valid")))
        rows.append(
            [
                method,
                f"{found.best_rate():g}",
                ", ".join(f"{lr:g}" for lr in tried),
                said(won, 1),
                said(accuracy, 1),
                *(
                    said(best.values(k), 1)
                    for k in ("chosen", "rejected", "gold", "KL")
                ),
            ]
        )
    return rows


def train_gaps(study, score, unit=1):
    """Each method's score minus DPO's, at their rates, paired by seed, as one text."""
    best = {m: study.where(part="train", method=m).at_best_rate() for m in METHODS}
    dpo = best.pop("DPO").values(score)
    gaps = {m: np.subtract(found.values(score), dpo) for m, found in best.items()}
    return "; ".join(f"{m} {said_gap(gap, unit=unit)}" for m, gap in gaps.items())


def train_others(study):
    """The mean taste of the seeds that chose no rate, as one text."""
    found = {m: study.where(part="train", method=m).at_best_rate() for m in METHODS}
    return ", ".join(
        f"{m} {np.mean(f.values('gold')[2:]):.1f}" for m, f in found.items()
    )


def rate_rows(study, methods=None):
    """[method, rate, win rate, accuracy, log-ratio, taste, KL] of every rate, two seeds."""
    rows = []
    for method in methods or METHODS:
        found = study.where(part="train", method=method)
        for lr in sorted({run["settings"]["lr"] for run in found}):
            two = [r for r in found.where(lr=lr) if r["settings"]["seed"] < 2]
            mean = {k: np.mean([r["scores"][k] for r in two]) for k in two[0]["scores"]}
            rows.append(
                [
                    method,
                    f"{lr:g}",
                    f"{100 * (1 - mean['valid']):.1f}",
                    f"{100 * mean['accuracy']:.1f}",
                    *(f"{mean[k]:.1f}" for k in ("chosen", "gold", "KL")),
                ]
            )
    return rows


def path_change(study, score, late, early, method="DPO"):
    """A score at a late step minus at an early one, paired by seed, as text.

    "accuracy": of pairs, in points.
    """
    found = study.where(part="path", method=method)
    kept, unit = ("valid", -100) if score == "accuracy" else (score, 1)  # 1 − accuracy
    gap = np.subtract(found.values(f"{kept} {late}"), found.values(f"{kept} {early}"))
    return said_gap(gap, unit=unit)
