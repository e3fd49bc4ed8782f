"""Chapter 24: what shows drift, and when preferences fail; `tinyft study 24`.

    drift      DPO at five rates, 40 steps: held-out loss, accuracy, win rate, real words
    80 steps   DPO at the gentle rate: fewer comparisons, a larger β, or comparisons of
               another writer's texts (lines of the corpus, judged by the same reader)
    reward     held-out labels in order, and taste of the best of n, from the same labels

Seeds, texts, reader and held-out labels are those of `ch24_preferences`.
"""

import numpy as np

from tinyft import data, objectives, tensor
from tinyft.course.experiment import SEEDS, said, said_gap
from tinyft.course.lessons.alignment import ch24_preferences as lesson
from tinyft.course.lessons.alignment import ch24_setting as setting
from tinyft.evaluation import best_of

RATES = (1e-4, *lesson.HIGH)
LATE = 80
WAYS = {  # name: (method of `lesson.Run`, comparisons)
    "100 comparisons": ("DPO, rate 0.0003", 100),
    "300 comparisons": ("DPO, rate 0.0003", 300),
    "β = 0.3": ("DPO, β = 0.3", lesson.PAIRS),
    "another writer's texts": ("DPO, rate 0.0003", lesson.PAIRS),
}
REWARDS = {"own texts": 1000, "another writer's texts": 1000, "300 comparisons": 300}


def lines(seed, count=setting.POOL):
    """Texts that the model did not write: 24 tokens of the corpus after a line end."""
    rng, rows = np.random.default_rng([seed, 24]), []
    every = [data.load_text(name, "train") for name in ("shakespeare", "bible")]
    while len(rows) < count:
        text = every[len(rows) % 2]
        at = text.find("\n", rng.integers(len(text) - 1000)) + 1
        ids = setting.tokens().encode(text[at : at + 400])
        rows.append(ids[: setting.LENGTH])
    return np.array(rows)


def foreign(seed, count):
    """(texts, Pairs of rows): the reader compares lines of the corpus."""
    ids = lines(seed)
    return ids, setting.compare(ids, count, seed)


def held_out_loss(run, beta=0.1):
    """The mean DPO loss of the held-out labels."""
    w, l = setting.pair_logps(run.model, run.held) - run.before
    losses = objectives.preference_loss(tensor(w), tensor(l), beta=beta)
    return float(losses.numpy().mean())


def plan():
    """Drift at each rate, the ways at the gentle one, rewards: five seeds each."""
    parts = [("drift", "DPO", lr) for lr in RATES]
    parts += [("80 steps", way, lesson.GENTLER) for way in WAYS]
    parts += [("reward", name, 0.0) for name in REWARDS]
    return [
        {"part": part, "method": method, "lr": lr, "seed": seed}
        for seed in SEEDS
        for part, method, lr in parts
    ]


def run(part, method, lr, seed):
    """The scores of one setting; see the parts above."""
    if part == "reward":
        return _reward(method, seed)
    name, pairs = WAYS.get(method, ("DPO", lesson.PAIRS))
    made = lesson.Run(name, lr, seed)
    made.pairs = made.pairs[:pairs]
    if method == "another writer's texts":
        made.pairs = setting.token_pairs(*foreign(seed, pairs))
    for _ in range(LATE if part == "80 steps" else lesson.STEPS):
        made.step()
    seen = made.look()
    fresh = setting.sample(made.model, lesson.SAMPLES, 700 + seed)
    won = lesson.win_rate(made.model, seed)
    return seen | {
        "accuracy": 1 - seen["valid"],
        "valid": float(1 - won),
        "loss": held_out_loss(made),
        "real": setting.real_words(fresh),
    }


def _reward(name, seed):
    part = setting.parts(setting.drawn(seed))
    if name == "another writer's texts":
        ids, pairs = foreign(seed, REWARDS[name])
    else:
        known = setting.compare(part["pool"], lesson.PAIRS, seed)
        pairs = setting.Pairs(*(rows[: REWARDS[name]] for rows in known))
        ids = part["pool"]
    theta = lesson.fit_reward(setting.counts(ids), pairs)
    right = lesson.pair_accuracy(
        part["valid"], setting.counts(part["valid"]) @ theta, seed=seed
    )
    proxy, gold = setting.counts(part["test"]) @ theta, setting.taste(part["test"])
    found = {f"gold {n}": best_of(proxy, gold, n) for n in lesson.NS}
    return found | {"valid": 1 - right, "accuracy": right}


# --- tables -----------------------------------------------------------------------------


def drift_rows(drift):
    """[rate, held-out loss, accuracy, real words, log-ratio, win rate, taste, KL]."""
    rows = []
    for lr in RATES:
        found = drift.where(part="drift", lr=lr)
        scores = (
            ("loss", 1, 2),
            ("accuracy", 100, 1),
            ("real", 100, 0),
            ("chosen", 1, 1),
            ("won", 100, 1),
            ("gold", 1, 1),
            ("KL", 1, 1),
        )
        rows.append(
            [f"{lr:g}", *(said(k * _values(found, name), d) for name, k, d in scores)]
        )
    return rows


def drift_gap(drift, score, late, early, unit=1):
    """A score at one rate minus at another, paired by seed, as text."""
    pair = (_values(drift.where(part="drift", lr=lr), score) for lr in (late, early))
    return said_gap(np.subtract(*pair), unit=unit)


def way_rows(study, drift):
    """[how, taste and KL after 80 gentle steps, taste minus the usual way's]."""
    usual = study.where(part="path", method="DPO, rate 0.0003")
    taste, kl = (np.array(usual.values(f"{k} 80")) for k in ("gold", "KL"))
    rows = [["1000 comparisons of own texts, β = 0.1", said(taste), said(kl, 1), ""]]
    for way in WAYS:
        found = drift.where(part="80 steps", method=way)
        gold = np.array(found.values("gold"))
        rows.append(
            [way, said(gold), said(found.values("KL"), 1), said_gap(gold - taste)]
        )
    return rows


def reward_rows(drift):
    """[reward from, held-out labels in order %, taste of the best of 4, of 16]."""
    return [
        [
            name,
            said(100 * np.array(found.values("accuracy")), 1),
            *(said(found.values(f"gold {n}")) for n in (4, 16)),
        ]
        for name in REWARDS
        for found in [drift.where(part="reward", method=name)]
    ]


def order_gap(study, drift):
    """Held-out labels in order, the linear reward minus DPO (gentle, 80 steps), points."""
    linear = drift.where(part="reward", method="own texts").values("accuracy")
    made = study.where(part="path", method="DPO, rate 0.0003").values("valid 80")
    return said_gap(np.add(linear, made) - 1, unit=100)


def _values(found, score):
    if score == "won":
        return 1 - np.array(found.values("valid"))
    return np.array(found.values(score))
