"""Chapter 04: choose the layer and the penalty with the fitted labels alone; two mistakes.

Cross-validation: fit without one fold, predict it, for each fold in turn; choose what
predicts best; fit that on all.
"""

import numpy as np

from tinyft import no_grad, tensor, transfer
from tinyft.course.lessons.transfer import ch04_linear_probe as lesson
from tinyft.course.lessons.transfer.ch04_linear_probe import (
    DRAWS,
    RELATIVE,
    draw,
    parts,
)
from tinyft.evaluation import student
from tinyft.training.metrics import accuracy, evaluate


def on_folds(Z, y, relative, folds=5):
    """Accuracy over all rows, each predicted by the probe of the other folds.

    Row i is in fold i modulo `folds`: with rows sorted by class and as many per class as
    folds, one of each class.
    """
    fold, got = np.arange(len(y)) % folds, np.empty(len(y), int)
    for k in range(folds):
        out = fold == k
        scale = transfer.spread(Z[~out])
        got[out] = transfer.linear_probe(Z[~out], y[~out], relative * scale).predict(
            Z[out]
        )
    return np.mean(got == y)


def cross_validated(stages, per_class=5):
    """(test accuracies (10,), names of the stages chosen): a draw of labels each."""
    found = [_choose(stages, lesson.draw(per_class, seed)) for seed in lesson.DRAWS]
    right = [_test(stages[name], rows, relative) for name, relative, rows in found]
    return np.array(right), [name for name, *_ in found]


def _choose(stages, rows):
    y, tried = lesson.parts()["pool"][1][rows], []
    for name, view in stages.items():
        Z = view["pool"][rows]
        Z = Z @ np.linalg.qr(Z.T)[0]  # the same probes in at most 20 dimensions
        tried += [(on_folds(Z, y, r), name, r) for r in lesson.RELATIVE]
    return (*max(tried, key=lambda one: one[0])[1:], rows)  # of equal ones the first


def _test(view, rows, relative):
    probe = lesson.fitted(view, rows, relative)
    return probe.accuracy(view["test"], lesson.parts()["test"][1])


def fixed(view, per_class, relative=0.01):
    """Test accuracies (10,) with nothing chosen: the penalty is given, in spreads."""
    draws = [lesson.draw(per_class, seed) for seed in lesson.DRAWS]
    return np.array([_test(view, rows, relative) for rows in draws])


def gain(d):
    """(mean, half): the 95 % interval of differences d, one per fold."""
    return np.mean(d), student(0.95, len(d) - 1) * np.std(d, ddof=1) / len(d) ** 0.5


def counted(view, other, task, sizes=(5, 10, 20, 40)):
    """Rows [labels per class, mean half, draws of ten with the whole interval above 0]."""
    found = []
    for n in sizes:
        draws = [lesson.draw(n, seed, task) for seed in lesson.DRAWS]
        both = [[by_fold(v, rows, task=task) for v in (view, other)] for rows in draws]
        means, halves = np.transpose([gain(a - b) for a, b in both])
        yes = f"{np.sum(means > halves)} of {len(draws)}"
        found.append([n, f"{means.mean():+.2f}", f"{halves.mean():.2f}", yes])
    return found


def by_fold(view, rows, relative=0.01, folds=5, task=lesson.NEW):
    """Accuracy on each fold of the probe on the other folds, the penalty given."""
    Z, y = view["pool"][rows], lesson.parts(task)["pool"][1][rows]
    fold, found = np.arange(len(rows)) % folds, []
    for k in range(folds):
        scale = transfer.spread(Z[fold != k])
        probe = transfer.linear_probe(Z[fold != k], y[fold != k], relative * scale)
        found.append(probe.accuracy(Z[fold == k], y[fold == k]))
    return np.array(found)


def tuned_by_fold(rows, lr, folds=5):
    """The same for the whole network, fine-tuned from a random head."""
    x, y = (part[rows] for part in lesson.parts()["pool"])
    fold, found = np.arange(len(rows)) % folds, []
    for k in range(folds):
        model = lesson.tuned("random", x[fold != k], y[fold != k], lr, seed=k)
        held = [(x[fold == k], y[fold == k])]
        found.append(evaluate(model, held, accuracy=accuracy)["accuracy"])
    return np.array(found)


# --- two mistakes, made on purpose --------------------------------------------------


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
