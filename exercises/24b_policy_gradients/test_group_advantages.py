"""Grader of group_advantages. The reference compares each answer with each other one."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
SIZES = [((3, 4, 2), 3), ((5, 2, 3), 4), ((4, 3), 7)]


def problem(rng, sizes, values, alone=True):
    """Groups of several sizes, mixed; one answer alone, one group of equal rewards."""
    prompt = np.repeat(rng.permutation(50)[: len(sizes)], sizes)
    rewards = rng.choice(rng.uniform(-2, 5, values), len(prompt))
    for one in np.unique(prompt):  # no group is flat by chance
        at = np.flatnonzero(prompt == one)
        rewards[at[0]], rewards[at[1]] = rng.uniform(6, 9), rng.uniform(-5, -3)
    if alone:
        prompt = np.r_[prompt, 60, 61, 61, 61]
        rewards = np.r_[rewards, 2.3, 0.7, 0.7, 0.7]
    mixed = rng.permutation(len(prompt))
    return rewards[mixed], prompt[mixed]


def by(rewards, prompt, scaled, rule):
    """rule(own, others, group) for every answer, pair by pair."""
    A = np.zeros(len(rewards))
    for i in range(len(rewards)):
        group = [float(rewards[j]) for j in range(len(rewards)) if prompt[j] == prompt[i]]
        others = [
            float(rewards[j])
            for j in range(len(rewards))
            if j != i and prompt[j] == prompt[i]
        ]
        A[i] = rule(float(rewards[i]), others, group)
    return A


def sigma(group, ddof=0):
    m = sum(group) / len(group)
    return (sum((r - m) ** 2 for r in group) / (len(group) - ddof)) ** 0.5


def rule_of(scaled, base="others", spread=None, flat=0.0, eps=0.0, alone=0.0):
    def rule(own, others, group):
        if not others:
            return alone if alone != "own" else own
        if max(group) == min(group):
            return flat
        b = sum(others) / len(others)
        b = {"others": b, "mean": sum(group) / len(group), "none": 0.0}.get(base, b)
        b = sorted(others)[len(others) // 2] if base == "median" else b
        s = (spread or sigma)(group) if scaled else 1.0
        return (own - b) / (s + eps if scaled else s)

    return rule


def reference(rewards, prompt, scaled):
    return by(rewards, prompt, scaled, rule_of(scaled))


def mistakes(rewards, prompt, scaled):
    def given(*args, **how):
        return by(rewards, prompt, scaled, rule_of(scaled, *args, **how))

    rest = (rewards.sum() - rewards) / (len(rewards) - 1)
    batch = rewards - rest
    known = {
        "the answer's own reward is in the mean": given("mean"),
        "no baseline": given("none"),
        "the median of the others, not their mean": given("median"),
        "the others of all prompts": batch / (rewards.std() if scaled else 1.0),
        "the baseline is added": given("others") * 0
        + by(
            rewards,
            prompt,
            scaled,
            lambda own, others, group: 0.0
            if not others or max(group) == min(group)
            else (own + sum(others) / len(others)) / (sigma(group) if scaled else 1.0),
        ),
        "the others minus the answer": -reference(rewards, prompt, scaled),
        "an answer that is alone keeps its reward": given(alone="own"),
        "an answer that is alone gives NaN": given(alone=np.nan),
    }
    if scaled:
        known |= {
            "σ with 1/(G − 1)": given(spread=lambda g: sigma(g, 1)),
            "the variance, not σ": given(spread=lambda g: sigma(g) ** 2),
            "1e-4 is added to σ": given(eps=1e-4),
            "σ of all rewards": given(spread=lambda g: rewards.std()),
            "equal rewards give NaN": given(flat=np.nan),
            "not divided by σ": reference(rewards, prompt, False),
        }
    else:
        known["divided by σ though scaled is false"] = reference(rewards, prompt, True)
    return known


def told(known, want):
    """The mistakes that show on this draw."""
    return {
        k: v for k, v in known.items() if not np.allclose(v, want, rtol=0, atol=1e-7)
    }


@pytest.mark.points(2)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.draws(*SIZES)
def test_mixed_groups(student, rng, draw, scaled):
    """Groups of several sizes in any order, one answer alone, one group of equals."""
    rewards, prompt = problem(rng, *draw)
    want = reference(rewards, prompt, scaled)
    known = told(mistakes(rewards, prompt, scaled), want)
    got = student.group_advantages(rewards, prompt, scaled)
    compare(got, want=want, mistakes=known, tol=TOL, equation="(24b.3), (24b.4)")


@pytest.mark.draws(*SIZES[:2])
def test_right_or_wrong(student, rng, draw):
    """Rewards 0 and 1, some groups without a right answer."""
    rewards, prompt = problem(rng, *draw)
    rewards = (rewards > 5.9).astype(float)
    want = reference(rewards, prompt, True)
    known = told(mistakes(rewards, prompt, True), want)
    got = student.group_advantages(rewards, prompt, True)
    compare(got, want=want, mistakes=known, tol=TOL, equation="(24b.3), (24b.4)")
