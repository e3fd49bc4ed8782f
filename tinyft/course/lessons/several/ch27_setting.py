"""Chapter 27: three shifted digit tasks, what is merged, and how it is scored.

    few = labels("inverted", 200, seed)         (x, y), drawn from the training images
    net = tuned("inverted", lr, seed)           the shipped ResNet, fine-tuned on them
    accuracy(net, "old")                        share right on the digits as they were
    merge("sum", taus, 0.5)                     a state, by one of MERGES

The ResNet was trained on the training images as they are; valid (120 images) and test
(239) are cut from those it has never seen (chapter 05), and every task shows the same
images. Valid chooses shares, scales and rates; test judges once.
"""

from functools import cache

import numpy as np

from tinyft import data, models, no_grad, ops, optim, peft, tensor, transfer
from tinyft.course.experiment import loss_on, text_parts, train, windows
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.training.pretrained import load_pretrained

TASKS = ("inverted", "checkerboard", "moved")
SHIFTS = {name: digits.SHIFTS[name] for name in TASKS} | {
    "old": lambda x, y: (x, y),
    "noisy": lambda x, y: (data.shift(x, "noise", np.random.default_rng(5)), y),
}
LABELS, STEPS, RATE = 200, 100, 3e-3
RATES = (1e-3, 3e-3, 1e-2)
SHARES = tuple(round(0.1 * k, 1) for k in range(11))  # alpha
SCALES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0)  # lambda
MERGES = {  # name -> (vectors, seed) -> the vectors whose sum is scaled
    "sum": lambda taus, seed: taus,
    "TIES, global": lambda taus, seed: [transfer.ties(taus, 0.2)],
    "TIES, per tensor": lambda taus, seed: [transfer.ties(taus, 0.2, trim="tensor")],
    "TIES, half kept": lambda taus, seed: [transfer.ties(taus, 0.5)],
    "DARE, p = 0.5": lambda taus, seed: dared(taus, 0.5, seed),
    "DARE, p = 0.9": lambda taus, seed: dared(taus, 0.9, seed),
}


# --- the tasks -------------------------------------------------------------------------


@cache
def _images(split):
    return data.load_digits(split)


@cache
def held_out(task):
    """{"valid": (x, y), "test": (x, y)} of images that the base has never seen."""
    x, y = SHIFTS[task](*_images("test"))
    first = np.arange(len(y)) % 3 == 0
    parts = {"valid": first, "test": ~first}
    return {k: (x[rows].astype("f4"), y[rows]) for k, rows in parts.items()}


def labels(task, count, seed):
    """`count` examples (x, y) of a task, drawn by the seed."""
    x, y = SHIFTS[task](*_images("train"))
    rows = np.random.default_rng(seed).permutation(len(y))[:count]
    return x[rows].astype("f4"), y[rows]


def joint(seed, count=LABELS):
    """The examples of all tasks together."""
    parts = [labels(task, count, seed) for task in TASKS]
    return tuple(np.concatenate(column) for column in zip(*parts))


def base(state=None):
    """A fresh copy of the shipped ResNet, or of its shape with these weights; frozen
    BatchNorm statistics."""
    net = digits.base()
    if state is not None:
        net.load_state_dict(state)
    return net


def tuned(task, lr=RATE, seed=0, steps=STEPS, statistics="freeze"):
    """The base after `steps` of AdamW on LABELS examples, batches of 32; statistics:
    "update" lets BatchNorm's follow the batches."""
    net = base()
    transfer.batchnorm(net, statistics)
    digits.tune(net, labels(task, LABELS, seed), lr, steps, seed)
    return net


def recomputed(net, seed=0, tasks=TASKS):
    """The same net, its BatchNorm statistics from the labelled images of these tasks
    (the labels are not looked at)."""
    x = np.concatenate([labels(task, LABELS, seed)[0] for task in tasks])
    transfer.batchnorm(net, "recompute", [x])
    return net


def accuracy(net, task, part="valid"):
    """Share of right answers."""
    return digits.scores(net, held_out(task)[part])[1]


def over_tasks(net, part="valid", tasks=TASKS):
    """Mean accuracy over the tasks."""
    return float(np.mean([accuracy(net, task, part) for task in tasks]))


def small_net(x, y, steps=150, lr=0.5, dtype=None):
    """64 pixels, 32 hidden units, 10 classes: SGD on all images (n, 64) in each step."""
    net = models.mlp(64, 32, 10, rng=0, dtype=dtype)
    sgd = optim.SGD(net.parameters(), lr=lr)
    for _ in range(steps):
        ops.cross_entropy(net(tensor(x)), y).backward()
        sgd.step()
        sgd.zero_grad()
    return net


def add_lora(net, seed):
    """A LoRA on the first layer of a small net, its factors drawn by the seed."""
    adapter = peft.attach(net, peft.LoRA(r=2, alpha=3), target="0", name=f"lora{seed}")
    for i, p in enumerate(adapter.parameters()):
        draw = np.random.default_rng((seed, i)).normal(size=p.shape)
        p.data = tensor(draw, device=p.device).data
    return adapter


def dared(taus, p, seed):
    """Every vector through DARE, with masks drawn by the seed."""
    rng = np.random.default_rng(seed)
    return [transfer.dare(tau, p, rng) for tau in taus]


def merge(method, taus, scale, seed=0):
    """θ0 + scale · (what the method makes of the vectors), a state."""
    return transfer.add_vectors(base(), MERGES[method](taus, seed), scale)


def ensemble(nets, task, part="test"):
    """Accuracy of the averaged probabilities of several nets."""
    x, y = held_out(task)[part]
    total = 0
    for net in nets:
        with no_grad(), net.evaluating():
            z = net(tensor(x)).numpy()
        e = np.exp(z - z.max(1, keepdims=True))
        total = total + e / e.sum(1, keepdims=True)
    return float(np.mean(total.argmax(1) == y))


# --- language --------------------------------------------------------------------------


@cache
def texts():
    """{"new", "old": {"train", "valid", "test": ids}}: pydoc, and Shakespeare."""
    tokens = load_pretrained("gpt_text")[1]
    names = {"new": "pydoc", "old": "shakespeare"}
    return {k: text_parts(domain, tokens) for k, domain in names.items()}


def gpt(state=None):
    """The shipped GPT, or its shape with these weights."""
    model = load_pretrained("gpt_text")[0]
    if state is not None:
        model.load_state_dict(state)
    return model


def tuned_gpt(lr, seed):
    """The GPT after 100 steps on pydoc, 4 windows of 64 tokens each."""
    model = gpt()
    train(model, windows(texts()["new"]["train"]), lr, STEPS, seed)
    return model


def text_losses(model, part="valid"):
    """(loss on the new text, on the old), nats per token."""
    return tuple(loss_on(model, texts()[k][part]) for k in ("new", "old"))
