"""Grader of packed_row. The reference asks of every pair who wrote both tokens."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
DRAWS = [(3, (2, 4, 3), 14), (2, (5, 1, 2, 3), 15), (4, (3, 3), 12), (1, (2, 2, 4), 12)]


def owners(shared, lengths, T):
    """("prompt" | 0, 1, ... | None, place in its own copy) of each token."""
    found = [("prompt", i) for i in range(shared)]
    for d, n in enumerate(lengths):
        found += [(d, shared + i) for i in range(n)]
    return found + [(None, 0)] * (T - len(found))


def grid(shared, lengths, T, may):
    """The mask of a rule may(t, s, owner of t, owner of s)."""
    who = [o for o, _ in owners(shared, lengths, T)]
    places = range(T)
    return np.array([[float(may(t, s, who[t], who[s])) for s in places] for t in places])


def rule(t, s, a, b):
    if a is None or b is None:
        return t == s
    return s <= t and b in (a, "prompt")


def masks(given):
    def by(may):
        return grid(*given, may)

    return {
        "the plain causal mask": by(lambda t, s, a, b: s <= t),
        "conversations do not see the prompt": by(
            lambda t, s, a, b: t == s if a is None or b is None else s <= t and a == b
        ),
        "tokens look ahead": by(
            lambda t, s, a, b: t == s if a is None or b is None else b in (a, "prompt")
        ),
        "the prompt looks ahead within itself": by(
            lambda t, s, a, b: rule(t, s, a, b) or a == b == "prompt"
        ),
        "the prompt sees the conversations": by(
            lambda t, s, a, b: rule(t, s, a, b)
            or (a == "prompt" and b not in ("prompt", None))
        ),
        "a token does not see itself": by(
            lambda t, s, a, b: rule(t, s, a, b) and (t != s or a is None)
        ),
        "each conversation sees the one before it": by(
            lambda t, s, a, b: rule(t, s, a, b)
            or (isinstance(a, int) and isinstance(b, int) and b == a - 1)
        ),
        "rows of padding are empty": by(
            lambda t, s, a, b: rule(t, s, a, b) and a is not None
        ),
        "padding sees the prompt": by(
            lambda t, s, a, b: rule(t, s, a, b) or (a is None and b == "prompt")
        ),
        "padding sees other padding": by(
            lambda t, s, a, b: rule(t, s, a, b) or (a is None and b is None and s <= t)
        ),
        "keys and queries are exchanged": by(rule).T,
        "True where a query may not look": 1 - by(rule),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_mask(student, draw):
    """Every pair of tokens; the last ones are padding."""
    given = draw[0], list(draw[1]), draw[2]
    compare(
        np.asarray(student.packed_row(*given)[0], dtype=float),
        want=grid(*given, rule),
        mistakes={k: m for k, m in masks(given).items() if (m != grid(*given, rule)).any()},
        tol=TOL,
        equation="(23.3)",
    )


@pytest.mark.draws(*DRAWS)
def test_positions(student, draw):
    """Each token's place in its own copy."""
    shared, lengths, T = given = draw[0], list(draw[1]), draw[2]
    who = owners(*given)
    want = np.array([float(place) for _, place in who])
    inside = np.array([float(isinstance(o, int)) for o, _ in who])
    real = np.array([float(o is not None) for o, _ in who])
    known = {
        "positions run on through the row": np.arange(T) * real,
        "positions run on, the padding counted too": np.arange(T, dtype=float),
        "positions restart at 0, as if without the prompt": want - shared * inside,
        "positions begin at 1": (want + 1) * real,
        "one place too far behind the prompt": want + inside,
        "one place too near to the prompt": want - inside,
        "the prompt's positions are 0": want * inside,
        "the padding counts on": want
        + (1 - real) * np.cumsum(1 - real)
        + (1 - real) * (shared + lengths[-1] - 1),
    }
    compare(
        np.asarray(student.packed_row(*given)[1], dtype=float),
        want=want,
        mistakes={k: v for k, v in known.items() if (v != want).any()},
        tol=TOL,
        equation="(23.4)",
    )
