"""Chapter 23b: the rows of "What to set", and every comparison that its text makes."""

import numpy as np

from tinyft.course import runs
from tinyft.course.experiment import said, said_gap, settled
from tinyft.course.lessons.more_tokens import ch23_sampling as samples
from tinyft.course.lessons.more_tokens import ch23_scratchpad as sums


def gaps(many, heat=1.0):
    """{name: points, one per model} of the paired differences at a temperature."""
    warm = many.where(temperature=heat)
    got = {k: 100 * np.array(v) for k, v in _columns(warm).items()}
    return {
        "greedy - one": got["greedy"] - got["pass@1"],
        "vote - greedy": got["vote@32"] - got["greedy"],
        "best - greedy": got["best@32"] - got["greedy"],
        "pass@4 - greedy": got["pass@4"] - got["greedy"],
        "pass@4 - guess": got["pass@4"] - 100 * (1 - 0.9**4),
        "pass@32 - guess": got["pass@32"] - 100 * (1 - 0.9**32),
    }


def _columns(warm):
    names = ("pass@1", "pass@4", "pass@32", "vote@32", "best@32", "greedy")
    return {name: warm.values(name) for name in names}


def _between(many, score):
    """A score at the lowest temperature minus the same at 1, one per model."""
    low, high = (
        np.array(many.where(temperature=t).values(score))
        for t in (min(samples.TEMPERATURES), 1.0)
    )
    return low - high


def _on_valid(many, heat):
    """Vote of 32 minus greedy on the questions for validation, one per model."""
    warm = many.where(temperature=heat)
    return np.array(warm.values("valid vote@32")) - warm.values("valid greedy")


def _most(many):
    """The k at which the mean of pass@k lies furthest above a guesser's."""
    warm = many.where(temperature=1.0)
    over = {k: np.mean(warm.values(f"pass@{k}")) - (1 - 0.9**k) for k in samples.COUNTS}
    return max(over, key=over.get)


def ways():
    """{way: per cent right, one per seed} of section 1, each at the rate 0.004."""
    study, lr = runs.load("23_scratchpad"), sums.RATES[1]
    names = (sums.ANSWER, sums.PAD, sums.FILLER)
    return {w: 100 * np.array(study.where(way=w, lr=lr).values("test")) for w in names}


def best_heat(many):
    """The temperature of the best vote of 32 on valid, the mean over the models."""
    votes = {
        t: np.mean(many.where(temperature=t).values("valid vote@32"))
        for t in samples.TEMPERATURES
    }
    return max(votes, key=votes.get)


# --- the table -------------------------------------------------------------------------


def more_tokens(many, curve):
    """Rows (if, do, gained, price, shown in). many: the runs of "23_sampling".

    curve: the Transformer's errors in context, (seeds, 16).
    """
    right, warm, cold = ways(), gaps(many), gaps(many, samples.TEMPERATURES[0])
    return [
        [
            "the answer follows from steps that can be written down",
            "train on the steps and let it write them",
            f"{_points(right[sums.PAD] - right[sums.ANSWER])} over at once",
            f"{sums.DIGITS + 1} tokens per answer, [END] included, instead of 2",
            "Figure 1",
        ],
        [
            "no such steps are known",
            "add no empty tokens",
            f"filler over at once: {_points(right[sums.FILLER] - right[sums.ANSWER])}; one "
            "filler, one rate",
            f"{sums.DIGITS - 1} tokens more, for nothing",
            "Figure 1",
        ],
        [
            "one answer is wanted",
            "greedy",
            f"{_points(warm['greedy - one'])} over one sample at temperature 1",
            "none",
            "Figure 2",
        ],
        [
            "a program can check answers",
            "draw several: 2 at 0.4, 32 at 1 (4 and 8: either); report a guesser's too",
            f"pass@4 over greedy: {_points(warm['pass@4 - greedy'])}; over guessing: "
            f"{_points(warm['pass@4 - guess'])}",
            "4 answers and the checker",
            "Figure 2",
        ],
        *_without_checker(warm, cold, curve),
    ]


def _without_checker(warm, cold, curve):
    """The rows of the vote and of examples in the prompt."""
    return [
        [
            "nobody can check",
            "stay with greedy, unless a vote beats it on *valid*",
            f"vote of 32 over greedy: {_points(warm['vote - greedy'])} at temperature 1, "
            f"{_points(cold['vote - greedy'])} at {samples.TEMPERATURES[0]}",
            f"32 answers: {32 * (sums.DIGITS + 1)} tokens instead of {sums.DIGITS + 1}",
            "temperatures, section 2",
        ],
        [
            "the model was trained to read examples",
            "about nine here; more than the 15 of training was not tried",
            f"error {said(curve[:, 2], 3)} with 2, {said(curve[:, 9], 3)} with 9, "
            f"{said(curve[:, 15], 3)} with 15",
            "a vector per example, again in every question",
            "Figure 3",
        ],
    ]


def _points(differences):
    return said_gap(differences, 1, label=" points (not settled)") + (
        " points" if settled(differences) else ""
    )


def more_tokens_hold(many, curve, ridge, step):
    """{sentence: whether the results say so}. ridge and step: errors (16,)."""
    warm = gaps(many)
    cold = [gaps(many, t) for t in samples.TEMPERATURES[:-1]]
    got = {
        k: 100 * np.array(v) for k, v in _columns(many.where(temperature=1.0)).items()
    }
    return {
        **_hold_steps(),
        "temperature 1: greedy, vote and best of 32 are above one sample": all(
            settled(got[k] - got["pass@1"]) == 1
            for k in ("greedy", "vote@32", "best@32")
        ),
        "pass@4 is above guessing, pass@32 is not settled": settled(
            warm["pass@4 - guess"]
        )
        == 1
        and not settled(warm["pass@32 - guess"]),
        "vote of 32 against greedy: not settled at any temperature": not any(
            settled(g["vote - greedy"]) for g in (warm, *cold)
        ),
        "on valid: the vote is below greedy at temperature 1, not settled at the lowest": (
            settled(_on_valid(many, 1.0)),
            settled(_on_valid(many, min(samples.TEMPERATURES))),
        )
        == (-1, 0),
        "best of 32 against greedy: not settled at any temperature": not any(
            settled(g["best - greedy"]) for g in (warm, *cold)
        ),
        **_hold_heat(many),
        "pass@k minus guessing, in the mean: largest at k = 4": _most(many) == 4,
        **_hold_context(curve, ridge, step),
    }


def _hold_heat(many):
    """{sentence: bool} of the temperatures."""
    return {
        "at the lowest temperature one sample is better than at 1, pass@32 worse": (
            settled(_between(many, "pass@1")),
            settled(_between(many, "pass@32")),
        )
        == (1, -1),
        "pass@2 is better at the lowest temperature than at 1, pass@4 and @8 not settled": [
            settled(_between(many, f"pass@{k}")) for k in (2, 4, 8)
        ]
        == [1, 0, 0],
        "on valid the lowest temperature has the best vote": best_heat(many)
        == min(samples.TEMPERATURES),
    }


def _hold_steps():
    """{sentence: bool} of section 1."""
    right = ways()
    other = np.concatenate([right[sums.ANSWER], right[sums.FILLER]])
    return {
        "at 0.004, every scratchpad run is above every other run": bool(
            right[sums.PAD].min() > other.max()
        ),
        "filler against at once: not settled": not settled(
            right[sums.FILLER] - right[sums.ANSWER]
        ),
    }


def _hold_context(curve, ridge, step):
    """{sentence: bool} of section 3."""
    return {
        "the Transformer is above ridge in every seed, in the mean over k": bool(
            (curve.mean(axis=1) > ridge.mean()).all()
            and settled(curve.mean(1) - ridge.mean())
        ),
        "from one example on, every seed is below three gradient steps": bool(
            (curve.max(axis=0)[1:] < step[1:]).all()
        ),
        "of what 15 examples gain on none, 9 have at least 98 %": bool(
            np.mean(curve[:, 0] - curve[:, 9])
            > 0.98 * np.mean(curve[:, 0] - curve[:, 15])
        ),
        "more examples: the error falls from 2 to 15": settled(
            curve[:, 2] - curve[:, 15]
        )
        == 1,
    }
