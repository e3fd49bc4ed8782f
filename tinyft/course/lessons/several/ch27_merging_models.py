"""Chapter 27's study: paths, merges of three tasks, soups, strangers, a language model.

`tinyft study 27` makes the runs. Most have all seeds at every rate, since they are short.
"""

import numpy as np

from tinyft import transfer
from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.several.ch27_setting import (
    LABELS,
    MERGES,
    RATE,
    RATES,
    SCALES,
    SHARES,
    STEPS,
    TASKS,
    accuracy,
    base,
    ensemble,
    gpt,
    held_out,
    joint,
    labels,
    merge,
    over_tasks,
    recomputed,
    text_losses,
    tuned,
    tuned_gpt,
)
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.runs import CHOOSING

SOUP_RATES = (1e-3, 1e-3, 2e-3, 2e-3, 3e-3, 3e-3)
PREFIXES = (0, 20, 50)
LOW = 3e-4  # for the paths, where small rates compete
PLAIN = ("sum", "TIES, half kept")  # judged without new statistics too


def plan():
    """Short runs with all seeds; the two whose rate is chosen first, by two of them."""
    runs = [
        {"experiment": "path", "task": task, "lr": lr}
        for task in TASKS
        for lr in (LOW, *RATES)
    ]
    runs += [{"experiment": "merge", "lr": lr} for lr in RATES[:2]]
    runs += [{"experiment": "soup", "lr": max(SOUP_RATES)}]
    runs += [{"experiment": "prefix", "prefix": k, "lr": RATE} for k in PREFIXES]
    runs += [{"experiment": "scratch", "lr": RATE}]
    chosen = [{"experiment": e, "lr": lr} for e in ("text", "joint") for lr in RATES]
    return [run | {"seed": seed} for run in runs for seed in SEEDS] + [
        run | {"seed": seed} for run in chosen for seed in CHOOSING
    ]


def run(experiment, lr, seed, **options):
    """One run's scores; "valid" is the loss by which a rate is chosen."""
    return RUNS[experiment](lr=lr, seed=seed, **options)


def along_path(task, lr, seed):
    """Fine-tune, then the accuracy on both kinds of digits at every share."""
    net = tuned(task, lr, seed)
    found = {"valid": digits.scores(net, held_out(task)["valid"])[0]}
    for share in SHARES:
        at = base(transfer.interpolate(base(), net, share))
        for part in ("valid", "test"):
            found[f"new {part} {share}"] = accuracy(at, task, part)
            found[f"old {part} {share}"] = accuracy(at, "old", part)
    return found


def merged(lr, seed):
    """Every merge at every scale, plain and recomputed: valid and test."""
    nets = [tuned(task, lr, seed) for task in TASKS]
    taus = [transfer.task_vector(net, base()) for net in nets]
    own = [digits.scores(n, held_out(t)["valid"])[0] for n, t in zip(nets, TASKS)]
    found = {"valid": float(np.mean(own))}
    found["own test"] = float(
        np.mean([accuracy(n, t, "test") for n, t in zip(nets, TASKS)])
    )
    pairs = [(0, 1), (0, 2), (1, 2)]
    found |= {f"cos {i} {j}": transfer.similarity(taus[i], taus[j]) for i, j in pairs}
    for method in MERGES if lr == RATE else PLAIN:
        for scale in SCALES:
            net = base(merge(method, taus, scale, seed))
            found |= _both(f"{method}, plain", scale, net) if method in PLAIN else {}
            found |= _both(method, scale, recomputed(net, seed))
    return found


def _both(name, scale, net):
    parts = ("valid", "test")
    return {f"{name} | {scale} | {part}": over_tasks(net, part) for part in parts}


def jointly(lr, seed):
    """One net fine-tuned on all tasks, three times the steps: the reference."""
    net = base()
    digits.tune(net, joint(seed), lr, len(TASKS) * STEPS, seed)
    losses = [digits.scores(net, held_out(task)["valid"])[0] for task in TASKS]
    return {"valid": float(np.mean(losses)), "test": over_tasks(net, "test")}


def soups(lr, seed):
    """Six fine-tunings on one set of noisy digits, and what is made of them."""
    few = labels("noisy", LABELS, seed)
    nets = [_from(base().state_dict(), few, r, 60, 10 * seed + i)
            for i, r in enumerate(SOUP_RATES)]  # fmt: skip
    return judged(nets, "noisy") | {"base": accuracy(base(), "noisy", "test")}


def branched(lr, seed, prefix, task="moved"):
    """Fine-tune for `prefix` common steps, then four times on: does the soup hold?"""
    few, net = labels(task, LABELS, seed), base()
    if prefix:
        digits.tune(net, few, lr, prefix, 100 + seed)
    nets = [_from(net.state_dict(), few, lr, 50, 10 * seed + i) for i in range(4)]
    return judged(nets, task)


def _from(state, few, lr, steps, seed):
    net = base(state)
    digits.tune(net, few, lr, steps, seed)
    return net


def judged(nets, task):
    """Test accuracies: the mean net, the best on valid, soups, the ensemble."""
    each = [accuracy(net, task) for net in nets]
    test = [accuracy(net, task, "test") for net in nets]
    greedy, members = transfer.greedy_soup(nets, lambda s: accuracy(base(s), task))
    losses = [digits.scores(net, held_out(task)["valid"])[0] for net in nets]
    return {
        "valid": float(np.mean(losses)),
        "mean single": float(np.mean(test)),
        "best on valid": test[int(np.argmax(each))],
        "uniform soup": accuracy(base(transfer.soup(nets)), task, "test"),
        "greedy soup": accuracy(base(greedy), task, "test"),
        "members": len(members),
        "ensemble": ensemble(nets, task),
    }


def strangers(lr, seed):
    """Two nets trained from other random weights, and two from one base: half way."""
    pairs = {
        "scratch": [_scratch(2 * seed + i, lr) for i in (1, 2)],
        "base": [_from(base().state_dict(), labels("old", 600, 2 * seed + i), lr, STEPS, i)
                 for i in (1, 2)],
    }  # fmt: skip
    found = {"valid": 0.0}
    for name, (one, two) in pairs.items():
        found[f"{name}, ends"] = np.mean(
            [accuracy(n, "old", "test") for n in (one, two)]
        )
        net = base(transfer.interpolate(one, two, 0.5))
        found[f"{name}, half way"] = accuracy(net, "old", "test")
        recomputed(net, seed, ("old",))
        found[f"{name}, half way, recomputed"] = accuracy(net, "old", "test")
    return {k: float(v) for k, v in found.items()}


def _scratch(seed, lr):
    net = digits.untrained(seed)
    digits.tune(net, labels("old", 600, seed), lr, STEPS, seed)
    return net


def text_path(lr, seed):
    """Fine-tune the GPT on new text; both losses at every share."""
    model = tuned_gpt(lr, seed)
    found = {"valid": text_losses(model)[0]}
    for share in SHARES[::2]:
        at = gpt(transfer.interpolate(gpt(), model, share))
        for part in ("valid", "test"):
            new, old = text_losses(at, part)
            found |= {f"new {part} {share}": new, f"old {part} {share}": old}
    return found


RUNS = {"path": along_path, "merge": merged, "joint": jointly, "soup": soups,
        "prefix": branched, "scratch": strangers, "text": text_path}  # fmt: skip
