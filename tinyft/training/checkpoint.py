"""Checkpoints: a whole training run in one safetensors file, written all or nothing.

    model.*  adapter.*  acts.*  optim.*  schedule.*  stream.*  early.*  rng.*  extra.*
    step, and in the header what it was made for (made_for.py)

A run that is killed at any point and resumed from its file ends with the same bytes as
one that was not: weights, adapters, optimiser moments, position in the data, and the
state of every random generator (dropout layers and adapters hold theirs) are all here.
Everything is compared before anything is loaded: a refusal has changed nothing.
"""

import json

from tinyft import backend, io
from tinyft.data import check_rng_state, set_rng_state
from tinyft.io.json_text import JSONError, parse_json
from tinyft.nn.state import checked, fill, slots_of
from tinyft.training.checks import whole
from tinyft.training.checks.parts import check_parts, check_path, given
from tinyft.training.made_for import describe, differences, path_of, say_other_path

FORMAT = "tinyft training checkpoint, version 2"
RESERVED = ("format", "parts", "made_for", "computed_by")


def save_checkpoint(
    path,
    model,
    optimizer=None,
    schedule=None,
    rng=None,
    stream=None,
    step=0,
    extra=None,
    early_stopping=None,
    metadata=None,
):
    """Write everything a run needs to go on; the old file stays whole until the end.

    rng     a generator, or {name: generator}; those that the model's layers and adapters
            hold and the default one (tinyft.manual_seed) are saved unasked
    stream  anything with state_dict(), for example a data.BatchStream
    extra   {name: array}: what else there is
    metadata  {str: str}: facts that a resumed run should share, such as class names

    Raises TypeError or ValueError for parts that do not belong together.
    """
    check_path("save_checkpoint", path)
    parts = (model, optimizer, schedule, stream, early_stopping)
    check_parts("save_checkpoint", *parts)
    random = {**whole.generators(model), **given(rng)}
    state = {
        **_named("model", model.state_dict()),
        **_named("adapter", whole.adapter_slots(model)),
        **_named("acts", _acts(model)),
        **_named("rng", whole.generator_states(random)),
        **_named("extra", extra or {}),
    }
    kept = _optional(optimizer, schedule, stream, early_stopping)
    for name, part in kept.items():
        state |= _named(name, part.state_dict())
    about = _header(metadata, sorted(kept), describe(model, optimizer))
    about["computed_by"] = path_of(model)
    io.save(path, {**state, "step": backend.asnumpy(int(step))}, about)


def _header(metadata, parts, made_for):
    taken = sorted(set(metadata or {}).intersection(RESERVED))
    if taken:
        raise ValueError(
            f"save_checkpoint: metadata may not use the names {', '.join(taken)}"
        )
    text = json.dumps(made_for, separators=(",", ":"), sort_keys=True)
    own = {"format": FORMAT, "parts": " ".join(parts), "made_for": text}
    return {**(metadata or {}), **own}


def load_checkpoint(
    path,
    model,
    optimizer=None,
    schedule=None,
    rng=None,
    stream=None,
    early_stopping=None,
    map_extra=None,
    metadata=None,
):
    """Put a run back; return {"step": int, "extra": {name: array}, "metadata": dict}.

    With the model alone only weights are loaded, the adapters' too. With an optimizer
    the run is resumed: generators and which adapters act are put back as well, and a
    warning says so if another path (kernels.path) computed it than would go on here.
    `map_extra(extra)` is called first; the file's metadata should agree with `metadata`.

    Raises FileNotFoundError; io.CheckpointError for a file that is damaged, of another
    kind, made for another model, adapter or optimizer, or without a part that was asked
    for; KeyError or ValueError for arrays that do not fit. Nothing is changed then.
    """
    check_path("load_checkpoint", path)
    check_parts("load_checkpoint", model, optimizer, schedule, stream, early_stopping)
    state, about = io.load_with_metadata(path)
    parts = _optional(optimizer, schedule, stream, early_stopping)
    made_for = _check_header(path, about, parts, metadata)
    extra = _part(state, "extra")
    if map_extra is not None:
        map_extra(extra)
    random = given(rng) | (whole.generators(model) if optimizer is not None else {})
    values = _check(path, state, made_for, model, optimizer)
    _check_parts(parts, state)
    _check_generators(path, random, _part(state, "rng"), optimizer is not None)
    fill(whole.slots(model), values)  # from here on nothing is refused
    _put_back(state, parts, random)
    if optimizer is not None:
        _set_acts(model, _part(state, "acts"))
        say_other_path(path, about, model)
    return {"step": int(state["step"]), "extra": extra, "metadata": about}


def _check_parts(parts, state):
    for name, part in parts.items():
        if hasattr(part, "check_state"):
            part.check_state(_part(state, name))


def _put_back(state, parts, random):
    for name, part in parts.items():
        part.load_state_dict(_part(state, name))
    for label, generator in random.items():
        set_rng_state(generator, state[f"rng.{label}"])


def _check_header(path, about, parts, metadata):
    """What the file was made for; CheckpointError if it cannot give what is asked for."""
    if about.get("format") != FORMAT or not {"parts", "made_for"} <= set(about):
        raise io.CheckpointError(
            f"{path} holds tensors but is not a training checkpoint of this version "
            f"(format {about.get('format')!r}); read it with tinyft.io.load"
        )
    missing = sorted(set(parts) - set(about["parts"].split()))
    if missing:
        raise io.CheckpointError(
            f"{path} was saved without {', '.join(missing)}; beside the model it holds "
            f"{about['parts'].replace(' ', ', ') or 'nothing'}"
        )
    for key, value in (metadata or {}).items():
        if about.get(key, value) != value:
            raise io.CheckpointError(
                f"{path} was saved with {key} = {about[key]!r}, this run has {value!r}; "
                "give it the same, or a file of its own"
            )
    try:
        return parse_json(about["made_for"], path)
    except JSONError as error:
        raise io.CheckpointError(f"{path} is damaged: its header: {error}") from None


def _check(path, state, made_for, model, optimizer):
    """The arrays for all slots of the model, once they and the run's shape fit."""
    base = checked(slots_of(model), _part(state, "model"), f"load_checkpoint({path})")
    now, resuming = describe(model, optimizer), optimizer is not None
    wrong = list(differences(made_for, now, resuming))
    if wrong:
        more = f"\n  and {len(wrong) - 8} more" if len(wrong) > 8 else ""
        raise io.CheckpointError(
            f"{path} was made for something else; nothing was loaded.\n  "
            + "\n  ".join(wrong[:8])
            + f"{more}\nBuild the model, attach its adapters and make the optimizer as "
            "in that run" + ("; weights alone: give no optimizer" if resuming else "")
        )
    held = _part(state, "adapter")
    return base | checked(whole.adapter_slots(model), held, f"load_checkpoint({path})")


def _check_generators(path, wanted, saved, resuming):
    """Each generator has its state in the file; a resumed model has no other ones."""
    missing = sorted(set(wanted) - set(saved))
    unused = [k for k in saved if k not in wanted and not k.startswith("given.")]
    if missing or (resuming and unused):
        raise io.CheckpointError(
            f"{path} lacks the state of the random generator(s) "
            f"{', '.join(missing) or 'none'}, and holds "
            f"{', '.join(sorted(saved)) or 'none'}. Give layers, attach(rng=) and rng= "
            "the same seeds or generators as in that run"
        )
    for label in wanted:
        check_rng_state(saved[label])


def _optional(optimizer, schedule, stream, early_stopping):
    parts = {
        "optim": optimizer,
        "schedule": schedule,
        "stream": stream,
        "early": early_stopping,
    }
    return {name: part for name, part in parts.items() if part is not None}


def _named(head, state):
    return {f"{head}.{name}": value for name, value in state.items()}


def _part(state, name):
    head = f"{name}."
    return {k[len(head) :]: v for k, v in state.items() if k.startswith(head)}


def _set_acts(model, acts):
    for path, delta in model.named_deltas():
        delta.enabled = bool(acts.get(path, True))


def _acts(model):
    """Which adapters are on, site by site."""
    return {
        path: backend.asnumpy(bool(getattr(delta, "enabled", True)))
        for path, delta in model.named_deltas()
    }
