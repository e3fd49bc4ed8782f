"""Names and layouts of public checkpoints, and of our Transformer.

One table of rows for each family, read in both directions: (their name, our names,
whether theirs is the transpose). A fused matrix has several of ours.

Strict: missing or unknown names are errors that list them. Known to carry no weights,
and dropped: causal masks (`attn.bias`), `position_ids`, rotary `inv_freq`, and the
heads that the config does not ask for. Source: the modeling files of transformers 5.
"""

import re
from typing import NamedTuple

import numpy as np

from tinyft.io.tensors import CheckpointError

SHOWN = 8  # names in an error; a config may ask for a billion layers


class Format(NamedTuple):
    """The names of one family.

    extras(config) gives ({second name: the name it repeats}, patterns): what else may
    stand in a file. A name that fits a pattern may hold anything, others must agree.
    """

    rows: object  # config -> rows
    extras: object
    prefix: str  # of their names, which a model without a head lacks
    bare: tuple  # how the names begin that never have the prefix
    tied: str  # their module that shares the embedding


class NamesError(CheckpointError, KeyError):
    """Names that are missing or unknown; a KeyError too, but with a readable text."""

    __str__ = Exception.__str__


def layer(theirs, ours, biased, transposed=False):
    """Rows of one layer: its weight, and its bias if it has one."""
    ours = (ours,) if isinstance(ours, str) else ours
    yield f"{theirs}.weight", tuple(f"{name}.weight" for name in ours), transposed
    if biased:
        yield f"{theirs}.bias", tuple(f"{name}.bias" for name in ours), False


def bare_names(form, names):
    """{their name without the family's prefix: their name}."""
    return {name.removeprefix(form.prefix): name for name in names}


def check_names(what, form, names, config):
    """Raise NamesError unless `names`, without prefix, are those of the config."""
    copies, dropped = form.extras(config)
    wanted, missing = set(), []
    for theirs, _, _ in form.rows(config):
        wanted.add(theirs)
        if theirs not in names:
            missing.append(theirs)
            if len(missing) > SHOWN:
                break
    allowed = re.compile("|".join([*dropped, *map(re.escape, copies)]))
    unknown = [n for n in names if n not in wanted and not allowed.fullmatch(n)]
    refuse(what, missing, [] if len(missing) > SHOWN else unknown)


def refuse(what, missing, unknown):
    """Raise NamesError if there is any of either."""
    if missing or unknown:
        raise NamesError(
            f"{what}: the names are not those of this configuration. Missing: "
            f"{_listed(missing)}. Unknown: {_listed(unknown)}. Is it another model, or "
            "a config with other layers or heads?"
        )


def _listed(names):
    more = ", ..." if len(names) > SHOWN else ""
    return (", ".join(sorted(names)[:SHOWN]) or "none") + more


def pieces(what, form, state, config, without=()):
    """Yield (our name, array) of a mapping {their name: array}, one row at a time;
    those of their names in `without` are passed over."""
    names = bare_names(form, state)
    check_names(what, form, names, config)
    _check_copies(what, form.extras(config), names, state)
    for theirs, ours, transposed in form.rows(config):
        if names[theirs] in without:
            continue
        array = host(state[names[theirs]])
        parts = np.split(array.T if transposed else array, len(ours))
        yield from ((n, np.ascontiguousarray(p)) for n, p in zip(ours, parts))


def _check_copies(what, extras, names, state):
    """A second name of a tied array holds the same values."""
    copies, dropped = extras
    free = re.compile("|".join(dropped))
    for second, first in copies.items():
        if second not in names or free.fullmatch(second):
            continue
        if not np.array_equal(
            host(state[names[second]]), host(state[names[first]]), equal_nan=True
        ):
            raise ValueError(
                f"{what}: {second} and {first} are one array in this model, but the "
                "state has two; was the head trained apart? Then use config.tied=False "
                '("tie_word_embeddings": false in config.json)'
            )


def to_ours(what, form, state, config):
    """Their {name: array} as ours, tied arrays under both names."""
    ours = dict(pieces(what, form, state, config))
    return ours | tied(ours, config)


def to_theirs(what, form, state, config):
    """Our {name: array} as theirs; the exact inverse of `to_ours`."""
    rows, (copies, _) = list(form.rows(config)), form.extras(config)
    known = {name for _, names, _ in rows for name in names}
    missing = known - set(state)
    second = set() if missing else set(tied(state, config))
    refuse(what, missing, set(state) - known - second)
    theirs = {}
    for name, names, transposed in rows:
        array = np.concatenate([host(state[n]) for n in names])
        theirs[name] = np.ascontiguousarray(array.T) if transposed else array
    for name, first in copies.items():
        theirs[name] = theirs[first]
    return {
        n if n.startswith(form.bare) else form.prefix + n: a for n, a in theirs.items()
    }


def tied(state, config):
    """The second name of our tied embedding."""
    if not config.tied or config.head not in ("lm", "mlm"):
        return {}
    last = "head.decoder.weight" if config.head == "mlm" else "head.weight"
    return {last: state["embed.weight"]}


def host(value):
    """A Tensor, a tensor of PyTorch or an array as a NumPy array."""
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
