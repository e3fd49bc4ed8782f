"""Do the parts of a run belong together? Asked before anything is trained or loaded."""

import os

from tinyft.data import DataError
from tinyft.nn import Module
from tinyft.optim import Optimizer
from tinyft.training.checks.whole import generator_states, generators, is_merged


def check_path(caller, path):
    """TypeError unless `path` names a file."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            f"{caller}: the first argument is the file's path, got a "
            f"{type(path).__name__}"
        )


def check_model(caller, model):
    """TypeError unless it is a Module; ValueError while an adapter is merged into it."""
    if not isinstance(model, Module):
        raise TypeError(
            f"{caller}: model should be a Module, got {_kind(model)}; are the arguments "
            "in another order?"
        )
    if is_merged(model):
        raise ValueError(
            f"{caller}: an adapter is merged into this model, so its own parameters do "
            "nothing. Call peft.unmerge(model) to go on training it"
        )


def check_parts(
    caller, model, optimizer=None, schedule=None, stream=None, early_stopping=None
):
    """Raise TypeError for a part of another kind, ValueError for one of another run."""
    check_model(caller, model)
    if optimizer is not None:
        check_optimizer(caller, model, optimizer)
    if schedule is not None:
        check_schedule(caller, optimizer, schedule)
    for name, part in (("stream", stream), ("early_stopping", early_stopping)):
        if part is not None and not hasattr(part, "load_state_dict"):
            raise TypeError(
                f"{caller}: {name} should keep its state (state_dict, load_state_dict), "
                f"as data.BatchStream and training.EarlyStopping do; got {_kind(part)}"
            )


def check_optimizer(caller, model, optimizer):
    """Its parameters are the model's, at least one of them."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{caller}: optimizer should be one of tinyft.optim, such as "
            f"optim.AdamW(model.parameters(), lr=1e-3); got {_kind(optimizer)}"
        )
    own = {id(p) for p in model.parameters()}
    params = [p for group in optimizer.param_groups for p in group["params"]]
    if not any(id(p) in own for p in params):
        raise ValueError(
            f"{caller}: the optimizer has {len(params)} parameters and none of them is "
            "this model's (another model, or an adapter that was detached?); make it "
            "again with model.parameters()"
        )


def check_schedule(caller, optimizer, schedule):
    """It steps, and it sets the rates of this optimizer."""
    if not callable(getattr(schedule, "step", None)):
        raise TypeError(
            f"{caller}: schedule should be an optim.Schedule, for example "
            "optim.Schedule(optimizer, optim.schedule.cosine, total=1000); got "
            f"{_kind(schedule)}"
        )
    if optimizer is not None and getattr(schedule, "optimizer", optimizer) != optimizer:
        raise ValueError(
            f"{caller}: the schedule sets the rates of another optimizer, so it would "
            "change nothing here; make it with this one"
        )


def given(rng):
    """{label: generator} of what a caller gives as rng: one generator, or a dict."""
    named = rng if isinstance(rng, dict) else {} if rng is None else {"main": rng}
    return {f"given.{name}": generator for name, generator in named.items()}


def check_generators(caller, model, rng):
    """Every generator of the run can be saved, which is better known before it starts."""
    try:
        generator_states({**generators(model), **given(rng)})
    except (DataError, AttributeError, TypeError) as error:
        raise ValueError(f"{caller}: this run cannot be saved: {error}") from None


def _kind(value):
    return repr(value) if isinstance(value, (str, int, float)) else type(value).__name__
