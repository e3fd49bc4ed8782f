"""Chapter 13: what token shares alone do on new text, without any training."""

from functools import cache

import numpy as np

from tinyft import no_grad, tensor
from tinyft.course.experiment import said, windows
from tinyft.course.lessons.peft import ch13_bitfit as lesson
from tinyft.training.pretrained import load_pretrained

LENGTH, COUNT = 64, 32  # the windows that experiment.loss_on judges by


def _seen(seed):
    """The windows (72, 48) that a run of this seed reads."""
    batches = windows(lesson.pydoc()["train"], 2, 48)(np.random.default_rng(seed))
    return np.concatenate([x for _, (x, _) in zip(range(lesson.TEXT_STEPS), batches)])


def _log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def _log_p(model, ids):
    with no_grad(), model.evaluating():
        return _log_softmax(model(tensor(ids)).numpy().astype(float))


def _test():
    ids = lesson.pydoc()["test"]
    starts = np.arange(COUNT) * ((len(ids) - LENGTH - 1) // COUNT)
    rows = ids[starts[:, None] + np.arange(LENGTH + 1)]
    return rows[:, :-1], rows[:, 1:, None]


@cache
def both():
    """(corrected, counts): losses of five seeds each, on the study's test windows.

    corrected: log(share of the tokens read / mean prediction on them) is added to the
    frozen model's logits. counts: the shares alone.
    """
    model, (x, truth), found = load_pretrained("gpt_text")[0], _test(), []
    frozen = _log_p(model, x)
    for seed in range(5):
        ids = _seen(seed)
        shares = np.bincount(ids.ravel(), minlength=frozen.shape[-1]) + 1.0
        shares /= shares.sum()  # one added to each count, so that none is 0
        mean = np.exp(_log_p(model, ids)).mean((0, 1))
        moved = _log_softmax(frozen + np.log(shares / mean))
        corrected = -np.take_along_axis(moved, truth, -1).mean()
        found.append((corrected, -np.log(shares)[truth].mean()))
    return tuple(np.array(found).T)


def rows(frozen, full):
    """Reference G's rows of the two; frozen: a loss, full: those of five seeds."""
    names = "frozen, log ratio of token shares added", "token shares, no network"
    return [
        [name, "", 0, "", said(loss), said((frozen - loss) / (frozen - full))]
        for name, loss in zip(names, both())
    ]
