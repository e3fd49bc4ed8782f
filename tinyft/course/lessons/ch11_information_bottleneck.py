"""Chapter 11: a digit classifier with 16 features, its new task, and `tinyft study 11`.

base(seed)                     a net trained on digits, never changed
task(seed)                     odd or even, on digits turned by 30°: 50 labels
fine_tune(method, strength, lr, seed)   (net, omega or None)
scores(net, seed)              what the study keeps
"""

import copy
from functools import cache

import numpy as np

from tinyft import data, models, nn, no_grad, ops, tensor, transfer
from tinyft.course.experiment import SEEDS, interval, train
from tinyft.course.plot import COLOURS, DASHES, MARKS, show
from tinyft.course.runs import CHOOSING

METHODS = ("L2-SP", "flat", "1 − s", "1 − s/max", "reversed")
STRENGTHS = (3e-3, 2e-2, 0.1, 0.6)  # λ: from next to nothing to hardly any movement
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1)
LABELS, STEPS, FEATURES = 50, 200, 16
OLD = 0.88  # the old accuracy at which methods are compared


class Net(nn.Module):
    """64 pixels → encoder → 16 features z → ReLU → head → logits."""

    def __init__(self, classes, rng):
        rng = nn.init.generator(rng)
        self.encoder = models.mlp(64, 64, FEATURES, rng=rng)
        self.head = nn.Linear(FEATURES, classes, rng=rng)

    def forward(self, x):
        return self.head(ops.relu(self.encoder(x)))


def cross_entropy(net, x, y):
    """The mean cross-entropy of the logits."""
    return ops.cross_entropy(net(x), y)


def flat(x):
    """Images (N, 1, 8, 8) as rows (N, 64)."""
    return x.reshape(len(x), -1)


def batches(x, y, size=32):
    """rng → endless batches, drawn with replacement."""

    def endless(rng):
        while True:
            rows = rng.choice(len(x), size)
            yield x[rows], y[rows]

    return endless


@cache
def base(seed):
    """The net that has learned the ten digits; copy it before you train it."""
    x, y = data.load_digits("train", flat=True)
    net = Net(10, seed)
    train(net, batches(x, y), 3e-3, 400, seed, cross_entropy)
    return net


def turned(split):
    """Digits turned by 30°, and whether they are odd."""
    x, y = data.load_digits(split)
    return flat(data.shift(x, "rotate", angle=30.0)), y % 2


@cache
def task(seed):
    """{"train": 50 examples, "valid": 400, "test": 359}, each (x, y)."""
    x, y = turned("train")
    order = np.random.default_rng(100 + seed).permutation(len(x))
    parts = {"train": order[:LABELS], "valid": order[LABELS : LABELS + 400]}
    return {k: (x[i], y[i]) for k, i in parts.items()} | {"test": turned("test")}


def flat_state(module):
    """All numbers of a module as one host array."""
    return np.concatenate([v.numpy().ravel() for v in module.state_dict().values()])


def features(net, x):
    """The features of rows x, a host array (n, 16)."""
    with no_grad():
        return net.encoder(tensor(x)).numpy()


def relevances(seed, bins=4):
    """s_k of the base's features for the new labels, from the 50 labelled examples."""
    x, y = task(seed)["train"]
    return transfer.relevance(features(base(seed), x), y, bins)


def scores_of(method, s):
    """What WeightedKL gets as `scores`: the weight is 1 minus it."""
    used = {
        "flat": 0 * s,
        "1 − s": s,
        "1 − s/max": np.minimum(s / s.max(), 0.99),
        "reversed": 1 - s,
    }
    return used[method]


def penalty_of(method, strength, net, seed):
    """(x, z) → Ω for the net as it is now; the mean weight of the features is λ."""
    if method == "none":
        return lambda x, z: 0.0
    if method == "L2-SP":
        omega = transfer.L2SP(net.encoder, strength)
        return lambda x, z: omega.penalty()
    s = scores_of(method, relevances(seed))
    omega = transfer.WeightedKL(net.encoder, strength / np.mean(1 - s), s)
    return lambda x, z: omega.penalty(z, x)


def fine_tune(method, strength, lr, seed):
    """The base with a new head of two classes, trained on the 50 examples."""
    net = copy.deepcopy(base(seed))
    net.head = nn.Linear(FEATURES, 2, rng=seed)
    penalty = penalty_of(method, strength, net, seed)

    def loss(net, x, y):
        z = net.encoder(x)
        return ops.cross_entropy(net.head(ops.relu(z)), y) + penalty(x, z)

    train(net, batches(*task(seed)["train"]), lr, STEPS, seed, loss)
    return net


def accuracy(net, x, y):
    """The share of rows x whose largest logit is that of y."""
    with no_grad():
        return float((net(tensor(x)).numpy().argmax(1) == y).mean())


def movement(net, seed):
    """mean (z_k − z0_k)² of every feature over upright digits, (16,)."""
    x = data.load_digits("test", flat=True)[0]
    return ((features(net, x) - features(base(seed), x)) ** 2).mean(axis=0)


def old_accuracy(net, seed):
    """The ten digits, upright: the tuned encoder under the base's own head."""
    old = copy.copy(net)
    old.head = base(seed).head
    return accuracy(old, *data.load_digits("test", flat=True))


def scores(net, seed):
    """{"valid": loss, "target", "source": accuracy, "moved", "follows"} of a tuned net."""
    parts, away = task(seed), movement(net, seed)
    with no_grad():
        valid = cross_entropy(net, *map(tensor, parts["valid"])).item()
    return {
        "valid": valid,
        "target": accuracy(net, *parts["test"]),
        "source": old_accuracy(net, seed),
        "moved": np.sqrt(away.sum()),
        "follows": np.corrcoef(away, relevances(seed))[0, 1],
    }


# --- tinyft study 11 -------------------------------------------------------------------
def plan():
    """Every method and strength on a grid of rates, two seeds each."""
    arms = [("none", 0.0)]
    arms += [(m, lam) for m in METHODS for lam in STRENGTHS]
    return [
        {"method": m, "strength": lam, "lr": lr, "seed": seed}
        for seed in CHOOSING
        for m, lam in arms
        for lr in RATES + ((0.3,) if m == "1 − s/max" else ())  # its grid's edge
    ]


def run(method, strength, lr, seed):
    """One fine-tuning run."""
    return scores(fine_tune(method, strength, lr, seed), seed)


# --- reading the study -----------------------------------------------------------------
def best_runs(study, method):
    """{strength: its runs at the best rate} of a method."""
    arms = study.where(method=method)
    found = sorted({run["settings"]["strength"] for run in arms})
    return {lam: arms.where(strength=lam).at_best_rate() for lam in found}


def at_equal(study, method, score, by, value):
    """A score of every seed, where the method's `by` has that value, interpolated.

    by: "moved" or "source", which λ changes. NaN where no λ of the study reaches it.
    """
    arms = best_runs(study, method).values()
    xs, ys = (np.array([arm.values(k) for arm in arms]).T for k in (by, score))
    orders = np.argsort(xs, axis=1)
    return [
        np.interp(value, x[i], y[i], left=np.nan, right=np.nan)
        for x, y, i in zip(xs, ys, orders)
    ]


def verdict(difference):
    """Paired differences in words: their interval, and whether it excludes 0."""
    missing = int(np.isnan(difference).sum())
    if missing:
        return f"not reached by {missing} of {len(difference)} seeds"
    mean, half = interval(difference)
    text = f"{100 * mean:+.1f} ± {100 * half:.1f} points"
    return f"{text} ({'settled' if abs(mean) > half else 'not settled'} by five seeds)"


def paired(study, one, other, value=OLD):
    """New accuracy of one method minus another's, at equal old accuracy, by seed."""
    a, b = (at_equal(study, m, "target", "source", value) for m in (one, other))
    return np.subtract(a, b)


def conclusion(study):
    """What the table of differences says, in words."""
    held, weighed, stretched = (
        verdict(paired(study, *pair))
        for pair in (("flat", "L2-SP"), ("1 − s", "flat"), ("1 − s/max", "flat"))
    )
    s = np.mean([relevances(seed) for seed in SEEDS])
    return (
        f"**Read it so.** At an old accuracy of {OLD:.0%}, holding features instead of "
        f"weights changes the new accuracy by {held}; weighing them by relevance, by "
        f"{weighed}; with stretched scores: {stretched}. (A method that does not reach "
        "that old accuracy holds too little at every λ of the study.) The scores do steer "
        "*which* features move, as the correlations show and section 4 says they must. But "
        f"their mean is only {s:.2f}, so the weights 1 − s are nearly alike; perhaps that "
        "is why their effect on accuracy is so small."
    )


def advice(study):
    """Rows (what, start with, measured) of "What to set"."""
    far = best_runs(study, "flat")
    old = ", ".join(
        f"{np.mean(a.values('source')):.2f} at λ = {k:g}" for k, a in far.items()
    )
    new = ", ".join(f"{np.mean(a.values('target')):.2f}" for a in far.values())
    rates = ", ".join(f"{a[0]['settings']['lr']:g}" for a in far.values())
    held = verdict(paired(study, "flat", "L2-SP"))
    last = list(far)[-1]
    none = best_runs(study, "none")[0.0].values("target")
    gain = "flat minus none " + verdict(np.subtract(far[last].values("target"), none))
    weighed = verdict(paired(study, "1 − s", "flat"))
    return [
        ["penalty", "on features, flat", f"minus L2-SP, at equal old accuracy: {held}"],
        ["weights 1 − s", "leave them out", f"minus flat: {weighed}"],
        [
            "strength λ",
            f"{list(far)[2]:g}, τ = 1; then a grid",
            f"flat: old {old}; new {new}",
        ],
        [
            "learning rate",
            "find it again for each λ",
            f"flat, best for each λ: {rates}",
        ],
        ["bins", "4 with 50 examples", "figure 1: more bins, more excess; by custom"],
        ["τ", "1; it only scales λ by 1/τ²", "equation (11.4)"],
        [
            "if the old task does not matter",
            "compare with no penalty",
            f"λ = {last:g}: {gain}",
        ],
        [
            "cost",
            "one more forward pass of the encoder per step",
            f"and a copy of it: {encoder_size():,} numbers of the net's {net_size():,}",
        ],
    ]


def encoder_size():
    """Parameters of the encoder."""
    return base(0).encoder.count()


def net_size():
    """Parameters of the net."""
    return base(0).count()


# --- pictures --------------------------------------------------------------------------
def draw_movement(groups, s, caption):
    """Points (s_k, movement of feature k) of {name: movement (16,)}."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.6))
    text = []
    for (name, away), mark, colour in zip(groups.items(), MARKS, COLOURS.values()):
        ax.plot(s, away, mark, color=colour, label=name)
        text.append(f"{name}: correlation {np.corrcoef(s, away)[0, 1]:+.2f}")
    ax.set(xlabel="relevance s of the feature", ylabel="mean (z − z0)²", yscale="log")
    ax.legend(fontsize=9)
    show(
        fig,
        f"Movement of each feature against s. {'; '.join(text)}. {caption}",
        caption,
    )


def draw_trade(study, methods, caption):
    """New accuracy against old accuracy, a line per method through its strengths."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.8))
    text = []
    for i, name in enumerate(methods):
        arms = best_runs(study, name).values()
        x, y = ([np.mean(arm.values(k)) for arm in arms] for k in ("source", "target"))
        look = {"color": list(COLOURS.values())[i], "linestyle": DASHES[i]}
        ax.plot(x, y, marker=MARKS[i], label=name, **look)
        ends = f"({x[0]:.2f}, {y[0]:.2f}) to ({x[-1]:.2f}, {y[-1]:.2f})"
        text.append(f"{name} from {ends}")
    ax.set(xlabel="accuracy on the old task", ylabel="accuracy on the new task")
    ax.legend(fontsize=9)
    show(fig, f"New against old accuracy: {'; '.join(text)}. {caption}", caption)
