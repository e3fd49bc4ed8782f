"""Schedules against their closed forms: ends, means and half-way values, to 1e-13."""

import math

import numpy as np
import pytest

from tinyft import tensor
from tinyft.optim import SGD, Schedule, schedule


def close(got, want):
    assert got == pytest.approx(want, rel=1e-13)


def test_warmup_sums_to_half_of_w_plus_one():
    w = 17
    close(sum(schedule.linear_warmup(t, w) for t in range(w)), (w + 1) / 2)
    close(schedule.linear_warmup(0, w), 1 / w)
    assert schedule.linear_warmup(w - 1, w) == schedule.linear_warmup(w + 9, w) == 1.0
    assert schedule.linear_warmup(0, 0) == 1.0


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_the_mean_of_the_cosine(floor):
    K = 40
    mean = sum(schedule.cosine(k, K, floor) for k in range(K)) / K
    close(mean, floor + (1 - floor) * (K + 1) / (2 * K))
    close(schedule.cosine(K // 2, K, floor), (1 + floor) / 2)
    close(1 + schedule.cosine(K, K, floor), 1 + floor)
    assert schedule.cosine(K - 1, K, floor) > floor  # the floor is first reached at T
    assert schedule.cosine(5 * K, K, floor) == schedule.cosine(K, K, floor)


def test_warmup_then_decay_uses_the_steps_that_are_left():
    w, T = 10, 110
    close(schedule.warmup_cosine(9, w, T), 1.0)
    close(schedule.warmup_cosine(10, w, T), 1.0)
    close(schedule.warmup_cosine(60, w, T), 0.5)  # half of T - w, not of T
    close(schedule.warmup_linear(60, w, T, floor=0.2), 0.6)
    assert schedule.warmup_linear(110, w, T) == 0.0


def test_the_rest():
    assert schedule.constant(3) == 1.0
    close(schedule.linear(25, 100), 0.75)
    close(schedule.step(29, 10, 0.5), 0.25)
    assert schedule.slanted_triangular(10, 100) == 1.0  # the peak at the cut
    close(schedule.slanted_triangular(0, 100), 1 / 32)
    close(schedule.slanted_triangular(55, 100), (1 + 31 / 2) / 32)
    close(schedule.slanted_triangular(100, 100), 1 / 32)


def optimizer(*rates):
    groups = [{"params": [tensor([1.0], requires_grad=True)], "lr": lr} for lr in rates]
    return SGD(groups)


def rates(o):
    return [group["lr"] for group in o.param_groups]


def test_every_group_keeps_its_ratio():
    o = optimizer(1.0, 0.25)
    s = Schedule(o, schedule.warmup_cosine, warmup=4, total=8)
    assert rates(o) == [0.25, 0.0625]
    for _ in range(6):
        s.step()
    close(rates(o)[0], (1 + math.cos(math.pi * 2 / 4)) / 2)
    close(rates(o)[1] / rates(o)[0], 0.25)


def test_a_group_added_later_joins_with_its_own_base():
    o = optimizer(1.0)
    s = Schedule(o, lambda t: 0.5**t)
    s.step()
    o.add_param_group({"params": [tensor([2.0], requires_grad=True)], "lr": 0.8})
    s.step()
    assert rates(o) == [0.25, 0.2]


def test_numpy_multipliers_leave_python_rates():
    o = optimizer(1.0)
    Schedule(o, lambda t: np.float64(0.5))
    assert type(rates(o)[0]) is float


def test_state_goes_on_where_it_was():
    o = optimizer(1.0, 0.5)
    s = Schedule(o, schedule.cosine, total=10)
    for _ in range(3):
        s.step()
    p = optimizer(7.0, 7.0)
    resumed = Schedule(p, schedule.cosine, total=10)
    resumed.load_state_dict(s.state_dict())
    assert rates(p) == rates(o) and resumed.t == 3
    with pytest.raises(ValueError, match=r"2 base rates were saved, .* has 1 groups"):
        Schedule(optimizer(1.0), schedule.constant).load_state_dict(s.state_dict())


def test_a_second_schedule_begins_with_the_base_rates():
    o = optimizer(1.0, 0.1)
    first = Schedule(o, schedule.linear, total=4)
    for _ in range(4):
        first.step()
    assert rates(o) == [0.0, 0.0]
    second = Schedule(o, schedule.linear, total=2)
    assert rates(o) == [1.0, 0.1]
    second.step()
    assert rates(o) == [0.5, 0.05]


def test_a_rate_that_was_set_by_hand_is_a_new_base():
    o = optimizer(1.0)
    Schedule(o, schedule.linear, total=4).step()
    o.param_groups[0]["lr"] = 0.25
    Schedule(o, schedule.linear, total=4).step()
    assert rates(o) == [0.25 * 0.75]


def test_the_base_survives_saving_and_copying_the_groups():
    """Made before or after loading: the decayed rate is never taken for the base."""
    o = optimizer(1.0, 0.1)
    s = Schedule(o, schedule.linear, total=4)
    s.step(), s.step()
    saved = o.state_dict()
    late = optimizer(9.0, 9.0)
    late.load_state_dict(saved)
    assert rates(late) == [0.5, 0.05]
    t = Schedule(late, schedule.linear, total=4)
    assert rates(late) == [1.0, 0.1]
    t.load_state_dict(s.state_dict())
    assert rates(late) == rates(o)
    plain = optimizer(1.0, 0.1)
    plain.load_state_dict(optimizer(2.0, 0.2).state_dict())
    assert rates(plain) == [2.0, 0.2]
    copied = type(o)(o.param_groups)
    Schedule(copied, schedule.constant)
    assert rates(copied) == [1.0, 0.1]


def test_a_schedule_that_cannot_be_is_a_sentence_and_moves_nothing():
    o = optimizer(1.0)
    for arguments, options, kind, words in (
        (
            ("adam", schedule.cosine),
            {"total": 3},
            TypeError,
            "expected an optimizer first",
        ),
        ((o, "cosine"), {}, TypeError, "'cosine' should be a function of the step"),
        ((o, schedule.cosine), {}, ValueError, r"cosine\(0\) gives no .*total"),
        (
            (o, schedule.cosine),
            {"total": 0},
            ValueError,
            r"cosine\(0, total=0\) gives no",
        ),
        ((o, lambda t: -1.0), {}, ValueError, "is -1.0; expected a number >= 0"),
        ((o, lambda t: math.nan), {}, ValueError, "is nan; expected"),
    ):
        with pytest.raises(kind, match=words):
            Schedule(*arguments, **options)
        assert rates(o) == [1.0]
    s = Schedule(o, lambda t: 1.0 if t < 2 else math.inf)
    s.step()
    with pytest.raises(ValueError, match="is inf"):
        s.step()
    assert s.t == 1 and rates(o) == [1.0]
