"""Chapter 23b: the rows of "What to set", and every comparison that its text makes."""

import numpy as np

from tinyft.course import runs
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
        "pass@8 - guess": got["pass@8"] - 100 * (1 - 0.9**8),
        "pass@32 - guess": got["pass@32"] - 100 * (1 - 0.9**32),
    }


def _columns(warm):
    names = ("pass@1", "pass@8", "pass@32", "vote@32", "best@32", "greedy")
    return {name: warm.values(name) for name in names}


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
