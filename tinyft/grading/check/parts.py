"""What an answer returned, taken apart: the number and shapes of its values.

Its shapes are the answer's own, so they are looked at before anything is computed.
"""

import numpy as np

from tinyft.grading.check import diagnose
from tinyft.grading.check.compare import Failed, join, see


def unpacked(got, names):
    """Several values as a tuple, pairs inside too; Failed when they are not so many.

    names: of the values, a list inside for values that belong together.
    """
    if isinstance(names, str):
        return got
    if not isinstance(got, (tuple, list)) or len(got) != len(names):
        raise Failed(diagnose.several(got, [_text(name) for name in names]))
    return tuple(unpacked(one, name) for one, name in zip(got, names, strict=True))


def _text(name):
    return name if isinstance(name, str) else f"({', '.join(name)})"


def take(got, equation="", **shapes):
    """The arrays of an answer, once their number and shapes are what was asked.

    shapes: a name and a shape for each value, as A=(3, 7); () is a number, None any
    length.  One value alone is returned as it is, several as a tuple.
    """
    parts = (got,) if len(shapes) == 1 else unpacked(got, list(shapes))
    arrays = []
    for (name, shape), part in zip(shapes.items(), parts, strict=True):
        told = diagnose.unlike(part, shape)
        if told:
            raise Failed(join(f"{name} is wrong: {told}.", see(equation)))
        arrays.append(np.asarray(part))
    return tuple(arrays) if len(arrays) > 1 else arrays[0]
