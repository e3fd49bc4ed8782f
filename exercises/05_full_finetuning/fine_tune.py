"""Task 3 of 5: sweep a network's rate, stop it, report.  Section 6 of the notebook."""

import numpy as np

from tinyft import nn, no_grad, ops, optim, tensor, transfer


def network(start):
    """A fresh network with a copy of the arrays in `start`: two matrices, tanh between."""
    first, last = (nn.Linear(*W.shape[::-1], bias=False, dtype="float64") for W in start)
    first.weight.data, last.weight.data = (tensor(W.copy()).data for W in start)
    return nn.Sequential(first, nn.Tanh(), last)


def accuracy(model, x, y):
    """The share of the rows of x (n, d) whose largest logit is that of the label y (n,)."""
    with no_grad():
        return float((model(tensor(x)).numpy().argmax(axis=1) == y).mean())


def fine_tune(start, train, valid, rates, steps):
    """Fine-tune a network at each rate, keep the best point of the sweep, and report it.

    For each rate: a fresh network, AdamW without weight decay, `steps` steps on the mean
    cross-entropy of all of `train`, ops.cross_entropy(model(tensor(x)), y). The accuracy
    on `valid` is taken at the start (step 0) and after every step. The point with the
    highest accuracy wins; of equal ones that of the rate that comes first in `rates`,
    and of its steps the earliest.

    Example: rates [0.1, 0.3], two steps, accuracies 0.25, 0.5, 0.5 at rate 0.1 and 0.25,
    0.5, 0.75 at rate 0.3 give (0.3, 2, 0.75, ‖θ − θ0‖ after step 2 at rate 0.3).

    start: two arrays, (hidden, d) and (K, hidden); network(start) makes the model, and
    transfer.snapshot and transfer.distance measure it. train, valid: (x, y), x (n, d), y
    (n,) classes. Returns (rate, step, accuracy, distance to the start of these weights).
    """
    # YOUR CODE: section 6
    raise NotImplementedError("not implemented yet: fine_tune, section 6")
