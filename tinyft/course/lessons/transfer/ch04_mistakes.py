"""Chapter 04: two mistakes, made on purpose."""

import numpy as np

from tinyft import no_grad, tensor, transfer
from tinyft.course.lessons.transfer.ch04_linear_probe import (
    DRAWS,
    RELATIVE,
    draw,
    parts,
)


def chosen_on_test(stages, per_class, count):
    """(best accuracy on `count` test images over all stages and penalties, the accuracy
    of that choice on the other test images), for each draw."""
    found = []
    y = parts()["test"][1]
    for seed in DRAWS:
        few = np.random.default_rng(seed).permutation(len(y))[:count]
        rest, rows = np.setdiff1d(np.arange(len(y)), few), draw(per_class, seed)
        tried = []
        for view in stages.values():
            Z, labels = view["pool"][rows], parts()["pool"][1][rows]
            for relative in RELATIVE:
                probe = transfer.linear_probe(Z, labels, relative * transfer.spread(Z))
                right = probe.predict(view["test"]) == y
                tried.append((right[few].mean(), right[rest].mean()))
        found.append(max(tried, key=lambda pair: pair[0]))
    return np.transpose(found)


def in_training_mode(model, x, batch):
    """What `fc` reads, (n, d), with BatchNorm in training mode: a mistake."""
    model.train()
    with no_grad():
        starts = range(0, len(x), batch)
        found = [model.features(tensor(x[i : i + batch])).numpy() for i in starts]
    return np.concatenate(found)


def moved(model, base):
    """How many arrays of the base's state differ in `model`."""
    old = base.state_dict()
    new = model.state_dict().items()
    return sum((p.numpy() != old[name].numpy()).any() for name, p in new)
