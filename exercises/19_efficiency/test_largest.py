"""Grader of largest. The totals are added up token by token, the search tries them all."""

import pytest

from tinyft.grading import compare

TOL = 1e-9
EQUATION = "(19.1)"
MODELS = [  # frozen, layers, width, inside, sites, ends, logits, r, length, batch
    (1000, 3, 4, 16, 2, 16, 10, 2, 5, 1),
    (5300, 4, 7, 31, 5, 44, 23, 3, 12, 2),
    (811, 2, 9, 27, 3, 29, 17, 5, 7, 3),
    (2600, 6, 5, 44, 4, 38, 12, 1, 9, 4),
]
NAMES = ("frozen", "layers", "width", "inside", "sites", "ends", "logits")


def problem(draw):
    return dict(zip(NAMES, draw)), *draw[7:]


def reference(model, r, length, batch, recompute):
    """Bytes, array by array and token by token."""
    m, total = model, 2 * model["frozen"]
    for _ in range(m["layers"]):
        total += r * m["ends"] * (2 + 2 + 8 + 4)
    for _ in range(batch * length):
        total += 2 * m["logits"]
        for layer in range(m["layers"]):
            total += 2 * m["width"]
            if layer == 0 or not recompute:
                total += 2 * (m["inside"] + m["sites"] * r)
    return total


def total(model, r, length, batch, recompute, **how):
    """The same with a mistake."""
    m = model
    own = r * m["sites"] if how.get("own", True) else 0
    inside = m["inside"] + own
    many = how.get("many", 1 if recompute else m["layers"])
    widths = m["layers"] if how.get("widths", True) or not recompute else 0
    kept = widths * m["width"] + many * inside + how.get("logits", 1) * m["logits"]
    trained = r * m["ends"] * how.get("layers", m["layers"])
    tokens = length * (batch if how.get("texts", True) else 1)
    frozen = how.get("frozen", 2) * m["frozen"]
    return frozen + how.get("each", 16) * trained + how.get("size", 2) * tokens * kept


def wrong(recompute):
    """{name: changes of `total`}."""
    known = {
        "no master copy: 12 bytes per LoRA number": {"each": 12},
        "no gradients: 14 bytes per LoRA number": {"each": 14},
        "LoRA in one block only": {"layers": 1},
        "LoRA's own r numbers per site are forgotten": {"own": False},
        "the logits are forgotten": {"logits": 0},
        "the batch is forgotten": {"texts": False},
        "activations in float32": {"size": 4},
        "frozen numbers cost nothing": {"frozen": 0},
        "frozen numbers in float32": {"frozen": 4},
        "states for the frozen numbers too": {"frozen": 16},
    }
    if recompute:
        known |= {
            "recompute is ignored": {"many": None},
            "the block that is made again is forgotten": {"many": 0},
            "the blocks' inputs are forgotten": {"widths": False},
        }
    else:
        known["one block's inside, though nothing is recomputed"] = {"many": 1}
    return known


def values(given, ask):
    """{name of a mistake: what `ask` makes of a total function with it}."""
    model, recompute = given
    found = {}
    for name, how in wrong(recompute).items():
        if how.get("many", 0) is None:
            how = {"many": model["layers"]}
        found[name] = ask(lambda *a, how=how: total(*a, **how))
    return found


@pytest.mark.points(2)
@pytest.mark.draws(*[(*m, flag) for m in MODELS for flag in (False, True)])
def test_total(student, draw):
    """The four parts together, with and without recomputation."""
    *sizes, recompute = draw
    model, r, length, batch = problem(sizes)
    given = model, r, length, batch, recompute
    want = reference(*given)
    known = values((model, recompute), lambda f: f(*given))
    compare(
        student.total_bytes(dict(model), *given[1:]),
        want=want,
        mistakes=known,
        tol=TOL,
        equation=EQUATION,
    )


def longest(f, model, r, batch, recompute, memory):
    """Try every length, the longest first."""
    fits = [n for n in range(1, 400) if f(model, r, n, batch, recompute) <= memory]
    return max(fits, default=0)


def widest(f, model, length, batch, recompute, memory, most):
    fits = [
        r for r in range(1, most + 1) if f(model, r, length, batch, recompute) <= memory
    ]
    return max(fits, default=0)


MORE = [0, 1, -1]  # bytes beside an exact fit


@pytest.mark.points(2)
@pytest.mark.draws(
    *[
        (*m, flag, more)
        for m, flag, more in zip(
            MODELS + MODELS[:2], (False, True, True, False, True, False), MORE + MORE
        )
    ]
)
def test_length(student, draw):
    """Exactly full, one byte more and one byte less."""
    *sizes, recompute, more = draw
    model, r, length, batch = problem(sizes)
    memory = reference(model, r, length, batch, recompute) + more
    rest = r, batch, recompute, memory
    want = longest(reference, model, *rest)
    known = values((model, recompute), lambda f: longest(f, model, *rest))
    known |= {
        "one too long": want + 1,
        "one too short": want - 1,
        "an exact fit does not count": want - (more == 0),
        "the tokens of the batch, not the length": want * batch,
    }
    compare(
        student.largest_length(dict(model), *rest),
        want=want,
        mistakes=known,
        tol=TOL,
        equation=EQUATION,
    )


@pytest.mark.points(2)
@pytest.mark.draws(
    *[
        (*m, flag, more, room)
        for m, flag, more, room in zip(
            MODELS + MODELS[1:3],
            (True, False, True, False, False, True),
            MORE + MORE,
            (3, -1, 9, 0, 4, -2),
        )
    ]
)
def test_rank(student, draw):
    """The same for the rank; `most` may be smaller than what fits."""
    *sizes, recompute, more, room = draw
    model, r, length, batch = problem(sizes)
    memory = reference(model, r, length, batch, recompute) + more
    rest = length, batch, recompute, memory, r + room
    want = widest(reference, model, *rest)
    known = values((model, recompute), lambda f: widest(f, model, *rest))
    known |= {
        "one too large": want + 1,
        "an exact fit does not count": want - (more == 0),
        "`most` itself is not tried": widest(
            reference, model, *rest[:-1], r + room - 1
        ),
        "`most` is not heeded": widest(reference, model, *rest[:-1], 400),
    }
    compare(
        student.largest_rank(dict(model), *rest),
        want=want,
        mistakes=known,
        tol=TOL,
        equation=EQUATION,
    )


@pytest.mark.draws(*[(*m, flag) for m, flag in zip(MODELS, (False, True) * 2)])
def test_nothing_fits(student, draw):
    """Too little memory even for one token, or for rank 1: 0."""
    *sizes, recompute = draw
    model, r, length, batch = problem(sizes)
    empty = reference(model, r, 0, batch, recompute)
    each = reference(model, r, 1, batch, recompute) - empty
    got = student.largest_length(dict(model), r, batch, recompute, empty - 2 * each - 1)
    known = {"a negative length": -3, "at least 1": 1}
    compare(got, want=0, mistakes=known, tol=TOL, equation=EQUATION)
    least = reference(model, 1, length, batch, recompute) - 1
    got = student.largest_rank(dict(model), length, batch, recompute, least, 9)
    compare(got, want=0, mistakes={"at least 1": 1}, tol=TOL, equation=EQUATION)
    least = reference(model, 0, length, batch, recompute) - 1
    got = student.largest_rank(dict(model), length, batch, recompute, least, 9)
    compare(got, want=0, mistakes={"at least 1": 1}, tol=TOL, equation=EQUATION)
