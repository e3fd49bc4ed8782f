"""Chapter 24: "What to set", from its study."""

import numpy as np

from tinyft.course.experiment import said_gap
from tinyft.course.lessons.alignment.ch24_drift import drift_gap, drift_rows, way_rows
from tinyft.course.lessons.alignment.ch24_preferences import GENTLER, NS, PATH_RATE
from tinyft.course.lessons.alignment.ch24_tables import (
    REWARDS,
    beta_rows,
    change,
    of_reward,
    over,
    path_change,
    path_gap,
)
from tinyft.evaluation import best_of_n_kl


def advice(study, drift):
    """Rows (what, set, measured, section) of "What to set"."""
    return [
        *_rows_of_rewards(study),
        *_rows_of_steps(study),
        *_rows_of_rates(study, drift),
    ]


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
            f"16 ({best_of_n_kl(16):.1f} nats); 4 ({best_of_n_kl(4):.1f}) at a quarter of "
            "the price; read texts before more",
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
            f"80 of 16 pairs at rate {GENTLER:g}; look every 20; stop when readers no "
            "longer like fresh samples better than those of the last look",
            f"80 minus 40 steps at {GENTLER:g}: taste "
            + path_change(study, "gold", 80, 40, "DPO, rate 0.0003")
            + ", KL "
            + path_change(study, "KL", 80, 40, "DPO, rate 0.0003")
            + f"; 80 minus 20 at {PATH_RATE:g}: taste "
            + path_change(study, "gold", 80, 20)
            + ", KL "
            + path_change(study, "KL", 80, 20),
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


def _rows_of_rates(study, drift):
    swept = drift_rows(drift)
    return [
        [
            "rate (AdamW, LoRA r = 8)",
            f"{GENTLER:g}: much of the gain at a small KL; up to 0.003 pays in KL, 0.01 "
            "ruins",
            f"DPO at {', '.join(row[0] for row in swept)}, 40 steps: win rates "
            f"{', '.join(row[5] for row in swept)} %, KL "
            f"{', '.join(row[7] for row in swept)}; win rate, points, 0.003 minus "
            f"{GENTLER:g}: {drift_gap(drift, 'won', 3e-3, GENTLER, 100)}",
            "5",
        ],
        _row_of_beta(study, drift),
        [
            "best of n or DPO?",
            "few answers: best of 16; many: DPO, once, at the gentle rate",
            f"taste, best of 4 minus DPO at {GENTLER:g}, 80 steps: "
            + said_gap(-over(study, 4, 80, "DPO, rate 0.0003"))
            + "; best of 16 minus it: "
            + said_gap(-over(study, 16, 80, "DPO, rate 0.0003"))
            + "; both together: not tested",
            "5",
        ],
    ]


def _row_of_beta(study, drift):
    """What β changes after 80 steps, beside 0.1."""
    rows = {row[0]: row for row in beta_rows(study)}
    gaps = (
        f"{beta} minus 0.1: taste {rows[beta][5]}, KL {rows[beta][6]}"
        for beta in ("0.03", "0.3", "1")
    )
    gentle = next(row for row in way_rows(study, drift) if row[0] == "β = 0.3")
    return [
        "β of DPO",
        "0.1; not less",
        f"80 steps at rate {PATH_RATE:g}: {'; '.join(gaps)}; at {GENTLER:g}, 0.3 minus "
        f"0.1: taste {gentle[3]}",
        "Reference B",
    ]
