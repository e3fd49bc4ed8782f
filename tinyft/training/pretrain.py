"""`tinyft pretrain NAME`: make one of the course's own checkpoints again.

The file holds float32 weights, or float16 (`gpt_kjv`, `char_text`, `char_chat`); its header
says how they came to be: command, seed, steps, SHA-256 of the data, configuration, losses,
and which path computed them if it was not NumPy. On one machine two runs on one path give
the same bytes.
"""

import hashlib
import json
import sys
from pathlib import Path

from tinyft import data, io
from tinyft.training import recipes
from tinyft.training.made_for import path_of
from tinyft.training.pretrained import checkpoint_path, stored_state

NAMES = {
    name: getattr(recipes, name)
    for name in (
        "resnet_digits6",
        "resnet_digits",
        "vit_digits",
        "gpt_text",
        "bert_text",
        "gpt_kjv",
        "char_text",
        "char_chat",
    )
}


def pretrain(name, out=None, progress=True, steps=None):
    """Train a recipe and write OUT/NAME.safetensors; return its path.

    out: a folder, build/checkpoints by default; a tokenizer is written beside the
    weights. `steps` shortens the recipe (to try it). A run that is stopped (Ctrl-C) goes
    on from OUT/NAME.run when it is started again, to the same bytes.
    Raises ValueError for an unknown name.
    """
    if name not in NAMES:
        raise ValueError(
            f"pretrain: there is no recipe {name!r}, only {', '.join(NAMES)}"
        )
    folder = Path(out) if out is not None else Path("build/checkpoints")
    folder.mkdir(parents=True, exist_ok=True)
    trained = _resumable(name, steps, progress, folder / f"{name}.run")
    for p in trained.model.parameters():  # what is judged is what is stored
        p.data = stored_as(p.data, trained.dtype).astype(p.dtype)
    path = folder / f"{name}.safetensors"
    metrics = recipes.judge(
        trained.model, trained.tokenizer, trained.classes, trained.texts
    )
    state = {
        key: stored_as(tensor.numpy(), trained.dtype)
        for key, tensor in stored_state(trained.model).items()
    }
    io.save(path, state, describe(name, trained, metrics))
    if trained.tokenizer is not None:
        trained.tokenizer.save(folder / f"{name}.tokenizer.json")
    (folder / f"{name}.run").unlink(missing_ok=True)
    if progress:
        print(report(name, path, trained.model.count(), metrics))
    return path


def _resumable(name, steps, progress, run):
    try:
        return NAMES[name](steps, progress, run)
    except KeyboardInterrupt:
        if progress and run.exists():
            print(f"\nStopped. The same command goes on from {run}", file=sys.stderr)
        raise
    except ValueError as error:
        if not run.exists():
            raise
        raise ValueError(
            f"pretrain: {run} is left of a run that cannot go on like this ({error}). "
            "Delete it to begin again"
        ) from error


def stored_as(array, dtype):
    """`array` as `dtype` if it holds floats: BatchNorm's count of batches does not."""
    return array.astype(dtype) if array.dtype.kind == "f" else array


def describe(name, trained, metrics):
    """The header of a checkpoint: {str: str}, JSON where it is not plain text."""
    path = path_of(trained.model)
    return {
        **({} if path == "numpy" else {"computed_by": path}),
        "name": name,
        "command": f"OPENBLAS_NUM_THREADS=1 tinyft pretrain {name}",
        "model": type(trained.model).__name__,
        "config": json.dumps(trained.model.config.to_dict()),
        "parameters": str(trained.model.count()),
        "classes": json.dumps(trained.classes),
        "seed": str(recipes.SEED),
        "steps": str(trained.steps),
        "data": json.dumps({file: data.SHA256[file] for file in trained.files}),
        "training_loss": f"{trained.loss:.6f}",
        "held_out": json.dumps({k: round(v, 6) for k, v in metrics.items()}),
    }


def report(name, path, count, metrics):
    """What came out, and whether it is the published file."""
    numbers = "  ".join(f"{k} {v:.4f}" for k, v in metrics.items())
    text = f"{path}: {count:,} parameters, held out: {numbers}"
    shipped = checkpoint_path(name)
    if shipped.exists() and shipped.resolve() != path.resolve():
        same = digest(shipped) == digest(path)
        word = "the same bytes as" if same else "other bytes than (another BLAS?)"
        text += f"\n{word} the published file"
    return text


def digest(path):
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
