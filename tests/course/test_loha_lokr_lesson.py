"""Chapter 16's settings: the counts it prints are the library's, and LoKr stays whole."""

import re

import pytest

from tinyft import nn, peft
from tinyft.course.lessons.peft import ch16_prices as costs
from tinyft.course.lessons.peft import ch16_shapes as shapes

MAKE = {
    "LoRA": lambda r: peft.LoRA(r, 8),
    "LoHa": lambda r, s: peft.LoHa(int(r), 8),
    "HiRA": peft.HiRA,
    "MiSS": peft.MiSS,
    "LoKr": lambda f, r: peft.LoKr(r, r, factor=f),
    "OFT": peft.OFT,
    "HRA": peft.HRA,
}


def settings(inputs, outputs, r):
    """(name, the numbers in its column "value", its printed count) of each row."""
    for name, _, value, count, _ in costs.worked(inputs, outputs, r)[1]:
        found = [float(v) for v in re.findall(r"= ([\d.]+)", value)]
        whole = [int(v) if v == int(v) else v for v in found]
        yield name, whole, int(count.split()[0].replace(",", ""))


@pytest.mark.parametrize("inputs, outputs, r", [(96, 96, 4), (48, 96, 4), (96, 24, 2)])
def test_the_printed_counts_are_the_librarys(inputs, outputs, r):
    for name, values, count in settings(inputs, outputs, r):
        layer = nn.Linear(inputs, outputs, rng=0)
        delta = shapes.attached(layer, MAKE[name](*values))[1]
        assert delta.count() == count, name


def test_lokr_is_whole_at_the_printed_r_and_not_one_below():
    kept = [values for name, values, _ in settings(96, 96, 4) if name == "LoKr"]
    for factor, r in kept:
        names = [
            set(
                shapes.attached(nn.Linear(96, 96, rng=0), MAKE["LoKr"](factor, own))[
                    1
                ].slots()
            )
            for own in (r, r - 1)
        ]
        assert names == [{"w1", "w2"}, {"w1", "w2_a", "w2_b"}]


def test_the_factors_lie_around_the_budget_of_lora():
    low, high = costs.factors(4096, 4096, 16)  # √128 = 11.3
    assert (low, high) == (8, 16)
    assert costs.factors(7, 13, 1) == [1]  # no common divisor but 1
