"""Grader of train_replay. The reference sums losses transition by transition and takes
complex-step gradients of J, exact to rounding: a few steps err by 1e-13."""

import itertools

import numpy as np
import pytest

from tinyft.grading import compare, fail, take

TOL = 1e-9
SIZES = [  # V, (new rows, length), (old rows, length), steps: the sizes all differ
    (3, (4, 7), (2, 5), 2),
    (4, (3, 8), (5, 6), 3),
    (2, (5, 4), (3, 9), 1),
    (5, (2, 11), (6, 7), 4),
]


def text(rng, V, n, T, lean):
    """Rows of different lengths, two tokens at least; each text has its own taste."""
    taste = rng.dirichlet(np.full(V, 1.5)) * 0.6 + 0.4 * np.eye(V)[lean]
    rows = rng.choice(V, (n, T), p=taste)
    ends = rng.permutation(np.resize([T, 2, T - 1], n))
    rows[np.arange(T) >= ends[:, None]] = -1
    return rows


def problem(rng, V, new, old, steps):
    table = rng.normal(size=(V, V))
    share, lr = rng.uniform(0.15, 0.4), rng.uniform(0.8, 1.6)
    texts = text(rng, V, *new, 0), text(rng, V, *old, V - 1)
    return *texts, table, float(share), float(lr), steps


def transitions(rows, shift=1, padded=False):
    """[(a, b, row)] of neighbours; padded: −1 is read as the last token too."""
    found = []
    for i, row in enumerate(rows):
        for a, b in zip(row[: len(row) - shift], row[shift:]):
            if b >= 0 or (padded and a >= 0):
                found.append((int(a), int(b), i))
    return found


def loss(pairs, table):
    logs = np.log(np.exp(table).sum(axis=1))
    return sum(logs[a] - table[a, b] for a, b, _ in pairs) / len(pairs)


def slope(f, at, h=1e-30):
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = f(moved).imag / h
    return found


def reference(new, old, table, w, lr, steps):
    """By slopes of J: no formula for a gradient."""
    a, b = transitions(new), transitions(old)
    losses = [[loss(a, table), loss(b, table)]]
    for _ in range(steps):
        table = table - lr * slope(
            lambda t: (1 - w) * loss(a, t) + w * loss(b, t), table
        )
        losses.append([loss(a, table), loss(b, table)])
    return table, np.array(losses)


def by_rows(pairs, V):
    """A weight for each transition: the mean over rows of the rows' means."""
    rows = [i for _, _, i in pairs]
    counts = np.bincount(rows)
    weight = np.zeros((V, V))
    for a, b, i in pairs:
        weight[a, b] += 1 / counts[i] / len(set(rows))
    return weight


def evenly(pairs, V, by=None):
    weight = np.zeros((V, V))
    for a, b, _ in pairs:
        weight[a, b] += 1 / (by or len(pairs))
    return weight


def run(
    given, weigh=evenly, pairs=transitions, mix=None, rate=1.0, update=None, own=True
):
    """(table, losses) with a mistake: weights of transitions, how they are mixed, ..."""
    new, old, table, w, lr, steps = given
    V = len(table)
    told = [evenly(transitions(rows), V) for rows in (new, old)]
    mixed = [weigh(pairs(rows), V) for rows in (new, old)]
    mixed = (mix or (lambda a, b: (1 - w) * a + w * b))(*mixed)
    losses, first = [], None

    def measure():
        logs = table - np.log(np.exp(table).sum(axis=1, keepdims=True))
        losses.append([-np.sum(c * logs) for c in told])
        return np.exp(logs)

    p = measure()
    for _ in range(steps):
        gradient = mixed.sum(axis=1, keepdims=True) * p - mixed
        gradient = update(p, mixed) if update else gradient
        first = gradient if first is None else first
        table = table - lr * rate * (gradient if own else first)
        p = measure()
    return table, np.array(losses)


def pooled(given):
    new, old, *_ = given
    n, m = len(transitions(new)), len(transitions(old))
    return run(given, mix=lambda a, b: (n * a + m * b) / (n + m))


def pooled_and_weighed(given):
    """Each transition weighs 1 − w or w, and the sum is divided by all of them."""
    new, old, _, w, *_ = given
    n, m = len(transitions(new)), len(transitions(old))
    return run(given, mix=lambda a, b: ((1 - w) * n * a + w * m * b) / (n + m))


def across(rows):
    """Rows joined into one text: the end of one row and the start of the next."""
    row = [t for one in rows for t in one if t >= 0]
    return [(a, b, 0) for a, b in itertools.pairwise(row)]


def mistakes(given):
    new, old, _, w, _, _ = given
    places = [r[:, 1:].size for r in (new, old)]
    known = {
        "the share is the new text's: w and 1 − w are exchanged": run(
            given, mix=lambda a, b: w * a + (1 - w) * b
        ),
        "no replay: the old text is left out": run(given, mix=lambda a, b: a),
        "the new loss keeps its whole weight: L_new + w L_old": run(
            given, mix=lambda a, b: a + w * b
        ),
        "all transitions in one mean: the share is that of the lengths": pooled(given),
        "weights w inside one mean over all transitions": pooled_and_weighed(given),
        "a mean of the rows' means": run(given, weigh=by_rows),
        "the sum is not divided": run(given, weigh=lambda p, V: evenly(p, V, 1)),
        "the targets are not shifted: the token itself is learnt": run(
            given,
            pairs=lambda rows: [
                (int(t), int(t), 0) for row in rows[:, 1:] for t in row if t >= 0
            ],
        ),
        "shifted twice: the token after the next is learnt": run(
            given, pairs=lambda rows: transitions(rows, 2)
        ),
        "−1 counts as the last token": run(
            given, pairs=lambda rows: transitions(rows, padded=True)
        ),
        "the transition is learnt backwards": run(
            given, pairs=lambda rows: [(b, a, i) for a, b, i in transitions(rows)]
        ),
        "transitions from the end of a row to the next": run(given, pairs=across),
        "the step goes up the gradient": run(given, rate=-1.0),
        "every row of the table has the whole weight: rows are weighed by how often": run(
            given,
            update=lambda p, m: p - m / np.maximum(m.sum(1, keepdims=True), 1e-300),
        ),
        "every step uses the first gradient": run(given, own=False),
        "the padding is in the number of transitions": run(
            given,
            mix=lambda a, b: (
                (1 - w) * a * len(transitions(new)) / places[0]
                + w * b * len(transitions(old)) / places[1]
            ),
        ),
    }
    return known


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_table(student, rng, draw):
    """The table after a few steps."""
    given = problem(rng, *draw)
    compare(
        student.train_replay(*given)[0],
        want=reference(*given)[0],
        mistakes={name: run[0] for name, run in mistakes(given).items()},
        tol=TOL,
        equation="(21.3)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """L_new and L_old before every step and after the last."""
    given = new, old, *_, w, _, _ = problem(rng, *draw)
    want = reference(*given)[1]
    n, m = len(transitions(new)), len(transitions(old))
    known = {
        "L_old and L_new are exchanged": want[:, ::-1],
        "the losses are sums": want * [n, m],
        "the losses have their weights in J": want * [1 - w, w],
        "J instead of its two losses": want @ [1 - w, w],
        "the loss after the last step is missing": want[:-1],
        "the loss before the first step is missing": want[1:],
        "bits instead of nats": want / np.log(2),
        "perplexities instead of losses": np.exp(want),
    }
    known |= {name: run[1] for name, run in mistakes(given).items()}
    compare(
        student.train_replay(*given)[1],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(21.1)",
    )


@pytest.mark.draws((3, (4, 7), (2, 5), 0.0), (4, (3, 8), (5, 6), 1.0))
def test_ends(student, rng, draw):
    """A share of 0 and of 1: one text alone is learnt, both are measured."""
    *sizes, share = draw
    new, old, table, _, lr, _ = problem(rng, *sizes, 2)
    given = new, old, table, share, lr, 2
    compare(
        student.train_replay(*given),
        want=reference(*given),
        mistakes={
            "the share is the new text's: w and 1 − w are exchanged": reference(
                new, old, table, 1 - share, lr, 2
            ),
        },
        tol=TOL,
        equation="(21.3)",
    )


@pytest.mark.draws(*SIZES[:2])
def test_large_logits(student, rng, draw):
    """Rows far from 0, some up and some down: p depends on differences only."""
    new, old, table, share, lr, steps = problem(rng, *draw)
    shift = np.resize([1500.0, -1500.0], (len(table), 1))
    steep = table.copy()  # less the least of a row instead, exp would overflow
    steep[:, 0] -= 800
    new, old = (np.where(rows == 0, 1, rows) for rows in (new, old))  # 0 never comes
    given = new, old, steep + shift, share, lr, steps
    want = reference(new, old, steep, share, lr, steps)
    got, losses = student.train_replay(*given)
    if not (np.all(np.isfinite(got)) and np.all(np.isfinite(losses))):
        fail(
            "exp of a large logit overflows, or all of a row are 0",
            "take each row's own largest logit off before exp",
            equation="(21.1)",
        )
    compare((got - shift, losses), want=want, tol=TOL, equation="(21.1)")


@pytest.mark.draws((3, 0.2), (4, 0.35), (5, 0.5))
def test_where_it_ends(student, rng, draw):
    """Long texts and many steps: the mixture P_w, ω_a = w π_A / (w π_A + (1 − w) π_B)."""
    V, w = draw
    texts = [rng.integers(0, V, (6, 40)) for _ in range(2)]
    texts[0][:, ::2] = 0  # the new text says token 0 far more often
    counts = [evenly(transitions(rows), V) for rows in texts]
    mixed = (1 - w) * counts[0] + w * counts[1]
    want = mixed / mixed.sum(1, keepdims=True)
    conditional = [c / c.sum(1, keepdims=True) for c in counts]
    given = (*texts, np.zeros((V, V)), w, 4.0, 600)
    table = take(student.train_replay(*given)[0], table=(V, V))
    got = np.exp(table) / np.exp(table).sum(1, keepdims=True)
    compare(
        got,
        want=want,
        mistakes={
            "no replay: the old text is left out": conditional[0],
            "every row of the table has the whole weight: rows are weighed by how often": (
                (1 - w) * conditional[0] + w * conditional[1]
            ),
            "the share is the new text's: w and 1 − w are exchanged": (
                (m := w * counts[0] + (1 - w) * counts[1]) / m.sum(1, keepdims=True)
            ),
        },
        tol=1e-4,  # the rarest row contracts by 1 − 4 · 0.06 · 0.1 a step
        equation="(21.4)",
        called="train_replay for 600 steps",
    )
