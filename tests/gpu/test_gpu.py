"""CPU and GPU give the same numbers; run on your card: pytest -m gpu (under 5 minutes).

Tolerances, relative to the largest entry (at least 1): float64 1e-12, float32 1e-4 and
float16 1e-2 are some thousand, hundred and ten roundings, for sums in another order. A
loss after 20 steps adds the steps' roundings up: 1e-3.
"""

import json
import re
import time

import numpy as np
import place as card
import pytest
from scenarios import CASES, FUSED, Run, case_id, gpt, resnet, run, run_fused, train
from table import TABLE

from tinyft import backend, gradcheck, io, kernels, nn, ops, optim, tensor, training
from tinyft.backend import diagnose

TOLERANCE = {"float64": 1e-12, "float32": 1e-4, "float16": 1e-2}
HALF = "float16"
PARITY = [(r, d) for r in TABLE for d in ("float32", HALF) if r.half or d != HALF]


def row_id(value):
    return value if isinstance(value, str) else value.name.replace(" ", "_")


def error(got, want):
    """Largest difference over the largest entry of `want`, at least 1."""
    got, want = np.asarray(got, "f8"), np.asarray(want, "f8")
    assert got.shape == want.shape
    if not want.size:
        return 0.0
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    kept = np.isfinite(want)
    worst = np.abs(got[kept] - want[kept]).max(initial=0.0)
    return float(worst / max(1.0, np.abs(want[kept]).max(initial=0.0)))


@pytest.mark.parametrize("row, dtype", PARITY, ids=row_id)
def test_parity_of_an_operation_and_its_gradients(row, dtype, place):
    y, gxs = run(row, "cpu", dtype)
    got, found = run(row, "cuda", dtype)
    assert got.dtype == y.dtype
    worst = max(error(a, b) for a, b in zip([got, *found], [y, *gxs]))
    place.note(f"parity {dtype}", row.name, worst)
    assert worst < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", FUSED)
def test_a_fused_kernel_gives_the_numbers_of_the_generic_way(name, dtype, place):
    found, times = {}, {}
    for on in (True, False):
        with kernels.use(on, "cuda"):
            found[on] = run_fused(name, "cuda", dtype)
            times[on] = _milliseconds(lambda: run_fused(name, "cuda", dtype), place)
    worst = max(error(a, b) for a, b in zip(found[True], found[False]))
    place.note(f"kernel against generic, {dtype}", name, worst)
    place.note(f"ms with copies, kernel on and off, {dtype}", name, [*times.values()])
    assert worst < TOLERANCE[dtype]


def _milliseconds(call, place):
    began = time.perf_counter()
    for _ in range(place.steps // 2):
        call()
    return 1e3 * (time.perf_counter() - began) / (place.steps // 2)


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("rule", [optim.Adam, optim.AdamW], ids=["adam", "adamw"])
def test_a_fused_step_of_adam_is_the_generic_one(rule, amsgrad, place):
    found = []
    for on in (True, False):
        rng = np.random.default_rng(0)
        p = nn.Parameter(tensor(rng.standard_normal(70001).astype("f4"), device="cuda"))
        one = rule([p], lr=0.1, weight_decay=0.1, amsgrad=amsgrad)
        with kernels.use(on, "cuda"):
            for _ in range(3):
                g = rng.standard_normal(70001).astype("f4")
                p.grad = tensor(g, device="cuda")
                one.step()
        found.append(p.numpy())
    place.note("kernel against generic, float32", rule.__name__, error(*found))
    assert error(*found) < TOLERANCE["float32"]


@pytest.mark.parametrize("make, name, rule", CASES, ids=case_id)
def test_loss_curves_agree(make, name, rule, place):
    want = train("cpu", make, name, rule, place.steps)
    began = time.perf_counter()
    got = train("cuda", make, name, rule, place.steps)
    case = f"{make.__name__} {case_id(name)} {rule}"
    place.note("loss curve, worst error", case, error(got, want))
    place.note("seconds a step, first included", case, _per_step(began, place))
    assert got[-1] != got[0] and error(got, want) < 1e-3


def _per_step(began, place):
    return (time.perf_counter() - began) / place.steps


@pytest.mark.parametrize("row", TABLE[::6], ids=row_id)
def test_gradients_against_differences_in_float64(row, place):
    xs = [tensor(a, requires_grad=True, device="cuda") for a in row.arrays()]
    assert gradcheck(row.function, *xs)


@pytest.mark.parametrize("make", [gpt, resnet], ids=case_id)
def test_a_step_never_waits_and_the_pool_does_not_grow(make, place):
    one = Run("cuda", make)
    for _ in range(place.many // 5 + 1):
        one.step()
    one.losses.clear()
    before = backend.memory_stats()
    for _ in range(place.many):
        with place.no_waiting():
            one.step()
        one.losses.clear()
    after = backend.memory_stats()
    place.note("pool, bytes", make.__name__, after["total"])
    assert after["total"] == before["total"]
    assert after["used"] <= before["used"]


def test_saved_on_the_card_and_loaded_on_the_host_and_back(place, tmp_path):
    model, x, _ = resnet()
    model.to("cuda").eval()
    want = model(tensor(x, device="cuda")).numpy()
    training.save_checkpoint(tmp_path / "run.safetensors", model)
    host, _, _ = resnet()
    for p in host.parameters():
        p.data = p.data * 0
    training.load_checkpoint(tmp_path / "run.safetensors", host)
    host.eval()
    assert error(host(x).numpy(), want) < TOLERANCE["float32"]
    io.save(tmp_path / "host.safetensors", host.state_dict())
    again, _, _ = resnet()
    again.to("cuda").eval()
    again.load_state_dict(io.load(tmp_path / "host.safetensors"))
    got = again(tensor(x, device="cuda"))
    assert got.device == "cuda:0"
    assert error(got.numpy(), want) == 0.0  # the same weights on the same device


def test_scattered_sums_reach_every_repeated_row(place):
    """2,000 rows into 7: exact in float64, for integers below 2^53 in any order."""
    rng = np.random.default_rng(0)
    ids, rows = rng.integers(0, 7, 2000), rng.integers(-9, 9, (2000, 3)).astype("f8")
    want = np.zeros((7, 3))
    np.add.at(want, ids, rows)
    target = backend.to(np.zeros((7, 3)), "cuda")
    backend.scatter_add(target, backend.to(ids, "cuda"), backend.to(rows, "cuda"))
    np.testing.assert_array_equal(backend.asnumpy(target), want)


def test_the_same_random_numbers_on_both_devices(place):
    host = backend.normal(backend.rng(3), (4, 5), "float32")
    like = backend.to(np.zeros(1, "f4"), "cuda")
    there = backend.normal(backend.rng(3), (4, 5), "float32", like)
    assert backend.device_of(there) == "cuda:0"
    np.testing.assert_array_equal(backend.asnumpy(there), host)
    x = tensor(np.ones((50, 4), "f4"), device="cuda")
    dropped = ops.dropout(x, 0.5, backend.rng(1), True).numpy()
    same = ops.dropout(tensor(np.ones((50, 4), "f4")), 0.5, backend.rng(1), True)
    np.testing.assert_array_equal(dropped, same.numpy())


@pytest.mark.gpu
def test_bench_on_the_card(tmp_path):
    card.need_card()
    from tinyft.course.run.bench import bench

    for workload in ("S", "T"):
        out = tmp_path / f"{workload}.json"
        assert bench(workload, "tinyft", 3, 1, "cuda", out) == 0
        card.figures.setdefault("bench", {})[workload] = json.loads(out.read_text())


def test_the_report_names_card_versions_and_figures(place, tmp_path):
    path = tmp_path / "gpu-report.json"
    card.write_report(path, {"passed": 3}, {"parity float32": {"exp": 1e-7}})
    report = json.loads(path.read_text())
    assert report["tests"] == {"passed": 3}
    assert report["figures"]["parity float32"]["exp"] == 1e-7
    assert report["card"] and re.match(r"\d+\.\d+", report["cupy"])


def test_without_a_card_it_is_skipped_or_fails_when_one_is_required(monkeypatch):
    monkeypatch.setattr(diagnose, "gpu_status", lambda: (False, "no card here"))
    monkeypatch.delenv("TINYFT_REQUIRE_GPU", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no card here"):
        card.need_card()
    monkeypatch.setenv("TINYFT_REQUIRE_GPU", "1")
    with pytest.raises(pytest.fail.Exception, match="is set, and no card here"):
        card.need_card()
