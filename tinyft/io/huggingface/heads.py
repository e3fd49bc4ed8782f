"""A classifier's head on a folder that has none: load_model(folder, classes=2).

Every other name of the folder is checked as ever. Drawn are the head and, where the
folder lacks it, the layer below it that summarises a text: N(0, 0.02²), biases 0, as in
a new Transformer.
"""

from typing import NamedTuple

from tinyft import nn
from tinyft.io.huggingface.families import FAMILIES, config_of
from tinyft.io.huggingface.names import Format, bare_names

PARTS = ("head.", "pooler.")


class NewHead(NamedTuple):
    """What a folder is read with, and what is drawn."""

    theirs: dict  # config.json, with the new number of labels
    form: Format  # without the rows that are drawn
    drawn: list  # our names

    def draw(self, model, rng):
        """Fill the new weights of a model; the biases are 0 already."""
        slots, rng = dict(model.named_parameters()), nn.init.seeded(rng)
        for name in self.drawn:
            if slots[name].ndim > 1:
                nn.init.normal_(slots[name], 0.0, 0.02, rng)


def new_head(folder, kind, theirs, weights, head, classes):
    """The NewHead of `classes` for a folder; nothing is drawn if it has such a head.

    Raises ValueError for a head other than a classifier's and for a folder whose
    classifier has another number of classes.
    """
    _check(head, classes)
    theirs = {**theirs, "num_labels": classes, "id2label": None}
    config, form = config_of(kind, theirs, "cls"), FAMILIES[kind].form
    names, rows = bare_names(form, weights), list(form.rows(config))
    last = [their for their, ours, _ in rows if ours[0].startswith("head.")]
    there = [their for their in last if their in names]
    for their in there:
        held = weights.entries[names[their]].shape[0]
        if held != classes:
            raise ValueError(
                f"{folder} has a classifier of {held} classes ({their}), and "
                f"load_model(classes={classes}) was called; leave classes= out to read "
                'it, or read the layers below it with head="none"'
            )
    parts = () if there else PARTS
    lacking = {r[0]: r[1][0] for r in rows if r[1][0].startswith(parts)}
    lacking = {their: our for their, our in lacking.items() if their not in names}
    return NewHead(theirs, _without(form, lacking), list(lacking.values()))


def _check(head, classes):
    if type(classes) is not int or classes < 1:
        raise ValueError(
            f"load_model: classes must be a positive integer, got {classes!r}"
        )
    if head not in (None, "cls"):
        raise ValueError(
            f"load_model: classes={classes} is for a classifier, head='cls', and "
            f"head={head!r} was given; leave one of them out"
        )


def _without(form, names):
    """A family's format without some rows."""

    def rows(config):
        return (row for row in form.rows(config) if row[0] not in names)

    return form._replace(rows=rows)
