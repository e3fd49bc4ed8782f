"""What a model is judged by: means over batches, accuracy, perplexity, confusion.

    accuracy    share of targets that are the largest logit
    perplexity  exp(mean cross-entropy in nats)
    standard error of a mean of n runs   s / sqrt(n),  s^2 = sum (x - mean)^2 / (n - 1)

These functions read numbers from the device: call them at log points, not in a step.
"""

import math
import statistics

from tinyft import backend
from tinyft.autograd import Tensor, no_grad
from tinyft.training.arguments import check_batch, check_metrics

IGNORE = -100  # a target that does not count


def on_device(model, batch):
    """The arrays of a batch as Tensors where the model is (one move for each)."""
    check_batch("a model on batches", batch)
    first = next(model.parameters(), None)
    where = "cpu" if first is None else first.device
    return tuple(
        Tensor(backend.to(x, where)) if backend.is_array(x) else x for x in batch
    )


def evaluate(model, batches, **metrics):
    """Return {name: mean of metric(model(x), y)} over batches of (x, y), as floats.

        evaluate(model, batches, loss=ops.cross_entropy, accuracy=accuracy)

    Batches count by their number of targets (those that are not -100), so the last,
    smaller one weighs less. Dropout is off, BatchNorm uses its running statistics, and
    each module's mode is restored. Raises ValueError when no target came, TypeError for
    arguments of another kind.
    """
    check_metrics(model, batches, metrics)
    batches = batches() if callable(batches) else batches
    sums, count = dict.fromkeys(metrics, 0.0), 0
    with no_grad(), model.evaluating():
        for batch in batches:
            *inputs, y = on_device(model, batch)
            output, n = model(*inputs), counted(y)
            count += n
            for name, metric in metrics.items():
                sums[name] += _value(name, metric(output, y)) * n
    if not count:
        raise ValueError(
            "evaluate(): no target came from the batches: an empty data set, an iterator "
            "that was used before, or targets that are all -100"
        )
    return {name: total / count for name, total in sums.items()}


def _value(name, value):
    try:
        return float(value)
    except (TypeError, ValueError):
        shape = getattr(value, "shape", type(value).__name__)
        raise TypeError(
            f"evaluate(): {name} should return one number for a batch, got {shape}"
        ) from None


def counted(y):
    """How many targets a mean loss is over: labels other than -100, or rows."""
    y = y.data if isinstance(y, Tensor) else y
    if not getattr(y, "ndim", 0):
        return 1
    return int((y != IGNORE).sum()) if y.dtype.kind in "iu" else len(y)


def accuracy(logits, targets):
    """Share of targets (…) equal to argmax of logits (…, classes); -100 is left out.

    Raises ValueError for targets of another shape, or when all are -100, and
    FloatingPointError for logits that are NaN, or -inf for every class of a row.
    """
    logits, y = _array(logits), _array(targets)
    if y.shape != logits.shape[:-1]:
        raise ValueError(
            f"accuracy(): logits have shape {logits.shape} and targets {y.shape}; "
            f"expected targets {logits.shape[:-1]}, one class index for each row"
        )
    right = logits.argmax(axis=-1) == y
    n = int((y != IGNORE).sum())
    if not n:
        raise ValueError("accuracy(): every target is -100, so none can be right")
    _check_largest(logits[y != IGNORE])
    return int((right & (y != IGNORE)).sum()) / n


def _check_largest(logits):
    """Raise FloatingPointError for a row (N, classes) without a largest entry."""
    top = logits.max(axis=-1)  # NaN if one entry is
    lost = (top != top) | (top == -math.inf)
    if lost.any():
        raise FloatingPointError(
            f"accuracy(): {int(lost.sum())} of {len(logits)} rows of logits hold NaN, or "
            "-inf for every class, so no class is the largest; did the run diverge? Run "
            "the model once inside tinyft.detect_anomaly()"
        )


def perplexity(loss):
    """exp(loss), loss the mean cross-entropy in nats; infinite beyond float64."""
    return math.inf if loss >= 709 else math.exp(loss)  # NaN stays NaN


def confusion_matrix(predictions, targets, classes):
    """C[i, j]: how often a target i was predicted as j, int64 (classes, classes)."""
    p, y = (_array(a).reshape(-1) for a in (predictions, targets))
    if p.shape != y.shape or (p.size and min(p.min(), y.min()) < 0):
        raise ValueError(
            f"confusion_matrix(): labels 0 .. {classes - 1} of one length expected, "
            f"got {p.size} predictions and {y.size} targets"
        )
    if p.size and max(p.max(), y.max()) >= classes:
        raise ValueError(
            f"confusion_matrix(classes={classes}): a label is {max(p.max(), y.max())}"
        )
    xp = backend.xp_of(y)
    flat = xp.bincount(y * classes + p, minlength=classes * classes)
    return flat.reshape(classes, classes)


def mean_and_error(values):
    """Return (mean, standard error of the mean); the error is nan for one value."""
    values = [float(v) for v in values]
    if not values:
        raise ValueError("mean_and_error(): no values were given")
    mean = statistics.fmean(values)
    if len(values) == 1:
        return mean, math.nan
    return mean, statistics.stdev(values) / math.sqrt(len(values))


def _array(x):
    return backend.asnumpy(x.data if isinstance(x, Tensor) else x)
