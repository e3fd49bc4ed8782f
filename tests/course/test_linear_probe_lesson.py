"""Chapter 04's lesson: "not settled", the rates chosen, the recipe in PyTorch."""

import re

import numpy as np
import pytest

from tinyft import transfer
from tinyft.course import runs
from tinyft.course.lessons.transfer import ch04_cost as cost
from tinyft.course.lessons.transfer import ch04_linear_probe as lesson


def test_a_difference_whose_interval_holds_0_is_not_settled():
    """d = 0.01, 0.03: mean 2 points, half = 12.706 (t, one degree) · 1 point."""
    assert lesson.paired([0.51, 0.53], [0.5, 0.5]) == "+2.0 ± 12.7, not settled"
    assert lesson.paired([0.511, 0.513], [0.6, 0.6]) == "-8.8 ± 1.3"


def test_every_draw_takes_its_best_rate_on_valid():
    study = runs.load("04_linear_probe")
    rates, tests = (
        found(study, "probe")
        for found in (lesson.rates_of_draws, lesson.at_rate_of_draw)
    )
    for seed, (lr, test) in enumerate(zip(rates, tests, strict=True)):
        arm = study.where(start="probe", task=lesson.PARITY, seed=seed)
        errors = {r["settings"]["lr"]: r["scores"]["valid"] for r in arm}
        best = [rate for rate, error in errors.items() if error == min(errors.values())]
        assert lr == min(best) and test == arm.where(lr=lr).values("test")[0]


def test_judging_on_valid_is_part_of_the_sweep(monkeypatch):
    seen = []
    monkeypatch.setattr(
        cost.transfer, "features", lambda model, x, layer: seen.append(len(x)) or x
    )
    (x, y), (v, y_valid) = lesson.labelled(1, 0), lesson.parts()["valid"]
    cost.probe_step(None, x, y, (0.01, 0.1), (v, y_valid))()
    assert seen == [4, len(v)]  # once each, however many penalties


def test_the_recipe_in_pytorch_is_the_librarys_probe():
    """float64 from float32 features; two ways to solve, condition below 1e4: 1e-10."""
    torch = pytest.importorskip("torch", reason="the recipe needs PyTorch")
    rng, nn = np.random.default_rng(0), torch.nn
    model = nn.Sequential()
    model.layer1 = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
    y = rng.permutation(np.arange(20) % 4)
    x = rng.normal(size=(20, 1, 6, 6)) + 0.3 * y[:, None, None, None]
    new = torch.tensor(rng.normal(size=(300, 1, 6, 6)), dtype=torch.float32)
    given = {"torch": torch, "model": model, "x_new": new, "y": torch.tensor(y)}
    given["x"] = torch.tensor(x, dtype=torch.float32)
    (code,) = re.findall(r"(?s)```python\n(.*?)```", cost.PYTORCH)
    exec(code, given)
    Z, Z_new = (given["features"](given[k]).numpy() for k in ("x", "x_new"))
    probe = transfer.linear_probe(Z, y, 0.01 * transfer.spread(Z))
    np.testing.assert_allclose(given["W"].numpy(), probe.weight, rtol=0, atol=1e-10)
    np.testing.assert_allclose(given["b"].numpy(), probe.bias, rtol=0, atol=1e-10)
    assert np.array_equal(given["classes"].numpy(), probe.predict(Z_new))
    assert not model.layer1._forward_hooks
