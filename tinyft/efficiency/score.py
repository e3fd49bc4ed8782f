"""One number for a method, M = ΔAcc/√(p c), and the front that needs none.

    p = trained parameters / the most allowed      c = FLOPs of a step / the most allowed

ΔAcc: the accuracy gained over the base. c is the *total* compute. With the extra compute
alone a method that adds none (BitFit, a merged LoRA) has c = 0 and M = ∞, whatever it
gains. Dividing p or c by other constants scales every M alike, so no order changes.

What M rewards: halving p is worth a factor √2, so a gain of 10 % more ΔAcc pays for 21 %
more parameters only, and the smallest method tends to win. A loss of accuracy divided by
less is worse, so M orders methods that lose the wrong way round: `ranking` leaves them
out. And the largest M may exceed the budget: filter first, then rank.

A Pareto front takes no exchange rate: a point is on it unless another is at least as good
in everything and better in something.
"""

import math


def score(gain, p, c):
    """M = gain/√(p c). gain: of accuracy, in any unit; p, c: shares of a budget, > 0.

    c counts the whole step. Raises ValueError for p or c that are not positive: nothing
    is trained for nothing.
    """
    if not (0 < p < math.inf and 0 < c < math.inf and abs(gain) < math.inf):
        raise ValueError(
            f"score(gain={gain}, p={p}, c={c}): p and c should be positive and all three "
            "finite; c is the total compute of a step, not what the method adds to it"
        )
    return gain / math.sqrt(p * c)


def score_by_extra(gain, p, extra):
    """The wrong form: with the extra compute for c. ∞ where a method adds none."""
    return math.inf if extra == 0 else score(gain, p, extra)


def ranking(candidates, most_parameters=math.inf, most_flops=math.inf):
    """[(name, M)], the best first, of the methods that gain and keep to the budget.

    candidates: {name: (gain, trained parameters, FLOPs of a step)}. The shares p and c
    are of the budget, or of the largest candidate where it is unlimited.
    """
    p_most = _most(most_parameters, (c[1] for c in candidates.values()))
    c_most = _most(most_flops, (c[2] for c in candidates.values()))
    found = [
        (name, score(gain, parameters / p_most, flops / c_most))
        for name, (gain, parameters, flops) in candidates.items()
        if parameters <= most_parameters and flops <= most_flops and not gain <= 0
    ]
    return sorted(found, key=lambda pair: -pair[1])


def _most(limit, values):
    return limit if limit < math.inf else max(values, default=1)


def pareto(points, better):
    """The names on the Pareto front, in the order of `points`.

    points: {name: values}; better: "high" or "low" for each value. Points that are equal
    in everything are on the front together or not at all. Raises ValueError for NaN,
    which is neither better nor worse than anything, and for lengths that differ.
    """
    wrong = [word for word in better if word not in ("high", "low")]
    if wrong or not better or isinstance(better, str):
        raise ValueError(
            f'pareto: better={better!r}, expected "high" or "low" for each value, as in '
            '("high", "low")'
        )
    signed = {name: _signed(name, values, better) for name, values in points.items()}
    return [
        name
        for name, here in signed.items()
        if not any(_dominates(other, here) for other in signed.values())
    ]


def _signed(name, values, better):
    """The values with the sign that makes larger better."""
    values = tuple(values)
    if len(values) != len(better) or any(math.isnan(v) for v in values):
        raise ValueError(
            f"pareto: the point {name!r} is {values}; expected {len(better)} numbers, "
            "none of them NaN: leave a run that failed out, and say so"
        )
    return [v if word == "high" else -v for v, word in zip(values, better)]


def _dominates(a, b):
    return a != b and all(x >= y for x, y in zip(a, b))
