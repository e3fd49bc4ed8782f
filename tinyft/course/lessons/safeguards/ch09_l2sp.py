"""Chapter 09: a base trained on the digits 0 to 5, a near and a far task, the study.

The training digits are cut into "source" (trains the base), "target" (labelled images of
the new task are drawn from it) and "valid" (chooses rates and strengths). The base has
seen neither of the last two, nor "test".
"""

from functools import cache

import numpy as np

from tinyft import data, models, nn, ops, optim, tensor, training, transfer
from tinyft.course.experiment import SEEDS, interval
from tinyft.course.runs import CHOOSING

OLD, NEW = range(6), range(6, 10)
CUTS = (750, 1100)  # of the 1438 training digits, after shuffling
HEAD_PULL = 0.005  # μ of a new head, in every run of the far task
STEPS = 40


@cache
def _images():
    x, y = data.load_digits("train")
    order = np.random.default_rng(9).permutation(len(x))
    cut = dict(zip(("source", "target", "valid"), np.split(order, CUTS)))
    return {k: (x[i], y[i]) for k, i in cut.items()} | {
        "test": data.load_digits("test")
    }


def digits(part, classes=OLD, angle=0.0):
    """(images, labels from 0) of a part, turned by `angle` degrees."""
    x, y = _images()[part]
    keep = np.isin(y, list(classes))
    x = data.shift(x[keep], "rotate", angle=angle) if angle else x[keep]
    return x.astype("f4"), y[keep] - min(classes)


def task(name, part):
    """near: the old digits, turned by 30°. far: the digits 6 to 9, with a new head."""
    return digits(part, NEW) if name == "far" else digits(part, OLD, 30.0)


@cache
def _base_state(seed):
    model, (x, y) = net(seed), digits("source")
    rng, step = np.random.default_rng(seed), optim.SGD(model.parameters(), 0.03, 0.9)
    for _ in range(200):
        some = rng.choice(len(x), 32, False)
        ops.cross_entropy(model.train()(tensor(x[some])), y[some]).backward()
        step.step()
        step.zero_grad()
    return {k: v.numpy().copy() for k, v in model.state_dict().items()}


def net(seed=0):
    """A small ResNet for six classes, untrained."""
    return models.resnet_tiny(np.random.default_rng(seed), classes=len(OLD))


def base(seed=0):
    """The source model of a seed, BatchNorm frozen: a fresh copy each time."""
    model = net()
    model.load_state_dict(_base_state(seed))
    transfer.batchnorm(model, "freeze")  # no penalty on θ holds running statistics
    return model


def accuracy(model, xy):
    return training.evaluate(model, [xy], a=training.accuracy)["a"]


def draw(name, per_class, seed):
    """The labelled images of a run: the seed decides, whatever the method."""
    return data.few_shot(np.random.default_rng(seed), *task(name, "target"), per_class)


def fine_tune(model, x, y, lr, penalty=None, decay=0.0, steps=STEPS):
    """SGD with momentum, all images in each step; `penalty()` joins the loss."""
    step, x = optim.SGD(model.parameters(), lr, 0.9, weight_decay=decay), tensor(x)
    for _ in range(steps):
        loss = ops.cross_entropy(model(x), y)
        (loss + penalty() if penalty else loss).backward()
        step.step()
        step.zero_grad()


def descend(objective, start, lr, steps=600):
    """Plain SGD from `start` on objective(θ), a scalar Tensor; returns θ, an array."""
    theta = tensor(start, requires_grad=True)
    step = optim.SGD([theta], lr=lr)
    for _ in range(steps):
        objective(theta).backward()
        step.step()
        step.zero_grad()
    return theta.numpy()


# --- tinyft study 09 -------------------------------------------------------------------
RATES = (5e-5, 2e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1)
TASKS = {"near, 1 label": ("near", 1), "near, 3 labels": ("near", 3),
         "far, 3 labels": ("far", 3), "near, 20 labels": ("near", 20)}  # fmt: skip
STRENGTHS = {  # of each method; the best is chosen on validation data
    "plain": (0.0,),
    "L2-SP": (0.03, 0.1, 0.3, 1.0, 3.0),
    "EWC": (10.0, 100.0, 1000.0),
    "decay to 0": (0.003, 0.03, 0.1, 0.3),
    "head only": (0.0,),
}
RACE = [
    name for name in TASKS if "20" not in name
]  # every method; else plain and L2-SP
HOLD, WEAK, EQUAL = 0.1, (0.003, 0.03), (0.003, 0.01, 0.03)  # λ, decays, rates
DIVERGED = 99.0  # the distance of such a run
BOTH = (0.001, *EQUAL, 0.1)  # rates of plain and L2-SP, compared at one rate


def plan():
    """Every task, method and strength at every rate, with the seeds of CHOOSING."""
    methods = [(name, *pair) for name in RACE for pair in _pairs(STRENGTHS)]
    methods += [(name, "L2-SP + decay", w) for name in RACE for w in WEAK]
    few = {"plain": (0.0,), "L2-SP": (0.1, 0.3)}
    methods += [(name, *p) for name in TASKS if name not in RACE for p in _pairs(few)]
    grid = [_one(*m, lr, seed) for seed in CHOOSING for m in methods for lr in RATES]
    return grid + at_equal_rates()


def _pairs(strengths):
    return [(method, s) for method, each in strengths.items() for s in each]


def _one(task, method, strength, lr, seed):
    return {
        "task": task, "method": method, "strength": strength, "lr": lr, "seed": seed
    }  # fmt: skip


def at_equal_rates():
    """The other seeds for plain, L2-SP and decay at one rate."""
    held = [("plain", 0.0), ("L2-SP", HOLD)]
    decayed = [("decay to 0", WEAK[1]), ("L2-SP + decay", WEAK[1])]
    pairs = [(m, lr) for m in held for lr in BOTH]
    pairs += [(m, lr) for m in decayed for lr in EQUAL]
    rest = SEEDS[len(CHOOSING) :]
    return [_one(name, *m, lr, s) for name in RACE for m, lr in pairs for s in rest]


@cache
def fisher(seed):
    """The true Fisher diagonal of the base on 60 images of its source."""
    x, y = digits("source")
    return transfer.fisher_diagonal(base(seed), [(x[:60], y[:60])])


def run(task, method, strength, lr, seed):
    """{"valid": loss, "test" and "source": accuracies, "distance": |θ − θ0|}."""
    try:
        with np.errstate(all="ignore"):
            return _run(task, method, strength, lr, seed)
    except FloatingPointError:  # diverged: a guess
        return {"valid": 99.0, "test": 0.1, "source": 0.1, "distance": DIVERGED}


def _run(name, method, strength, lr, seed):
    where, per_class = TASKS[name]
    (x, y), model = draw(where, per_class, seed), base(seed)
    old_head, options = model.fc, {}
    if where == "far":
        model.fc = nn.Linear(64, len(NEW), rng=np.random.default_rng(seed))
        options = {"head": "fc", "head_strength": HEAD_PULL}
    if method == "EWC":
        options["importance"] = {
            k: F for k, F in fisher(seed).items() if "fc" not in k or where == "near"
        }
    lam = {"L2-SP": strength, "EWC": strength, "L2-SP + decay": HOLD}.get(method, 0.0)
    sp = transfer.L2SP(model, lam, **options)
    if method == "head only":
        fine_tune(model.fc, model.features(tensor(x)).data, y, lr, steps=5 * STEPS)
    else:
        decay = strength if "decay" in method else 0.0
        fine_tune(model, x, y, lr, sp.penalty if lam or not decay else None, decay)
    valid = training.evaluate(model, [task(where, "valid")], loss=ops.cross_entropy)
    test = accuracy(model, task(where, "test"))
    model.fc = old_head
    source = accuracy(model, digits("test"))
    return {"valid": valid["loss"], "test": test, "source": source,
            "distance": sp.distance()}  # fmt: skip


# --- reading the study ---------------------------------------------------------------


def chosen(study, name):
    """{method: its five runs at the strength and rate of least validation loss}."""
    found = {}
    for method, strengths in STRENGTHS.items():
        tried = [study.where(task=name, method=method, strength=s).at_best_rate()
                 for s in strengths]  # fmt: skip
        losses = [
            np.mean(
                [r["scores"]["valid"] for r in one if r["settings"]["seed"] in CHOOSING]
            )
            for one in tried
        ]
        found[method] = tried[int(np.argmin(losses))]
    return found


def points(values, other):
    """Paired difference in points of accuracy, with its 95 % interval, and a verdict."""
    if list(values) == list(other):
        return "no run differs"
    mean, half = interval(100 * np.subtract(values, other))
    return f"{mean:+.1f} ± {half:.1f}" + ("" if abs(mean) > half else ", not settled")


def differences(study, name, pairs, lr=None):
    """[new task, old task] for each pair ((method, strength), (method, strength)).

    lr: one rate for all; None: each at its own best.
    """

    def scores(method, strength):
        found = study.where(task=name, method=method, strength=strength)
        return found.at_best_rate() if lr is None else found.where(lr=lr)

    return [
        points(scores(*one).values(score), scores(*other).values(score))
        for one, other in pairs
        for score in ("test", "source")
    ]
