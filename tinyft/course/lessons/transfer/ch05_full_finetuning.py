"""Chapter 05: full fine-tuning on few labels, and the runs of `tinyft study 05`.

    rows = follow(model, few, lr, seed, measures)    the numbers of one fine-tuning
    run(way=END, labels=16, lr=1e-3, seed=0)         one run of the study

Every way of the study runs at every rate with all five seeds, so each can be compared at
one rate, and a rate can be chosen as somebody with a single draw of labels would.
"""

from functools import cache

import numpy as np

from tinyft import data, nn, optim, transfer
from tinyft.course import experiment
from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.runs import CHOOSING
from tinyft.models import Transformer
from tinyft.training import EarlyStopping
from tinyft.training.pretrained import load_pretrained

SHIFT, COUNTS, STEPS, EVERY = "inverted", (8, 16, 64), 100, 5
RATES, MORE_LABELS, ALL = (3e-4, 1e-3, 3e-3, 1e-2), 120, 1438
END, LOSS, RIGHT = "to the end", "stopped on loss", "stopped on accuracy"
HALVED, FOLDS, MORE = "half held back", "four folds", "120 more trained on"
COSINE, PLAIN, ADAMW = "warm-up and cosine", "plain descent", "AdamW"
SCRATCH, UPDATED, PROBE = "from scratch", "BatchNorm updates", "linear probe"
WAYS = {  # what is done with the labels; plain descent and AdamW end at an equal loss
    END: "all train, 100 steps",
    LOSS: "all train, the loss of 120 further ones decides when to stop",
    RIGHT: "all train, the accuracy on 120 further ones decides",
    HALVED: "half train, the loss of the other half decides",
    FOLDS: "four times three quarters train; the error on the others is `valid`",
    MORE: "all train, and 120 further ones as well, 100 steps",
    COSINE: "all train, 100 steps, a rate that rises for ten and then falls to 0",
    PLAIN: "all train without AdamW until the training loss is below 0.05",
    ADAMW: "all train until the training loss is below 0.05",
    SCRATCH: "all train, 100 steps, from an untrained network of the same shape",
    PROBE: "nothing but a linear layer on frozen features (chapter 04); no rate: lr is 0",
    UPDATED: "all train, 100 steps, BatchNorm's statistics follow the batches",
}
SLOW, FAST = (1e-3, 2e-3, 5e-3, 1e-2), (2e-3, 5e-3, 1e-2, 2e-2)
TEXT = {"text, from scratch": SLOW, "text, output layer": FAST}  # all: chapter 15
NAMES = "way", "labels", "lr", "seed"
TOKENS = 100 * 4 * 64  # 100 batches of 4 windows of 64 tokens
BATCHES, EPOCHS, ENOUGH = (32, 128), (1, 3, 10), 0.05


def follow(model, few, lr, seed, measures, steps=STEPS):
    """Train everything at a constant rate by AdamW; a row of numbers every five steps.

    measures: {name: model -> number}, taken before the first step and after the last.
    Returns {"step": [...], "training loss": [...] of that batch, name: [...]}.
    """
    step = optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    draw = digits.batches(few)(np.random.default_rng(seed))
    rows = {"step": [], "training loss": [], **{name: [] for name in measures}}
    for t in range(steps + 1):
        loss = digits.loss(model, *next(draw))
        if t % EVERY == 0:
            found = {"step": t, "training loss": loss.item()}
            found |= {name: measure(model) for name, measure in measures.items()}
            for name, value in found.items():
                rows[name].append(value)
        if t < steps:
            loss.backward()
            step.step()
            step.zero_grad()
    return rows


# --- tinyft study 05 -------------------------------------------------------------------
def plan():
    """Every way with every seed: 8 to 64 labels, then all labels of the training part."""
    grids = {way: (COUNTS, RATES) for way in (END, LOSS, RIGHT)}
    grids |= {HALVED: (COUNTS, RATES[:3]), COSINE: (COUNTS, RATES[2:3])}
    grids |= {FOLDS: (COUNTS, RATES), MORE: (COUNTS, RATES[1:3])}
    grids |= {PLAIN: ((16,), (1e-3, 3e-3, 1e-2)), ADAMW: ((16,), RATES)}
    grids |= {SCRATCH: (COUNTS, RATES[1:3]), UPDATED: (COUNTS, RATES[1:2])}
    many = [f"batches of {size}, {n} epochs" for size in BATCHES for n in EPOCHS]
    grids |= {way: ((ALL,), (1e-3,)) for way in many}
    fresh = [f"{SCRATCH}, {way}" for way in many[:2]]  # batches of 32
    grids |= {way: ((ALL,), RATES[1:3]) for way in fresh}
    grids |= {PROBE: ((*COUNTS, ALL), (0.0,))}
    ways = [(way, lr) for way, rates in TEXT.items() for lr in rates]
    text = [dict(zip(NAMES, (w, TOKENS, lr, s))) for s in CHOOSING for w, lr in ways]
    return text + [
        {"way": way, "labels": n, "lr": lr, "seed": seed}
        for seed in SEEDS
        for n in (*COUNTS, ALL)
        for way, (counts, rates) in grids.items()
        if n in counts
        for lr in rates
    ]


def run(way, labels, lr, seed):
    """One run: what it reached on held-out images, after how many steps, how far off.

    "valid" is the share of wrong answers among 120 images that nobody trained on (for
    `FOLDS`: among the labels themselves, each in the fold that left it out).
    """
    if way in TEXT:
        return _text(way, lr, seed)
    if way in (END, LOSS, RIGHT):
        return _three_ends(labels, lr, seed)[way]
    few = digits.few_labels(SHIFT, labels, seed)
    if way == PROBE:
        return digits.probe(few)
    if way == FOLDS:
        return {"valid": fold_error(few, lr, seed)}
    if labels == ALL:
        return _all(way, lr, seed)
    if way == HALVED:
        return _halved(few, lr, seed)
    if way in (PLAIN, ADAMW):
        return _until(few, lr, seed, {PLAIN: optim.SGD, ADAMW: optim.AdamW}[way])
    model, start = _fresh(way, seed)
    if way == COSINE:
        losses = digits.tune(model, few, lr, STEPS, seed)
        return _reached(model, start, STEPS, float(losses[-1]))
    if way == MORE:
        few = digits.few_labels(SHIFT, labels + MORE_LABELS, seed)
    rows = follow(model, few, lr, seed, {})
    return _reached(model, start, STEPS, rows["training loss"][-1])


def fold_error(few, lr, seed, folds=4):
    """The share of wrong answers on (x, y), each example judged while it is left out."""
    wrong, own = 0.0, np.arange(len(few[1])) % folds
    for fold in range(folds):
        model = digits.base()
        follow(model, _rows(few, own != fold), lr, seed, {})
        out = _rows(few, own == fold)
        wrong += len(out[1]) * (1 - digits.scores(model, out)[1])
    return wrong / len(few[1])


def halves(few):
    """Two halves of (x, y): to train on, and to decide with."""
    first = np.arange(len(few[1])) < len(few[1]) // 2
    return _rows(few, first), _rows(few, ~first)


def _rows(part, which):
    return part[0][which], part[1][which]


def _fresh(way=END, seed=0):
    model = digits.untrained(seed) if way.startswith(SCRATCH) else digits.base()
    if way == UPDATED:
        transfer.batchnorm(model, "update")
    return model, transfer.snapshot(model)


def _reached(model, start, step, train):
    held = digits.held_out(SHIFT)
    loss, right = digits.scores(model, held["test"])
    valid = 1 - digits.scores(model, held["valid"])[1]
    gone = transfer.distance(model, start)
    found = {"valid": valid, "loss": loss, "test": right, "distance": gone}
    return found | {"step": step, "train": train}


@cache
def _three_ends(labels, lr, seed):
    """{way: scores} of one training run: its end, and where two rules would stop it."""
    model, start = _fresh()
    few, kept = digits.few_labels(SHIFT, labels, seed), digits.held_out(SHIFT)["valid"]
    rules = {LOSS: EarlyStopping(patience=STEPS)}  # they never end the run
    rules |= {RIGHT: EarlyStopping(patience=STEPS, mode="max")}

    def look(model):
        for rule, value in zip(rules.values(), digits.scores(model, kept)):
            rule.update(value, model)

    rows = follow(model, few, lr, seed, {"look": look})
    found = {END: _reached(model, start, STEPS, rows["training loss"][-1])}
    for way, rule in rules.items():
        at = len(rows["step"]) - 1 - rule.bad
        rule.restore(model)
        found[way] = _reached(model, start, rows["step"][at], rows["training loss"][at])
    return found


def _halved(few, lr, seed):
    model, start = _fresh()
    (few, kept), rule = halves(few), EarlyStopping(patience=STEPS)
    look = {"look": lambda model: rule.update(digits.scores(model, kept)[0], model)}
    rows = follow(model, few, lr, seed, look)
    at = len(rows["step"]) - 1 - rule.bad
    rule.restore(model)
    return _reached(model, start, rows["step"][at], rows["training loss"][at])


def _until(few, lr, seed, rule, most=3000):
    """Train until the training loss is below `ENOUGH`."""
    model, start = _fresh()
    options = {} if rule is optim.SGD else {"weight_decay": 0.0}
    step = rule(model.parameters(), lr=lr, **options)
    draw = digits.batches(few)(np.random.default_rng(seed))
    loss, taken = digits.loss(model, *next(draw)), 0
    while loss.item() >= ENOUGH and taken < most:
        loss.backward()
        step.step()
        step.zero_grad()
        loss, taken = digits.loss(model, *next(draw)), taken + 1
    return _reached(model, start, taken, loss.item())


def _text(way, lr, seed):
    """Python's documentation for the GPT that knows the Bible: {"valid", "test": loss}."""
    model, tokens = load_pretrained("gpt_kjv")[:2]
    if way == "text, output layer":
        transfer.freeze(model, ".*")  # the output layer gets an array of its own
        model.head.weight = nn.Parameter(model.embed.weight.data.copy())
    else:
        model = Transformer(model.config, rng=seed)
    ids = experiment.text_parts("pydoc", tokens)
    experiment.train(model, experiment.windows(ids["train"]), lr, 100, seed)
    return {k: experiment.loss_on(model, ids[k]) for k in ("valid", "test")}


def _all(way, lr, seed):
    *_, size, epochs, _ = way.split()  # "... batches of 32, 3 epochs"
    fresh = SCRATCH if way.startswith(SCRATCH) else END
    most = EPOCHS[1] if fresh == SCRATCH else EPOCHS[-1]
    return _many(lr, seed, int(size.strip(",")), fresh, most)[int(epochs)]


@cache
def _many(lr, seed, size, way, most):
    """{epochs: scores} of one run over all labels in batches of `size`."""
    model, start = _fresh(way, seed)
    x, y = digits.few_labels(SHIFT, ALL, seed)
    step = optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    rng, found, steps = np.random.default_rng(seed), {}, 0
    for epoch in range(1, most + 1):
        for batch in data.batches(rng, x, y, batch_size=size):
            loss = digits.loss(model, *batch)
            loss.backward()
            step.step()
            step.zero_grad()
            steps += 1
        if epoch in EPOCHS:
            found[epoch] = _reached(model, start, steps, loss.item())
    return found
