"""The training loop: batches in, history out.

    for each step:  loss = mean of loss_fn(model, *batch);  loss.backward();  clip;
                    optimizer.step();  schedule.step()

The loss stays on the device until a log point; nothing in a step waits for it.
"""

import itertools
import math

from tinyft.optim.clip import clip_grad_norm
from tinyft.training.metrics import on_device
from tinyft.training.progress import progress_bar

EPOCH_END = None  # stands between the groups of two epochs


def fit(
    model,
    loss_fn,
    batches,
    optimizer,
    *,
    steps=None,
    epochs=None,
    start=0,
    schedule=None,
    clip=None,
    accumulate=1,
    every=None,
    evaluate=None,
    early_stopping=None,
    checkpoint=None,
    on_step=lambda step, loss: None,
    progress=True,
):
    """Train `model` and return its history: {"step", "loss", "lr", ...: list}.

    loss_fn   loss_fn(model, *batch) -> scalar Tensor, for example
              lambda model, x, y: ops.cross_entropy(model(x), y)
    batches   an iterable of tuples, walked anew each epoch, or a function that returns
              one: lambda: data.batches(rng, x, y, batch_size=32)
    steps, epochs   how long, one of them or both (the first to end counts); `start` is
              the step a resumed run begins with
    clip      largest norm of all gradients together
    accumulate      batches a step: their mean gradient, in the memory of one
    every     steps between log points (default: an epoch, or a twentieth of the steps)
    evaluate  called at each log point, returns {name: float} for the history
    early_stopping  an EarlyStopping; the best weights are restored at the end
    checkpoint      a Checkpoint, saved at each log point
    on_step   on_step(step, loss) after each update, gradients still there

    Raises ValueError for impossible combinations, TypeError for arrays in place of
    batches, before the first step.
    """
    _check(batches, steps, epochs, start, accumulate, every)
    log = _Log(model, optimizer, evaluate, early_stopping, checkpoint, every, steps)
    step = start
    if not model.training:  # a module set to eval() on purpose inside stays so
        model.train()
    with progress_bar(_length(batches, steps, epochs, accumulate), progress) as advance:
        for group in _groups(batches, epochs, steps, start, accumulate):
            if group is not EPOCH_END:
                loss = _backward(model, loss_fn, group)
                _clip(optimizer, clip)
                optimizer.step()
                step += 1
                log.add(loss)
                on_step(step, loss)
                if schedule is not None:
                    schedule.step()
                optimizer.zero_grad()
                advance(step, log.text)
            if log.is_due(step, group) and log.write(step):
                break
    return log.finish(step)


def _clip(optimizer, max_norm):
    if max_norm is not None:
        groups = optimizer.param_groups
        clip_grad_norm([p for group in groups for p in group["params"]], max_norm)


def _backward(model, loss_fn, group):
    """Accumulate the gradient of the mean loss of a group; return that mean (0-d)."""
    total = 0.0
    for batch in group:
        loss = loss_fn(model, *on_device(model, batch))
        if len(group) > 1:
            loss = loss * (1 / len(group))
        loss.backward()
        total = loss.detach().data + total
    return total


def _groups(batches, epochs, steps, start, accumulate):
    """Yield lists of `accumulate` batches, and EPOCH_END after each epoch.

    Never draws a batch ahead: a stream saved between two steps stands where it should.
    """
    left = math.inf if steps is None else steps - start
    for _ in itertools.count() if epochs is None else range(epochs):
        iterator, empty = iter(batches() if callable(batches) else batches), True
        while left > 0 and (group := list(itertools.islice(iterator, accumulate))):
            empty, left = False, left - 1
            yield group
        if left <= 0:
            return
        if empty:
            raise ValueError(
                "fit(): the batches have run out; an iterator can be walked only once, "
                "so pass a list, or a function that returns a new iterator"
            )
        yield EPOCH_END


class _Log:
    """What is known between two log points, and what is done at one."""

    def __init__(self, model, optimizer, evaluate, early, checkpoint, every, steps):
        self.model, self.optimizer, self.evaluate = model, optimizer, evaluate
        self.early, self.checkpoint, self.last = early, checkpoint, steps
        self.every = every or (steps and max(1, steps // 20))
        self.history = {"step": [], "loss": [], "lr": []}
        self.total, self.count, self.text = 0.0, 0, ""

    def is_due(self, step, group):
        """True every `every` steps, or at the end of an epoch, and at the last step."""
        if not self.every:
            return group is EPOCH_END
        return group is not EPOCH_END and (step % self.every == 0 or step == self.last)

    def add(self, loss):
        self.total, self.count = self.total + loss, self.count + 1

    def write(self, step):
        """Read the mean loss, evaluate, save. True if training should stop."""
        if not self.count:
            return False
        lr = self.optimizer.param_groups[0]["lr"]
        row = {"step": step, "loss": float(self.total) / self.count, "lr": lr}
        self.total, self.count = 0.0, 0
        row |= {k: float(v) for k, v in (self.evaluate or dict)().items()}
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        self.text = "  ".join(f"{k} {v:.4g}" for k, v in row.items() if k != "step")
        stop = self._is_enough(row)
        if self.checkpoint is not None:
            self.checkpoint.save(step)
        return stop

    def _is_enough(self, row):
        if self.early is None:
            return False
        if self.early.monitor not in row:
            raise ValueError(
                f"fit(): early stopping watches {self.early.monitor!r}, but a log "
                f"point has only {sorted(row)}; evaluate() should return it"
            )
        return self.early.update(row[self.early.monitor], self.model)

    def finish(self, step):
        self.write(step)
        if self.early is not None:
            self.early.restore(self.model)
        return self.history


def _length(batches, steps, epochs, accumulate):
    if steps is None and hasattr(batches, "__len__"):
        return epochs * math.ceil(len(batches) / accumulate)
    return steps


def _check(batches, steps, epochs, start, accumulate, every):
    first = batches[0] if isinstance(batches, (tuple, list)) and batches else batches
    if hasattr(first, "dtype"):
        raise TypeError(
            "fit(): `batches` should be an iterable of tuples, such as "
            "lambda: data.batches(rng, x, y, batch_size=32), and holds whole arrays: the "
            f"first has shape {first.shape}"
        )
    if steps is None and epochs is None:
        raise ValueError("fit(): say how long to train, with steps=... or epochs=...")
    for name, value, least in (
        ("steps", steps, 0),
        ("epochs", epochs, 0),
        ("start", start, 0),
        ("accumulate", accumulate, 1),
        ("every", every, 1),
    ):
        if value is not None and (not isinstance(value, int) or value < least):
            raise ValueError(f"fit(): {name}={value} should be an integer >= {least}")
    if start and steps is None:
        raise ValueError(
            f"fit(): start={start} continues a run that is counted in steps; give the "
            "total with steps=..."
        )
