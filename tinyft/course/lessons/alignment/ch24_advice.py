"""Chapter 24: "What to set", from its study."""

import numpy as np

from tinyft.course.experiment import said_gap
from tinyft.course.lessons.alignment.ch24_preferences import GENTLER, NS
from tinyft.course.lessons.alignment.ch24_tables import (
    REWARDS,
    beta_rows,
    change,
    of_reward,
    over,
    path_change,
    path_gap,
    rate_rows,
)
from tinyft.evaluation import best_of_n_kl


def smallest(study, method, points=5):
    """The smallest rate whose win rate is within so many points of the best, as text."""
    rows = rate_rows(study, [method])
    most = max(float(row[2]) for row in rows)
    return next(row[1] for row in rows if float(row[2]) >= most - points)


def advice(study):
    """Rows (what, set, measured, section) of "What to set"."""
    return [*_rows_of_rewards(study), *_rows_of_steps(study), *_rows_of_rates(study)]


def _rows_of_rewards(study):
    best = of_reward(study, "token counts, 1000 pairs")
    few = of_reward(study, "token counts, 100 pairs")
    means = {n: np.mean(best.values(f"gold {n}")) for n in NS}
    many = [f"{np.mean(found.values('accuracy')):.0%}" for found in (few, best)]
    falls = [
        change(study, name, 256, 16) for name in (list(REWARDS)[i] for i in (1, 0, 3))
    ]
    return [
        [
            "n of best-of-n",
            f"4 ({best_of_n_kl(4):.1f} nats) or 16 ({best_of_n_kl(16):.1f}); read texts "
            "before more",
            f"taste highest at {max(means, key=means.get)} of {NS}; 16 minus 4 "
            + change(study, "token counts, 1000 pairs", 16, 4)
            + ", 256 minus 16 "
            + change(study, "token counts, 1000 pairs", 256, 16),
            "1",
        ],
        [
            "more comparisons",
            "first ask what the reward can express",
            f"{many[0]} of pairs in order with 100 comparisons, {many[1]} with 1000; "
            f"taste, best of 256 minus 16: {falls[0]} and {falls[1]}; with the square "
            f"{falls[2]}",
            "2",
        ],
    ]


def _rows_of_steps(study):
    return [
        [
            "steps of DPO",
            "stop by fresh samples and KL, not by accuracy on pairs",
            "80 minus 20 steps: KL "
            + path_change(study, "KL", 80, 20)
            + "; taste "
            + path_change(study, "gold", 80, 20)
            + "; accuracy, points "
            + path_change(study, "accuracy", 80, 20),
            "5",
        ],
        [
            "a term for the chosen answer",
            "0.2 per token, if log π(chosen) falls",
            f"at 80 steps, with minus without: log π(chosen) "
            f"{path_gap(study, 'chosen', 80)}, KL {path_gap(study, 'KL', 80)}, taste "
            f"{path_gap(study, 'gold', 80)}",
            "5",
        ],
    ]


def _rows_of_rates(study):
    swept = rate_rows(study, ["DPO"])
    small = [smallest(study, method) for method in ("DPO", "DPO + chosen")]
    return [
        [
            "rate (AdamW, LoRA r = 8)",
            f"{small[0]} for DPO, {small[1]} with the chosen term: the smallest within 5 "
            "points of the best win rate",
            f"DPO at {', '.join(row[1] for row in swept)}: win rates "
            f"{', '.join(row[2] for row in swept)} %, KL "
            f"{', '.join(row[6] for row in swept)}; 40 steps, two seeds",
            "6",
        ],
        _row_of_beta(study),
        [
            "best of n or DPO?",
            "few answers: best of 4; many: DPO, once, at a small rate",
            f"taste, best of 4 minus DPO at {GENTLER:g}, 80 steps: "
            + said_gap(-over(study, 4, 80, "DPO, rate 0.0003"))
            + "; minus DPO + chosen: "
            + said_gap(-over(study, 4, 80, "DPO + chosen"))
            + "; both together: not tested",
            "5",
        ],
    ]


def _row_of_beta(study):
    """What β changes after 80 steps at rate 0.001, beside 0.1."""
    rows = {row[0]: row for row in beta_rows(study)}
    gaps = (
        f"{beta} minus 0.1: taste {rows[beta][5]}, KL {rows[beta][6]}"
        for beta in ("0.03", "0.3", "1")
    )
    return [
        "β of DPO",
        "0.1 to 0.3; larger: less drift in the same steps",
        "after 80 steps at rate 0.001: " + "; ".join(gaps),
        "Reference B",
    ]
