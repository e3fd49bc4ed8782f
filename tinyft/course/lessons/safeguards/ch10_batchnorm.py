"""Chapter 10: a base that has not seen the held-out digits, its shifts, the study's runs.

The training digits are cut into three parts: "source" trains the base, "adapt" is what
comes from the target, "valid" chooses rates and weights. The base never sees the last
two, nor "test".
"""

from functools import cache

import numpy as np

from tinyft import data, models, nn, ops, optim, tensor, training, transfer
from tinyft.course.experiment import SEEDS
from tinyft.course.runs import CHOOSING
from tinyft.transfer.norms.batchnorm import norms

SIZES = {"source": 838, "adapt": 300, "valid": 300}
SHIFTS = {
    "none": lambda x, rng: x,
    "contrast": lambda x, rng: 0.3 * x,
    "haze": lambda x, rng: 0.4 * x + 0.5,
    "noise": lambda x, rng: data.shift(x, "noise", rng),
    "translate": lambda x, rng: data.shift(x, "translate"),
    "rotate": lambda x, rng: data.shift(x, "rotate", angle=20.0),
    "invert": lambda x, rng: data.shift(x, "invert"),
}


@cache
def parts():
    """{"source", "adapt", "valid", "test": (images, labels)}, no image in two parts."""
    x, y = data.load_digits("train")
    order = np.random.default_rng(10).permutation(len(x))
    cuts = np.cumsum(list(SIZES.values()))[:-1]
    cut = dict(zip(SIZES, np.split(order, cuts)))
    return {k: (x[i], y[i]) for k, i in cut.items()} | {
        "test": data.load_digits("test")
    }


def target(name, part, seed=0):
    """(images, labels) of a part after the shift `name`; the seed draws its noise."""
    x, y = parts()[part]
    return SHIFTS[name](x, np.random.default_rng(seed)).astype("f4"), y


def digits_net(seed, groups=0):
    """A small ResNet, untrained; `groups` > 0: GroupNorm instead of BatchNorm."""
    model = models.resnet_tiny(np.random.default_rng(seed))
    for path, layer in list(norms(model).items()) if groups else ():
        model.set_submodule(path, nn.GroupNorm(groups, layer.num_features))
    return model


def fit(model, x, y, lr, steps, batch=None, seed=0):
    """SGD with momentum on cross-entropy, in training mode; all images, or `batch`."""
    free = [p for p in model.parameters() if p.requires_grad]
    step, rng = optim.SGD(free, lr, 0.9), np.random.default_rng(seed)
    for _ in range(steps):
        some = rng.choice(len(x), batch, False) if batch else slice(None)
        ops.cross_entropy(model.train()(tensor(x[some])), y[some]).backward()
        step.step()
        step.zero_grad()
    return model


@cache
def _base_state(seed):
    model = fit(digits_net(seed), *parts()["source"], 0.03, 200, 32, seed)
    return {k: v.numpy().copy() for k, v in model.state_dict().items()}


def base(seed=0):
    """The source model of a seed: trained once on "source", a fresh copy each time."""
    model = digits_net(0)
    model.load_state_dict(_base_state(seed))
    return model


def scores(model, images, labels):
    """(accuracy, loss) in evaluation mode, all images in one batch."""
    found = training.evaluate(
        model, [(images, labels)], a=training.accuracy, loss=ops.cross_entropy
    )
    return found["a"], found["loss"]


def accuracy(model, name, part="test", seed=0):
    """On a part of the target `name`."""
    return scores(model, *target(name, part, seed))[0]


def state_bytes(model):
    """All numbers of the model's state, as bytes."""
    return b"".join(a.numpy().tobytes() for a in model.state_dict().values())


def buffers(model):
    """The running means and variances of all layers, one array (count,)."""
    layers = norms(model).values()
    pairs = [(one.running_mean.numpy(), one.running_var.numpy()) for one in layers]
    return np.concatenate([np.ravel(p) for pair in pairs for p in pair])


# --- tinyft study 10 -------------------------------------------------------------------
RATES = (2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2)
LABELS = {  # statistics, what trains
    f"{said}, {what}": (how, what)
    for said, how in (
        ("frozen", "freeze"),
        ("updated", "update"),
        ("recomputed", "recompute"),
    )
    for what in ("γβ only", "all")
} | {"StochNorm, all": ("stochnorm", "all")}
STEPS, PER_CLASS = 22, 3
TENT_RATE, COUNTS = 0.1, (10, 30, 100, 300)  # one rate, several numbers of steps


def plan():
    """The grids of rates, with the seeds of CHOOSING."""
    runs = [
        {"experiment": "tent", "target": name, "method": method}
        for name in ("haze", "noise", "rotate")
        for method in ("TENT", "TENT + diversity")
    ]
    runs += [
        {"experiment": "labels", "target": name, "method": method}
        for name in ("haze", "translate", "rotate")
        for method in LABELS
    ]
    runs += [
        {"experiment": "batch", "method": method, "batch": batch}
        for method in ("BatchNorm", "GroupNorm")
        for batch in (2, 4, 32)
    ]
    more = {"labels": (*RATES, 0.5, 1.0, 2.0)}  # γ and β alone want large rates
    grid = [
        r | {"lr": lr, "seed": seed}
        for seed in CHOOSING
        for r in runs
        for lr in more.get(r["experiment"], RATES)
    ]
    return grid + [
        {"experiment": "steps", "target": "rotate", "method": method, "steps": count,
         "lr": TENT_RATE, "seed": seed}
        for seed in SEEDS
        for method in ("TENT", "TENT + diversity")
        for count in COUNTS
    ]  # fmt: skip


def run(experiment, method, lr, seed, **options):
    """One run: {"valid": loss, "test": accuracy}, both of images nothing has seen.

    A run that diverges has a loss of 99 and the accuracy of a guess.
    """
    name = options.get("target", "none")
    try:
        with np.errstate(all="ignore"):
            model = RUNS[experiment](method, lr, seed, **options)
            loss = scores(model, *target(name, "valid", seed + 50))[1]
            return {"valid": loss, "test": accuracy(model, name)}
    except FloatingPointError:
        return {"valid": 99.0, "test": 0.1}


def by_tent(method, lr, seed, target, steps=30):
    """`steps` batches of 30 unlabelled images; then exact statistics for evaluation."""
    model, x = base(seed), globals()["target"](target, "adapt", seed)[0]
    rng, batches = np.random.default_rng(seed), []
    while len(batches) < steps:
        batches += data.batches(rng, x, x, batch_size=30)
    transfer.tent(model, batches[:steps], lr, diversity=float("diversity" in method))
    transfer.batchnorm(model, "recompute", [x])
    return model


def by_labels(method, lr, seed, target):
    """STEPS on PER_CLASS labelled images per class, all of them in each step."""
    (how, what), model = LABELS[method], base(seed)
    x, y = globals()["target"](target, "adapt", seed)
    model.requires_grad_(what == "all")
    given = [x] if how == "recompute" else None
    transfer.batchnorm(
        model, "update" if how == "stochnorm" else how, given, affine=True
    )
    if how == "stochnorm":
        transfer.stochnorm(model, 0.5, seed)
    return fit(model, *data.few_shot(np.random.default_rng(seed), x, y, PER_CLASS),
               lr, STEPS)  # fmt: skip


def by_batch(method, lr, seed, batch):
    """From scratch on the source, 150 steps of `batch` images."""
    model = digits_net(seed, groups=8 if method == "GroupNorm" else 0)
    return fit(model, *parts()["source"], lr, 150, batch, seed)


RUNS = {"tent": by_tent, "steps": by_tent, "labels": by_labels, "batch": by_batch}
