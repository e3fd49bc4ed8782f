"""Chapter 20: the runs of `tinyft study 20`.

Rates are chosen on valid with 10 and with 300 labels (two seeds), and taken over to the
other numbers: 4 and 32 have the rate of 10, more than 32 that of 300. The control,
"poetry", has the same rates.
"""

from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_vectors as vectors
from tinyft.course.lessons.language.ch20_setting import LABELS, SEEDS, draw
from tinyft.course.runs import CHOOSING

CHAPTER = "20_four_paradigms"
RATES = {  # the grids
    "full": (1e-4, 3e-4, 1e-3, 3e-3),
    "partial": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "prompt": (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
}
LSTMS = list(vectors.KINDS)  # the last: with vectors that have read the held-out verses
RATES |= {kind: (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1) for kind in LSTMS[:-1]}
SWEPT = 10, 300
CONTROL = 10, 100, 1000
PAIR = "full", "prompt"
CONTROLLED = *PAIR, "LSTM", "frozen"
# which of them valid chose with 10 and with 300 labels
CHOSEN = {
    "full": (3e-4, 1e-3),
    "prompt": (3e-6, 1e-3),
    "partial": (3e-4, 1e-2),
    "LSTM": (1e-3, 3e-2),
    LSTMS[-1]: (1e-3, 3e-2),
    "frozen": (0.0, 0.0),  # a head that Newton's method fits
}
BERTS = "full", "prompt", "partial"


def plan():
    """The sweeps; every number of labels at the chosen rates; the control; more seeds.

    Five seeds, and ten where a run takes seconds: up to 100 labels.
    """
    known = [(m, n, seed) for m in BERTS for n in LABELS for seed in SEEDS[:5]]
    known += [
        (m, n, seed) for m in ("LSTM", "frozen") for n in LABELS for seed in SEEDS
    ]
    known += [(LSTMS[-1], n, seed) for n in SWEPT for seed in SEEDS]
    new = [
        (m, n, seed)
        for m in (*PAIR, "LSTM", "frozen")
        for n in CONTROL
        for seed in SEEDS[:5]
    ]
    more = [(m, n, seed) for m in PAIR for n in LABELS[:4] for seed in SEEDS[5:]]
    return _once(
        sweeps()
        + [_one(m, n, rate(m, n), seed) for m, n, seed in known]
        + [_one(m, n, rate(m, n), seed, task="poetry") for m, n, seed in new]
        + [_one(m, n, rate(m, n), seed) for m, n, seed in more]
    )


def rate(method, labels):
    """The rate that valid chose for the nearer number of labels."""
    return CHOSEN[method][labels > 32]


def _once(runs):
    return list({str(sorted(one.items())): one for one in runs}.values())


def sweeps():
    """Every rate with 10 labels and five seeds, and with 300 and two (LSTM: five)."""
    return [
        _one(method, n, lr, seed)
        for method, rates in RATES.items()
        for n in SWEPT
        for lr in rates
        for seed in choosing(method, n)
    ]


def choosing(method, labels):
    """The seeds that choose a rate."""
    return SEEDS[:5] if method in LSTMS or labels == 10 else CHOOSING


def swept(study, method, labels):
    """The rate with the fewest errors on valid, over the seeds that every rate has."""
    seeds = choosing(method, labels)
    arm = study.where(method=method, task="saying", labels=labels)

    def errors(lr):
        return sum(arm.where(lr=lr, seed=k).values("valid")[0] for k in seeds)

    return min(RATES[method], key=errors)


def _one(method, labels, lr, seed, task="saying"):
    return {"method": method, "task": task, "labels": labels, "lr": lr, "seed": seed}


def run(method, labels, lr, seed, task="saying"):
    """{"valid": share of errors, "test": accuracy} of one run."""
    few = draw(labels, seed, task)
    if method == "frozen":
        found = bert.frozen_head(labels, seed, task)
        return {"valid": 1 - found["valid"], "test": found["test"]}
    if method in vectors.KINDS:
        model = vectors.fine_tuned(method, *few, lr, seed, bert.STEPS[labels])
        scores = [vectors.score(model, method, task, k) for k in ("valid", "test")]
    else:
        model = bert.fine_tuned(method, *few, lr, seed, bert.STEPS[labels])
        scores = [bert.score(model, task, k) for k in ("valid", "test")]
    return {"valid": 1 - scores[0], "test": scores[1]}
