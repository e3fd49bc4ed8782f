"""The training loop: batches in, history out.

    for each step:  loss = mean of loss_fn(model, *batch);  loss.backward();  clip;
                    optimizer.step();  schedule.step()

On a GPU the loss stays there until a log point; nothing in a step waits for it.
"""

import contextlib
from types import SimpleNamespace

from tinyft import backend
from tinyft.optim.clip import clip_grad_norm
from tinyft.training.arguments import check_fit, check_loss_value
from tinyft.training.checks.finite import (
    check_loss,
    check_losses,
    check_norm,
    check_weights,
)
from tinyft.training.metrics import on_device
from tinyft.training.progress import progress_bar
from tinyft.training.walk import EPOCH_END, groups, length, shares_of

OWN = ("step", "loss", "lr")  # columns of the history that `evaluate` may not replace


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
    parallel=None,
):
    """Train `model` and return its history: {"step", "loss", "lr", ...: list}.

    loss_fn   loss_fn(model, *batch) -> scalar Tensor, for example
              lambda model, x, y: ops.cross_entropy(model(x), y)
    batches   tuples again each epoch: an iterable, or lambda: data.batches(rng, x, y, 32)
    steps, epochs   how long (the first to end counts); `start`: the step of a resumed
              run; a list goes on behind the batches it has used
    clip      largest norm of all gradients together
    accumulate  batches per step, weighted by their targets: the gradient of one large batch
    every     steps between log points (default: an epoch, or a twentieth of the steps)
    evaluate  called at each log point: {name: number}, with "loss" logged as "eval_loss"
    early_stopping  an EarlyStopping; the best weights are restored at the end
    checkpoint      a Checkpoint, saved at each log point
    on_step   on_step(step, loss) after each update, gradients still there
    parallel  a DataParallel: each rank takes its part of every batch; the first saves

    Raises TypeError and ValueError, before the first step, for arguments that are none
    or do not belong together; FloatingPointError for a loss of NaN or Inf.
    """
    return _train(SimpleNamespace(**locals()))


def _train(run):
    """Check what was asked for, walk the batches, log; the history. `run`: fit's names."""
    numbers = _named(run, "steps", "epochs", "start", "accumulate", "every")
    parts = _named(
        run, "schedule", "evaluate", "checkpoint", "early_stopping", "on_step"
    )
    asked = (run.model, run.loss_fn, run.batches, run.optimizer)
    check_fit(*asked, numbers, run.clip, parts)
    if run.parallel:
        run.parallel.lead(run)
    log = _Log(run)
    if getattr(run.early_stopping, "is_over", False):
        return log.finish()  # resumed from a run that had stopped already
    total = length(run.batches, run.steps, run.epochs, run.accumulate)
    ranks = run.parallel or contextlib.nullcontext()
    bar = progress_bar(total, run.progress)
    with ranks, _owned(run.checkpoint), bar as advance:
        for step, group in _updates(run, log):
            advance(step, log.text)
            if log.is_due(step, group) and log.write(step):
                break
        return log.finish()


def _named(run, *names):
    return {name: getattr(run, name) for name in names}


def _updates(run, log):
    """Train on each group of batches; yield (steps taken, the group) after each."""
    model, optimizer, step = run.model, run.optimizer, run.start
    if not model.training:  # a module set to eval() on purpose inside stays so
        model.train()
    spans = run.epochs, run.steps, run.start, run.accumulate
    for group, place in groups(run.batches, *spans, run.checkpoint):
        if group is not EPOCH_END:
            step += 1
            loss = _backward(
                model, run.loss_fn, group, (step, *place), log, run.parallel
            )
            _clip(optimizer, run.clip, log)
            optimizer.step()
            run.on_step(step, loss)
            if run.schedule is not None:
                run.schedule.step()
            optimizer.zero_grad()
        log.step = step
        yield step, group


@contextlib.contextmanager
def _owned(checkpoint):
    """The checkpoint's file belongs to this run while it trains."""
    if not hasattr(checkpoint, "acquire"):
        yield
        return
    checkpoint.acquire()
    try:
        yield
    finally:
        checkpoint.release()


def _clip(optimizer, max_norm, log):
    if max_norm is not None:
        groups = optimizer.param_groups
        params = [p for group in groups for p in group["params"]]
        log.watch(clip_grad_norm(params, max_norm).data, log.losses[-1][1], check_norm)


def _backward(model, loss_fn, group, place, log, parallel=None):
    """Accumulate the gradient of a group's mean loss; return that mean, a 0-d array.

    Batch i weighs n_i / Σ n, n its targets, so the gradient is that of one large batch.
    In parallel it weighs n_i: the one division by all ranks' Σ n comes with their sum.
    """
    total, (step, epoch, first) = 0.0, place
    if parallel:
        group = [parallel.part(batch) for batch in group]
    shares = parallel.counts(group) if parallel else shares_of(group, step)
    for i, (batch, share) in enumerate(zip(group, shares)):
        if not share:  # every target of this batch is ignored
            continue
        loss = check_loss_value(loss_fn(model, *on_device(model, batch)))
        log.watch(loss.data, (step, epoch, first + i))
        if share != 1:
            loss = loss * share
        loss.backward()
        total = loss.detach().data + total
    if parallel:
        total = parallel.average(total, sum(shares))
    log.add(total, place)
    return total


class _Log:
    """What is known between two log points, and what is done at one."""

    def __init__(self, run):
        self.model, self.optimizer, self.evaluate = (
            run.model,
            run.optimizer,
            run.evaluate,
        )
        self.early, self.checkpoint = run.early_stopping, run.checkpoint
        self.last, self.every = run.steps, run.every
        self.every = self.every or (self.last and max(1, self.last // 20))
        self.history = {name: [] for name in OWN}
        self.total, self.losses, self.text, self.finite = 0.0, [], "", None
        self.step = None  # the last one that was taken

    def is_due(self, step, group):
        """True every `every` steps, or at the end of an epoch, and at the last step."""
        if not self.every:
            return group is EPOCH_END
        return group is not EPOCH_END and (step % self.every == 0 or step == self.last)

    def watch(self, value, place, check=check_loss):
        """Stop at a loss that is not finite; on a device that is seen at a log point."""
        if backend.device_of(value) == "cpu":
            try:
                check(value, place, self.finite)
            except FloatingPointError:
                self.optimizer.zero_grad()  # nobody should step with what is there
                raise
            self.finite = (value, place) if check is check_loss else self.finite

    def add(self, loss, place):
        self.total = self.total + loss
        self.losses.append((loss, place))

    def write(self, step):
        """Read the mean loss, evaluate, save. True if training should stop."""
        if not self.losses:
            return False
        if backend.device_of(self.total) != "cpu":
            check_losses(self.losses, self.finite)
        if self.checkpoint is not None:
            check_weights(self.model, step, self.finite)
        lr = self.optimizer.param_groups[0]["lr"]
        loss = float(self.total) / len(self.losses)
        self.total, self.losses = 0.0, []
        found = self._evaluated()
        self._keep({"step": step, "loss": loss, "lr": lr}, found)
        stop = self.early is not None and self._is_enough(found)
        if self.checkpoint is not None:
            self.checkpoint.save(step)
        return stop

    def _evaluated(self):
        found = {} if self.evaluate is None else self.evaluate()
        try:
            return {name: float(value) for name, value in found.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise TypeError(
                f"fit(): evaluate() should return {{name: number}}, got a "
                f"{type(found).__name__} ({error})"
            ) from None

    def _keep(self, row, found):
        row |= {f"eval_{k}" if k in OWN else k: v for k, v in found.items()}
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        self.text = "  ".join(f"{k} {v:.4g}" for k, v in row.items() if k != "step")

    def _is_enough(self, found):
        if self.early.monitor not in found:
            raise ValueError(
                f"fit(): early stopping watches {self.early.monitor!r}, but a log point "
                f"has only {sorted(found)}; evaluate() should return it"
            )
        return self.early.update(found[self.early.monitor], self.model)

    def finish(self):
        """Write what is left, and put the best weights back."""
        self.write(self.step)
        if self.early is not None:
            self.early.restore(self.model)
        return self.history
