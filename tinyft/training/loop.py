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
    on_step=None,
    progress=True,
):
    """Train `model` and return its history, {"step", "loss", "lr", ...: list of numbers}.

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

    Raises ValueError for impossible combinations, before the first step.
    """
    _check(batches, steps, epochs, start, accumulate, every)
    every = every or (None if steps is None else max(1, steps // 20))
    params = [p for group in optimizer.param_groups for p in group["params"]]
    log = _Log(model, optimizer, evaluate, early_stopping, checkpoint)
    step = start
    model.train()
    with progress_bar(_length(batches, steps, epochs, accumulate), progress) as advance:
        for group in _groups(batches, epochs, steps, start, accumulate):
            if group is not EPOCH_END:
                loss = _backward(model, loss_fn, group)
                if clip is not None:
                    clip_grad_norm(params, clip)
                optimizer.step()
                log.add(loss)
                step += 1
                if on_step is not None:
                    on_step(step, loss)
                if schedule is not None:
                    schedule.step()
                optimizer.zero_grad()
                advance(step, log.text)
            due = group is EPOCH_END if every is None else step % every == 0
            if (due or step == steps) and log.write(step):
                break
    return log.finish(step)


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

    def __init__(self, model, optimizer, evaluate, early_stopping, checkpoint):
        self.model, self.optimizer, self.evaluate = model, optimizer, evaluate
        self.early, self.checkpoint = early_stopping, checkpoint
        self.history = {"step": [], "loss": [], "lr": []}
        self.total, self.count, self.text = 0.0, 0, ""

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
        self.text = "  ".join(f"{name} {row[name]:.4g}" for name in row if name != "step")
        stop = self.early is not None and self.early.update(self._watched(row), self.model)
        if self.checkpoint is not None:
            self.checkpoint.save(step)
        return stop

    def _watched(self, row):
        if self.early.monitor not in row:
            raise ValueError(
                f"fit(): early stopping watches {self.early.monitor!r}, but a log point "
                f"has only {sorted(row)}; evaluate() should return it"
            )
        return row[self.early.monitor]

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
            raise ValueError(f"fit(): {name}={value} should be a whole number >= {least}")
    if start and steps is None:
        raise ValueError(
            f"fit(): start={start} continues a run that is counted in steps; give the "
            "total with steps=..."
        )
