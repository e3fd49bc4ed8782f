"""Chapter 20: the runs of `tinyft study 20`.

Rates are chosen on valid with 10, with 32 and with 300 labels; 4 labels have the rate of
10, 100 and 1000 that of 300. The control, "poetry", has the same rates, but the prompt
its own with 10 and 32 labels. "order" (a verse
against itself with two words exchanged) has a sweep of its own.
"""

from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_order as order
from tinyft.course.lessons.language import ch20_vectors as vectors
from tinyft.course.lessons.language.ch20_setting import LABELS, SEEDS, draw
from tinyft.course.runs import CHOOSING

CHAPTER = "20_four_paradigms"
RATES = {  # the grids
    "full": (1e-4, 3e-4, 1e-3, 3e-3),
    "partial": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "prompt": (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
}
LSTMS = list(vectors.KINDS)[:5]  # the last: vectors have read the held-out verses
MEAN = vectors.TRAINED_MEAN
RATES |= {
    kind: (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
    for kind in (*LSTMS[:4], MEAN)
}
COARSE = {  # grids with 32 labels
    "partial": (1e-4, 3e-4, 1e-3, 3e-3),
}
LONG = "LSTM, 400 steps"
SWEPT = 10, 32, 300
CONTROL = 10, 32, 100, 1000
PAIR = "full", "prompt"
UNSEEN_SEEDS = {10: SEEDS[:5], 32: CHOOSING}
FEW = 3e-6, 3e-5, 1e-4, 3e-4, 1e-3
UNSEEN = {  # (method, labels): grids on the unseen books
    ("full", 10): (1e-4, 3e-4, 1e-3),
    ("prompt", 10): FEW,
    ("prompt", 32): FEW,
}
OWN_RATE = {10: 3e-5, 32: 3e-4}  # of the prompt on the unseen books
# which of them valid chose with 10, 32 and 300 labels
CHOSEN = {
    "full": (3e-4, 3e-4, 1e-3),
    "prompt": (3e-6, 3e-6, 1e-3),
    "partial": (3e-4, 3e-4, 1e-2),
    "LSTM": (1e-3, 3e-3, 3e-2),
    "LSTM, vectors from all": (1e-3, 1e-3, 3e-2),
    MEAN: (3e-3, 3e-3, 3e-2),
    "frozen": (0.0, 0.0, 0.0),  # heads that Newton's method fits
    "mean": (0.0, 0.0, 0.0),
}
BERTS = "full", "prompt", "partial"
CHEAP = "LSTM", MEAN, "frozen", "mean"


def plan():
    """The sweeps; every number of labels at the chosen rates; the control; more seeds.

    Five seeds, and ten where a run takes seconds: up to 100 labels.
    """
    known = [(m, n, seed) for m in BERTS for n in LABELS for seed in SEEDS[:5]]
    known += [(m, n, seed) for m in CHEAP for n in LABELS for seed in SEEDS]
    known += [("LSTM, vectors from all", n, seed) for n in (10, 300) for seed in SEEDS]
    new = [
        (m, n, seed) for m in (*BERTS, *CHEAP) for n in CONTROL for seed in SEEDS[:5]
    ]
    more = [(m, n, seed) for m in PAIR for n in LABELS[:4] for seed in SEEDS[5:]]
    return _once(
        sweeps()
        + [_one(m, n, rate(m, n), seed) for m, n, seed in known]
        + [_one(m, n, rate(m, n, "poetry"), seed, task="poetry") for m, n, seed in new]
        + [_one(m, n, rate(m, n), seed) for m, n, seed in more]
        + longer()
        + unseen()
    )


def unseen():
    """The rates of the prompt, and with 10 labels of the new head, on the unseen books."""
    return [
        _one(method, n, lr, seed, task="poetry")
        for (method, n), rates in UNSEEN.items()
        for lr in rates
        for seed in UNSEEN_SEEDS[n]
    ]


def longer_rates(task):
    """The rates of the LSTM with 400 steps, on "saying" and on "order"."""
    return (1e-2, 3e-2) if task == "saying" else (3e-3, 1e-2)


ORDER = {LONG: longer_rates("order"), "full": (3e-4, 1e-3, 3e-3)}  # on exchanged verses


def longer():
    """The LSTM with five times the steps and 1000 labels, and the exchanged verses."""
    arms = [(LONG, lr, "saying") for lr in longer_rates("saying")]
    arms += [(method, lr, "order") for method in ORDER for lr in ORDER[method]]
    return [_one(m, 1000, lr, seed, task) for m, lr, task in arms for seed in SEEDS[:5]]


def rate(method, labels, task="saying"):
    """The rate that valid chose for the nearer number of labels; on the unseen books that
    of the prompt with 10 and 32 labels by their own valid."""
    if task == "poetry" and method == "prompt" and labels in OWN_RATE:
        return OWN_RATE[labels]
    return CHOSEN[method][0 if labels < 32 else 1 if labels == 32 else 2]


def chosen_unseen(study, labels, score="valid"):
    """The prompt's rate with the fewest errors on the unseen books' valid; score:
    "valid", or "valid recentred", after the median of valid's differences is subtracted."""
    arm = study.where(method="prompt", task="poetry", labels=labels)

    def errors(lr):
        seeds = UNSEEN_SEEDS[labels]
        return sum(arm.where(lr=lr, seed=k).values(score)[0] for k in seeds)

    return min(UNSEEN["prompt", labels], key=errors)


def _once(runs):
    return list({str(sorted(one.items())): one for one in runs}.values())


def grid(method, labels):
    """The rates tried; "partial" has fewer with 32 labels, other LSTMs none."""
    if labels == 32 and method not in CHOSEN:
        return ()
    return COARSE.get(method, RATES[method]) if labels == 32 else RATES[method]


def sweeps():
    """Every rate of the grids with the seeds of `choosing`."""
    return [
        _one(method, n, lr, seed)
        for method in RATES
        for n in SWEPT
        for lr in grid(method, n)
        for seed in choosing(method, n)
    ]


def choosing(method, labels):
    """The seeds that choose a rate."""
    if method in (*LSTMS, MEAN) or labels == 10:
        return SEEDS[:5]
    return SEEDS[:3] if labels == 32 else CHOOSING


def swept(study, method, labels):
    """The rate with the fewest errors on valid, over the seeds that every rate has."""
    seeds = choosing(method, labels)
    arm = study.where(method=method, task="saying", labels=labels)

    def errors(lr):
        return sum(arm.where(lr=lr, seed=k).values("valid")[0] for k in seeds)

    return min(grid(method, labels), key=errors)


def _one(method, labels, lr, seed, task="saying"):
    return {"method": method, "task": task, "labels": labels, "lr": lr, "seed": seed}


def run(method, labels, lr, seed, task="saying"):
    """The scores of one run: "valid" (share of errors), "test" (accuracy), wrong verses."""
    if task == "order":
        return order.learned(labels, lr, seed, "LSTM" if method == LONG else method)
    if method in ("frozen", "mean"):
        head = bert.frozen_head if method == "frozen" else vectors.mean_head
        return head(labels, seed, task)
    few, steps = draw(labels, seed, task), bert.STEPS[labels]
    if method in BERTS:
        return bert.judged(bert.fine_tuned(method, *few, lr, seed, steps), task)
    kind, steps = ("LSTM", 400) if method == LONG else (method, steps)
    return vectors.judged(vectors.fine_tuned(kind, *few, lr, seed, steps), kind, task)
