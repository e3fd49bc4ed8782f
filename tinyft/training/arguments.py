"""What `fit` and `evaluate` were given, looked at before the first step."""

from numbers import Real

from tinyft.autograd import Tensor
from tinyft.nn import Module
from tinyft.optim import Optimizer
from tinyft.training.checks.parts import check_model, check_parts
from tinyft.training.run import Checkpoint

BATCHES = (
    "an iterable of tuples, such as lambda: data.batches(rng, x, y, batch_size=32)"
)


def check_fit(model, loss_fn, batches, optimizer, numbers, clip, parts):
    """Raise TypeError or ValueError for arguments of another kind, order or run."""
    caller = "fit(model, loss_fn, batches, optimizer)"
    check_functions(caller, loss_fn, parts)
    check_batches(caller, batches)
    if hasattr(batches, "__len__") and not len(batches):
        raise ValueError(f"{caller}: there are no batches, the data set is empty")
    early, schedule = parts["early_stopping"], parts["schedule"]
    check_parts(caller, model, optimizer, schedule, None, early)
    if optimizer is None:
        raise TypeError(f"{caller}: the optimizer is missing, got None")
    _check_trains(caller, optimizer)
    _check_numbers(numbers, clip)
    if early is not None and parts["evaluate"] is None:
        raise ValueError(
            f"fit(): early stopping watches {early.monitor!r}, but a log point has only "
            "['loss', 'lr', 'step'] of the training itself; pass evaluate=, a function "
            "that returns it for data that is not trained on"
        )
    _check_checkpoint(caller, parts["checkpoint"], model, optimizer, schedule, early)


def check_functions(caller, loss_fn, parts):
    """The loss is a function of the model and a batch, `evaluate` one of nothing."""
    if not callable(loss_fn) or isinstance(loss_fn, Optimizer):
        raise TypeError(
            f"{caller}: loss_fn should be a function of the model and a batch, such as "
            f"lambda model, x, y: ops.cross_entropy(model(x), y); got {_kind(loss_fn)}"
        )
    if str(getattr(loss_fn, "__module__", "")).startswith("tinyft.ops"):
        raise TypeError(
            f"{caller}: loss_fn is called with the model and the batch; wrap the "
            f"operation: lambda model, x, y: ops.{loss_fn.__name__}(model(x), y)"
        )
    for name in ("evaluate", "on_step"):
        if parts[name] is not None and not callable(parts[name]):
            raise TypeError(
                f"{caller}: {name} should be a function that is called now and then, got "
                f"{_kind(parts[name])}; write lambda: ..."
            )


def check_batches(caller, batches):
    """An iterable of tuples, or a function that returns one; not empty, not arrays."""
    origin = type(batches).__module__.partition(".")[0]
    if origin == "torch":
        raise TypeError(
            f"{caller}: batches is a {type(batches).__name__} of PyTorch; tinyft takes "
            "arrays. Use data.batches, or lambda: ((x.numpy(), y.numpy()) for x, y in "
            "loader)"
        )
    wrong = isinstance(batches, (str, dict, Module, Optimizer))
    if wrong or not (callable(batches) or hasattr(batches, "__iter__")):
        raise TypeError(f"{caller}: batches should be {BATCHES}; got {_kind(batches)}")
    is_list = isinstance(batches, (tuple, list))
    first = batches[0] if is_list and batches else batches
    if hasattr(first, "dtype"):
        raise TypeError(
            f"{caller}: `batches` should be {BATCHES}, and holds whole arrays: the first "
            f"has shape {tuple(first.shape)}"
        )


def check_batch(caller, batch):
    """A batch is a tuple of arrays; TypeError for anything else."""
    if not isinstance(batch, (tuple, list)) or not batch:
        raise TypeError(
            f"{caller}: each batch should be a tuple of arrays, (x, y); got {_kind(batch)}"
            + (", so yield (x,) for an x alone" if hasattr(batch, "dtype") else "")
        )
    for part in batch:
        if type(part).__module__.partition(".")[0] == "torch":
            raise TypeError(
                f"{caller}: a batch holds a tensor of PyTorch; pass x.numpy() instead"
            )


def check_loss_value(loss):
    """The loss, if it is one number on the tape; TypeError or ValueError saying what."""
    if not isinstance(loss, Tensor):
        what = f"a {type(loss).__name__}"
        hint = "the Tensor itself, without float() or .item()"
        if isinstance(loss, (tuple, list)):
            what = f"{what} of {len(loss)}"
            hint = "the loss alone; keep other numbers in a list of your own"
        raise TypeError(
            f"fit(): loss_fn should return a scalar Tensor, got {what}; return {hint}"
        )
    if loss.size != 1:
        raise ValueError(
            f"fit(): loss_fn returned a Tensor of shape {loss.shape}; return one number, "
            "its mean: .mean()"
        )
    if not loss.requires_grad:
        raise ValueError(
            "fit(): the loss depends on no parameter that trains: the model is frozen, "
            "its adapters are switched off, or loss_fn works under no_grad() or on "
            ".data or .numpy()"
        )
    return loss


def _check_trains(caller, optimizer):
    params = [p for group in optimizer.param_groups for p in group["params"]]
    if not any(p.requires_grad or p.grad is not None for p in params):
        raise ValueError(
            f"{caller}: none of the optimizer's {len(params)} parameters requires a "
            "gradient, so nothing would train. peft.attach freezes the base: make the "
            "optimizer after attaching, with model.parameters(); or unfreeze some first"
        )


def _check_numbers(numbers, clip):
    if numbers["steps"] is None and numbers["epochs"] is None:
        raise ValueError("fit(): say how long to train, with steps=... or epochs=...")
    for name, value in numbers.items():
        least = 1 if name in ("accumulate", "every") else 0
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and (not whole or value < least):
            raise ValueError(f"fit(): {name}={value} should be an integer >= {least}")
    if numbers["start"] and numbers["steps"] is None:
        raise ValueError(
            f"fit(): start={numbers['start']} continues a run that is counted in steps; "
            "give the total with steps=..."
        )
    if clip is not None and not (isinstance(clip, Real) and clip > 0):
        raise ValueError(f"fit(): clip={clip!r} should be a norm, a number > 0")


def _check_checkpoint(caller, checkpoint, model, optimizer, schedule, early):
    if checkpoint is not None and not callable(getattr(checkpoint, "save", None)):
        raise TypeError(
            f"{caller}: checkpoint should be a training.Checkpoint(path, model, "
            f"optimizer, ...), got {_kind(checkpoint)}"
        )
    given = {"model": model, "optimizer": optimizer}
    given |= {"schedule": schedule, "early_stopping": early}
    for name, part in given.items() if isinstance(checkpoint, Checkpoint) else ():
        if checkpoint.parts[name] is not part:
            missing = checkpoint.parts[name] is None
            raise ValueError(
                f"{caller}: the checkpoint "
                + (f"leaves out the {name}" if missing else f"holds another {name}")
                + f", so this run could not be resumed from it; pass it {name}="
            )


def check_metrics(model, batches, metrics):
    """What `evaluate` is given."""
    check_model_only("evaluate(model, batches, **metrics)", model)
    check_batches("evaluate(model, batches, **metrics)", batches)
    wrong = [name for name, metric in metrics.items() if not callable(metric)]
    if wrong or not metrics:
        raise TypeError(
            "evaluate(model, batches, **metrics): give functions of (output, targets) by "
            "name, such as loss=ops.cross_entropy, accuracy=training.accuracy; "
            + (
                f"{wrong[0]} is {_kind(metrics[wrong[0]])}"
                if wrong
                else "there is none"
            )
        )


def check_model_only(caller, model):
    """A Module; a merged one computes well and may be judged."""
    if not isinstance(model, Module):
        check_model(caller, model)


def _kind(value):
    return repr(value) if isinstance(value, (str, int, float)) else type(value).__name__
