"""Checkpoints: a whole training run in one safetensors file, written all or nothing.

    model.*  optim.*  schedule.*  stream.*  early.*  rng.*  extra.*  step

A run that is killed at any point and resumed from its file ends with the same bytes as
one that was not: weights, optimiser moments, position in the data, and the state of
every random generator (a model's dropout layers hold theirs) are all here.
"""

from pathlib import Path

from tinyft import backend, io, nn
from tinyft.data import rng_state, set_rng_state

FORMAT = "tinyft training checkpoint, version 1"


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

    rng     a generator, or {name: generator}; those that the model's layers hold and
            the default one (tinyft.manual_seed) are saved unasked
    stream  anything with state_dict(), for example a data.BatchStream
    extra   {name: array}: what else there is, such as the state of attached deltas
    """
    parts = {
        "model": model.state_dict(),
        "rng": {name: rng_state(g) for name, g in _generators(model, rng).items()},
        "extra": extra or {},
    }
    for name, part in _optional(optimizer, schedule, stream, early_stopping).items():
        parts[name] = part.state_dict()
    state = {f"{a}.{b}": value for a in parts for b, value in parts[a].items()}
    about = {"format": FORMAT, "parts": " ".join(sorted(parts)), **(metadata or {})}
    io.save(path, {**state, "step": backend.asnumpy(int(step))}, about)


def load_checkpoint(
    path,
    model,
    optimizer=None,
    schedule=None,
    rng=None,
    stream=None,
    early_stopping=None,
    map_extra=None,
):
    """Put a run back; return {"step": int, "extra": {name: array}, "metadata": dict}.

    With the model alone only weights are loaded. With an optimizer the run is resumed:
    the generators of the model's layers and the default one are put back too.
    `map_extra(extra)` is called before anything is loaded (to attach deltas, say).

    Raises FileNotFoundError; io.CheckpointError for a cut or damaged file, for one that
    is no training checkpoint, and for a part that was asked for and is not in it;
    KeyError or ValueError for a model or optimizer of another shape.
    """
    state, metadata = io.load_with_metadata(path)
    if metadata.get("format") != FORMAT:
        raise io.CheckpointError(
            f"{path} holds tensors but is no training checkpoint of this version "
            f"(format {metadata.get('format')!r}); read it with tinyft.io.load"
        )
    wanted = _optional(optimizer, schedule, stream, early_stopping)
    missing = sorted(set(wanted) - set(metadata["parts"].split()))
    if missing:
        raise io.CheckpointError(
            f"{path} was saved without {', '.join(missing)}; it holds "
            f"{metadata['parts'].replace(' ', ', ')}"
        )
    extra = _part(state, "extra")
    if map_extra is not None:
        map_extra(extra)
    model.load_state_dict(_part(state, "model"))
    for name, part in wanted.items():
        part.load_state_dict(_part(state, name))
    if optimizer is not None or rng is not None:
        own = _generators(model if optimizer is not None else None, rng)
        _load_generators(path, own, _part(state, "rng"))
    return {"step": int(state["step"]), "extra": extra, "metadata": metadata}


class Checkpoint:
    """A run's file and its parts: `start = run.resume()`, then `run.save(step)`.

    parts: model, optimizer, schedule, rng, stream, early_stopping, as for
    save_checkpoint. `extra` may be a function that returns the dict.
    """

    def __init__(self, path, extra=None, metadata=None, **parts):
        self.path, self.extra, self.metadata = Path(path), extra, metadata
        self.parts = parts

    def save(self, step):
        """Write the run as it is after `step` updates."""
        extra = self.extra() if callable(self.extra) else self.extra
        save_checkpoint(
            self.path, step=step, extra=extra, metadata=self.metadata, **self.parts
        )

    def resume(self):
        """Load the file if there is one; return the step to go on from, else 0.

        What a killed process left of an unfinished write is removed.
        """
        for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            leftover.unlink()
        if not self.path.exists():
            return 0
        return load_checkpoint(self.path, **self.parts)["step"]


def _optional(optimizer, schedule, stream, early_stopping):
    given = {
        "optim": optimizer,
        "schedule": schedule,
        "stream": stream,
        "early": early_stopping,
    }
    return {name: part for name, part in given.items() if part is not None}


def _part(state, name):
    head = f"{name}."
    return {k[len(head) :]: v for k, v in state.items() if k.startswith(head)}


def _generators(model, rng):
    """{label: generator}: the caller's, the layers' (each once), the default one."""
    given = rng if isinstance(rng, dict) else {} if rng is None else {"main": rng}
    found = {f"given.{name}": generator for name, generator in given.items()}
    if model is None:
        return found
    found["default"], seen = nn.init.generator(), set()
    for path, module in model.named_modules():
        generator = module.__dict__.get("rng")
        if hasattr(generator, "bit_generator") and id(generator) not in seen:
            seen.add(id(generator))
            found[f"model.{path}"] = generator
    return found


def _load_generators(path, generators, saved):
    missing = sorted(set(generators) - set(saved))
    if missing:
        raise io.CheckpointError(
            f"{path} lacks the state of the random generator(s) {', '.join(missing)}; "
            f"it holds {', '.join(sorted(saved)) or 'none'}"
        )
    for name, generator in generators.items():
        set_rng_state(generator, saved[name])
