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
from tinyft.course.experiment import train
from tinyft.course.runs import CHOOSING
from tinyft.transfer.l2sp import closed_form

METHODS = ("L2-SP", "flat", "1 − s", "1 − s/max", "reversed")
ASIDE = ("τ = sd", "all labels")  # two questions beside the main one, at RATE only
STRENGTHS = (3e-3, 2e-2, 0.05, 0.1, 0.6)  # λ: next to nothing to hardly any movement
RATES, RATE = (1e-3, 3e-3, 1e-2, 3e-2, 0.1), 1e-2  # RATE: one for every method
FASTER = (3e-2, 0.1)  # for L2-SP besides: perhaps RATE is too small for it
TEN = range(10)  # the seeds at RATE
WIDER = {"L2-SP": (0.3, 1.0), "1 − s/max": (0.3,)}  # where 0.1 was the edge
LABELS, STEPS, FEATURES = 50, 200, 16


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


def known_relevances(seed, bins=4):
    """s_k from all 1,438 turned training digits and their labels: hardly any noise."""
    x, y = turned("train")
    return transfer.relevance(features(base(seed), x), y, bins)


def spread(seed):
    """The standard deviation of each feature of the base over the 50 images, (16,)."""
    return features(base(seed), task(seed)["train"][0]).std(axis=0)


def scores_of(method, seed):
    """What WeightedKL gets as `scores`: the weight is 1 minus it."""
    if method in ("flat", "τ = sd"):
        return np.zeros(FEATURES)
    if method == "all labels":
        return stretched(known_relevances(seed))
    s = relevances(seed)
    return {"1 − s": s, "1 − s/max": stretched(s), "reversed": 1 - s}[method]


def stretched(s):
    """s / max s, at most 0.99: the most telling feature is nearly free."""
    return np.minimum(s / s.max(), 0.99)


def penalty_of(method, strength, net, seed):
    """(x, z) → Ω for the net as it is now; the mean of λ(1 − s_k) over features is λ."""
    if method in ("none", "frozen"):
        return lambda x, z: 0.0
    if method == "L2-SP":
        omega = transfer.L2SP(net.encoder, strength)
        return lambda x, z: omega.penalty()
    s, sd = scores_of(method, seed), spread(seed) if method == "τ = sd" else 1.0
    omega = transfer.WeightedKL(net.encoder, strength / np.mean(1 - s), s, sd)
    return lambda x, z: omega.penalty(z, x)


def fine_tune(method, strength, lr, seed):
    """The base with a new head of two classes, trained on the 50 examples."""
    net = copy.deepcopy(base(seed))
    net.head = nn.Linear(FEATURES, 2, rng=seed)
    net.encoder.requires_grad_(method != "frozen")
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


def weights_held(X, y, W0, readout, left):
    """L2-SP's encoder W (d, in) of z = W x that leaves the share `left` of the loss.

    It minimises |X Wᵀa − y|²/2n + λ|W − W0|²; the λ is found by halving, 0 < left < 1.
    """
    b0, size = W0.T @ readout, readout @ readout
    low, high = 1e-9, 1e9
    for _ in range(100):
        lam = (low * high) ** 0.5
        move = closed_form(X, y, b0, lam / size) - b0
        share = np.sum((X @ (b0 + move) - y) ** 2) / np.sum((X @ b0 - y) ** 2)
        low, high = (lam, high) if share < left else (low, lam)
    return W0 + np.outer(readout, move) / size


def movement(net, seed):
    """mean (z_k − z0_k)² of every feature over upright digits, (16,)."""
    x = data.load_digits("test", flat=True)[0]
    return ((features(net, x) - features(base(seed), x)) ** 2).mean(axis=0)


def old_accuracy(net, seed, head=None):
    """The ten digits, upright: the tuned encoder under the base's own head, or `head`."""
    old = copy.copy(net)
    old.head = head or base(seed).head
    return accuracy(old, *data.load_digits("test", flat=True))


def scores(net, seed):
    """{"valid": loss, "target", "source": accuracy, "moved", "follows"} of a tuned net.

    moved: √ Σ_k mean (z_k − z0_k)² over upright digits.  follows: the correlation of the
    16 movements with the scores; a frozen encoder has none.
    """
    parts, away = task(seed), movement(net, seed)
    with no_grad():
        valid = cross_entropy(net, *map(tensor, parts["valid"])).item()
    found = {
        "valid": valid,
        "target": accuracy(net, *parts["test"]),
        "source": old_accuracy(net, seed),
        "moved": np.sqrt(away.sum()),
    }
    if away.any():
        found["follows"] = np.corrcoef(away, relevances(seed))[0, 1]
    return found


# --- tinyft study 11 -------------------------------------------------------------------
def plan():
    """Every method and λ: a grid of rates with two seeds, ten seeds at RATE (FASTER)."""
    arms = [("none", 0.0), ("frozen", 0.0)]
    arms += [(m, lam) for m in METHODS for lam in STRENGTHS]
    grid = [
        _settings(m, lam, lr, seed)
        for seed in CHOOSING
        for m, lam in arms
        for lr in RATES + WIDER.get(m, ())
    ]
    arms += [(m, lam) for m in ASIDE for lam in STRENGTHS]
    ten = [_settings(m, lam, RATE, seed) for seed in TEN for m, lam in arms]
    ten += [
        _settings("L2-SP", lam, lr, seed)
        for seed in TEN
        for lam in STRENGTHS
        for lr in FASTER
    ]
    return grid + [one for one in ten if one not in grid]


def _settings(method, strength, lr, seed):
    return {"method": method, "strength": strength, "lr": lr, "seed": seed}


def run(method, strength, lr, seed):
    """One fine-tuning run."""
    return scores(fine_tune(method, strength, lr, seed), seed)
