"""Chapter 23: "What to set", and every comparison that its table and its text make."""

import numpy as np

from tinyft.course.experiment import SEEDS, said_gap, settled
from tinyft.course.lessons.answers import ch23_steps as long_run
from tinyft.course.lessons.answers.ch23_instruction_tuning import ARMS


def two(looks, way, score):
    """A score of the runs of a way as text, "1.58, 1.58"; exact answers in per cent."""
    unit, digits = (100, 1) if score == "test" or "exact" in score else (1, 2)
    values = looks.where(way=way).values(score)
    return ", ".join(f"{unit * v:.{3 if 'loss' in score else digits}f}" for v in values)


def _gap(study):
    """(answers alone minus every token, points, one per seed; their best rates)."""
    best = [study.where(objective=one).at_best_rate() for one in ARMS.values()]
    rates = [found[0]["settings"]["lr"] for found in best]
    return 100 * np.subtract(*(found.values("test") for found in best)), rates


def advice(study, looks, after, filled, full, means, seconds):
    """Rows (if, do, gained, price, shown in) of the table of section 9.

    study, looks: the runs of "23_instruction_tuning" and "23_steps".  after: {task: share
    exact} of char_chat.  filled: the share of packed places with a token.  full, means:
    losses by (23.5) and of the micro-batches.  seconds: of a training step.
    """
    gap, rates = _gap(study)
    return [
        [
            "always",
            "learn the answers and their `[END]`, shifted once; print one decoded row",
            "each of three mistakes: no exact answer, at a lower loss than the right run",
            "none",
            "section 3",
        ],
        [
            "you want answers",
            "leave prompts out, by custom",
            f"{_points(gap[: len(SEEDS)])}; with {len(gap)} seeds, a second look, "
            f"{_points(gap)}; 300 steps",
            "none",
            "Figure 2",
        ],
        *_rate_and_steps(study, rates[0], after, seconds),
        *_old_text(looks),
        *_batches(filled, full, means),
    ]


def _rate_and_steps(study, rate, after, seconds):
    """The rows of the rate and of the steps."""
    grid = ", ".join(f"{lr:g}" for lr in sorted({r["settings"]["lr"] for r in study}))
    short = 100 * np.mean(_alone(study, rate).values("test"))
    long = 100 * np.mean(list(after.values()))
    return [
        [
            "a small GPT, AdamW",
            f"rate {rate:g}, then halve and double it",
            f"lowest of {grid} on valid (300 steps, two seeds), not told apart from its "
            "double",
            "a run per rate",
            "section 5",
        ],
        [
            "you can afford it",
            "go on until the loss on valid answers stops falling",
            f"{short:.0f} % exact after 300 steps, {long:.1f} % after 1200",
            f"{1000 * seconds:.0f} ms a step",
            "Figures 2 and 4, section 4",
        ],
    ]


def _alone(study, lr):
    return study.where(objective=ARMS["answers alone"], lr=lr)


def _points(differences):
    return said_gap(differences, 1, label=" points (not settled)") + (
        " points" if settled(differences) else ""
    )


def _old_text(looks):
    """The row of replay, from the two runs of each way."""
    last = f"bible@{long_run.STEPS}"
    alone, mixed = (two(looks, w, last) for w in (long_run.ALONE, long_run.REPLAY))
    return [
        [
            "what the base could do before matters",
            "fill a quarter of the rows with text it has read",
            f"nats on the Bible: {mixed} instead of {alone}",
            f"exact: {two(looks, long_run.REPLAY, 'test')} % instead of "
            f"{two(looks, long_run.ALONE, 'test')} %",
            "Figure 4",
        ]
    ]


def _batches(filled, full, means):
    return [
        [
            "lengths differ",
            "packed rows, block mask, positions restarted where they are added",
            f"{filled:.0%} of the places filled; under a causal mask later answers fail",
            "a mask",
            "section 6, Proofs B",
        ],
        [
            "micro-batches",
            "divide by all targets of the whole batch",
            f"{full:.2f}, not {np.mean(means):.2f} as a mean of means (one task each)",
            "count first",
            "section 7",
        ],
        ["always", "the base model's own template; one `[BOS]`", "by custom", "–", "–"],
    ]


def holds(study, looks, before, after, full, means):
    """{sentence: whether the results say so}. before: {way to ask: {task: share}}."""
    gap, rates = _gap(study)
    by_rate = [
        study.where(objective=o, lr=lr).values("valid")[:2]
        for o in ARMS.values()
        for lr in (0.002, 0.004, 0.008)
    ]
    alone, every = np.array(by_rate).reshape(2, 3, 2)
    return {
        "the base answers nothing in any of three ways": not any(
            share for way in before.values() for share in way.values()
        ),
        "both arms are best at the same rate": rates[0] == rates[1],
        "answers alone: lower loss at every rate, in the mean of two seeds": bool(
            (alone.mean(axis=1) < every.mean(axis=1)).all()
        ),
        "five planned seeds do not settle it, eight exclude 0": (
            settled(gap[: len(SEEDS)]),
            settled(gap),
        )
        == (0, 1),
        "char_chat answers more than 95 %": bool(np.mean(list(after.values())) > 0.95),
        **_held_over_steps(looks),
        "the mean of means is too high, one task per micro-batch": bool(
            np.mean(means) > full
        ),
    }


def _held_over_steps(looks):
    """{sentence: bool} of section 8."""
    alone, mixed, gentle = (
        {k: _over(looks, way, k) for k in ("loss", "exact", "bible")}
        for way in (long_run.ALONE, long_run.REPLAY, long_run.GENTLE)
    )
    early = {k: alone[k][:, 2:4] for k in ("exact", "bible")}  # steps 200 and 300
    start, guess = alone["bible"][0, 0], np.log(82)
    return {
        "answers alone: after 100 steps the loss on the Bible has more than doubled": bool(
            (alone["bible"][:, 1] > 2 * start).all()
        ),
        "answers alone: after 1200 it is more than twice a uniform guess": bool(
            (alone["bible"][:, -1] > 2 * guess).all()
        ),
        "old text: at every look within 0.3 nats of the base, at the end within 0.15": bool(
            (mixed["bible"] < start + 0.3).all()
            and (mixed["bible"][:, -1] < start + 0.15).all()
        ),
        "old text: fewer exact answers at the end, and more than 90 %": bool(
            0.9 < mixed["exact"][:, -1].min()
            and mixed["exact"][:, -1].max() < alone["exact"][:, -1].min()
        ),
        "small rate: at its end, answers and reading as at steps 200 to 300": all(
            early[k].min() < gentle[k][0, -1] < early[k].max() for k in early
        ),
        "answers alone: the loss on valid is lowest in the last 300 steps": bool(
            (alone["loss"].argmin(axis=1) >= len(long_run.LOOKS) - 4).all()
        ),
    }


def _over(looks, way, score):
    """A score at every look, (runs, looks)."""
    runs = looks.where(way=way)
    return np.array(
        [[one["scores"][f"{score}@{t}"] for t in long_run.LOOKS] for one in runs]
    )
