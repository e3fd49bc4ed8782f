"""Chapter 08: fine-tuning on twelve images, and the runs of `tinyft study 08`.

Each method gets its own η0: the best of RATES by the error on validation images, mean of
ten draws of training images (DRAWS). The test images are others.
"""

import itertools
from functools import cache

import numpy as np

from tinyft import data, nn, ops, optim, tensor, training, transfer
from tinyft.course.experiment import best, interval, said
from tinyft.training.pretrained import load_pretrained

ALPHAS = {"α = 0.3": 0.3, "α = 0.5": 0.5, "α = 0.7": 0.7, "full, α = 1": 1.0}
METHODS = {
    "head only": {"alpha": 1.0, "every": 99},
    **{name: {"alpha": alpha} for name, alpha in ALPHAS.items()},
    "α = 0.5, gradual": {"alpha": 0.5, "every": 3},
}
RATES = {  # η0: each method's own grid, factors of 2
    name: tuple(low * 2**k for k in range(6))
    for name, low in (
        ("head only", 0.02),
        ("α = 0.3", 0.01),
        ("α = 0.5", 0.01),
        ("α = 0.7", 0.005),
        ("full, α = 1", 0.0025),
        ("α = 0.5, gradual", 0.01),
    )
}
CHANCE = 0.25  # four classes
DRAWS = tuple(range(10))  # seeds of the training images and of the new head


def task(classes, change=lambda x: x):
    """{"pool" to draw from, "valid", "test": (images, labels from 0)}, images changed."""
    (x, y), test = (data.load_digits(split, classes) for split in ("train", "test"))
    at, cut = np.random.default_rng(29).permutation(len(y)), 2 * len(y) // 3
    parts = {"pool": (x[at[:cut]], y[at[:cut]]), "valid": (x[at[cut:]], y[at[cut:]])}
    return {
        name: (change(x), y - min(classes))
        for name, (x, y) in (parts | {"test": test}).items()
    }


def prepared(seed, classes=None):
    """The pretrained ResNet, with a new head for `classes`; its statistics are frozen."""
    model = load_pretrained("resnet_digits6")[0]
    if classes:
        model.fc = nn.Linear(64, classes, rng=np.random.default_rng(seed))
    transfer.batchnorm(model, "freeze")
    return model


def tune(model, x, y, make, lr, alpha, steps=15, every=0, after=None, **options):
    """Train; every: steps until one more group joins (0: all train at once)."""
    groups = transfer.layer_groups(model)
    step = make(transfer.discriminative_groups(groups, lr, alpha), **options)
    for t in range(steps):
        if every:
            transfer.gradual_unfreeze(groups, t, every)
        ops.cross_entropy(model(tensor(x)), y).backward()
        step.step()
        step.zero_grad()
        if after:
            after(t + 1)


def accuracy(model, xy):
    return training.evaluate(model, [xy], accuracy=training.accuracy)["accuracy"]


def first_step(model, objective, make, lr, decay):
    """One step of an optimiser with one rate per group; each group's ΔW, flat."""
    groups = transfer.layer_groups(model)
    before = {k: [p.numpy().copy() for p in ps] for k, ps in groups.items()}
    step = make(transfer.discriminative_groups(groups, lr, decay))
    objective(model).backward()
    step.step()
    return [
        np.concatenate([(p.numpy() - a).ravel() for p, a in zip(ps, before[k])])
        for k, ps in groups.items()
    ]


def path(alpha, draw, marks, lr=0.01):
    """One fine-tuning: at the steps `marks` each group's drift, and the training loss.

    Returns (marks, groups + 1). The drift is measured on 60 test images of the new task.
    """
    x, y = data.few_shot(np.random.default_rng(draw), *far()["pool"], 3)
    model, found = prepared(draw, 4), []
    watch = transfer.FeatureDrift(model, far()["test"][0][:60])

    def after(t):
        if t in marks:
            loss = ops.cross_entropy(model(tensor(x)), y).item()
            found.append([*watch().values(), loss])

    tune(model, x, y, optim.SGD, lr, alpha, marks[-1], after=after, momentum=0.9)
    return np.array(found)


def two_weights(alpha, lr=0.1, steps=500):
    """Where SGD from θ = (0, 0) ends on ½(θ1 + θ2 − 1)², at the rates α·lr and lr."""
    slow, top = (tensor(np.zeros(1), requires_grad=True) for _ in range(2))
    step = optim.SGD(
        [{"params": [slow], "lr": alpha * lr}, {"params": [top], "lr": lr}]
    )
    for _ in range(steps):
        (0.5 * (slow + top - 1) ** 2).sum().backward()
        step.step()
        step.zero_grad()
    return slow.item(), top.item()


def quadratics(make, decay, lr, times, curvature, goal):
    """Drift of layers with one weight and one quadratic each: (times, layers)."""
    ws = [tensor(np.zeros(1), requires_grad=True) for _ in goal]
    groups, found = {f"w{i + 1}": [w] for i, w in enumerate(ws)}, []
    step = make(transfer.discriminative_groups(groups, lr, decay))
    for t in range(max(times) + 1):
        if t in times:
            found.append([abs(w.item()) for w in ws])
        losses = (
            0.5 * k * ((w - d) ** 2).sum() for w, k, d in zip(ws, curvature, goal)
        )
        sum(losses).backward()
        step.step()
        step.zero_grad()
    return np.array(found)


@cache
def far():
    """The unseen digits 6 to 9."""
    return task(range(6, 10))


def plan():
    """Every method at every rate of its grid, for each seed of DRAWS."""
    return [
        {"method": method, "lr": lr, "seed": seed}
        for method in METHODS
        for lr in RATES[method]
        for seed in DRAWS
    ]


def run(method, lr, seed):
    """{"valid": error, "test", "source": accuracies}: the digits 6 to 9, SGD, 15 steps.

    A run that has diverged is worth a guess.
    """
    parts, model = far(), prepared(seed, 4)
    x, y = data.few_shot(np.random.default_rng(seed), *parts["pool"], 3)
    with np.errstate(all="ignore"):
        tune(model, x, y, optim.SGD, lr, momentum=0.9, **METHODS[method])
        z = model(tensor(parts["test"][0])).numpy()
        if not np.isfinite(z).all():
            return {"valid": 1 - CHANCE, "test": CHANCE, "source": 1 / 6}
        found = {
            "valid": 1 - accuracy(model, parts["valid"]),
            "test": accuracy(model, parts["test"]),
        }
        model.fc = load_pretrained("resnet_digits6")[0].fc
        return found | {"source": accuracy(model, task(range(6))["test"])}


def chosen(study, method):
    """The runs of a method at its best rate on validation images, all draws."""
    runs = study.where(method=method)
    return runs.where(lr=best(runs.by("lr", "valid")))


def versus(study, method, other, score="test"):
    """The paired difference of two methods, each at its own best rate: text."""
    gap = np.subtract(*(chosen(study, m).values(score) for m in (method, other)))
    mean, half = interval(gap)
    return said(gap, 3, True) + ("" if abs(mean) > half else " (not settled)")


def against_lower_rates(study, method):
    """[(lr, new (draws,), old (draws,))]: is α more than a smaller η0?

    Each rate of the method up to its best, minus full fine-tuning at equal mean
    validation error: its scores are interpolated, draw by draw, between the two rates
    whose errors enclose it. new and old are accuracies on the new and the old task.
    Rates whose error lies outside the range of full fine-tuning are left out.
    """
    full = sorted(up_to_best(study, "full, α = 1").values(), key=_error)
    found = []
    for lr, ours in up_to_best(study, method).items():
        for low, high in itertools.pairwise(full):
            if _error(low) <= _error(ours) <= _error(high):
                found.append((lr, *_beyond(ours, low, high)))
                break
    return found


def _beyond(ours, low, high):
    """Scores of ours minus those between low and high at the same validation error."""
    share = (_error(ours) - _error(low)) / (_error(high) - _error(low))
    for score in ("test", "source"):
        a, b, c = (np.array(runs.values(score)) for runs in (ours, low, high))
        yield a - (1 - share) * b - share * c


def _error(runs):
    return np.mean(runs.values("valid"))


def up_to_best(study, method):
    """{rate: runs} of a method, up to its best rate."""
    top = chosen(study, method)[0]["settings"]["lr"]
    rates = [lr for lr in RATES[method] if lr <= top]
    return {lr: study.where(method=method, lr=lr) for lr in rates}
