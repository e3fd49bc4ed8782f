"""Chapter 27's lesson: who may see which digits, and what its merges are."""

import numpy as np
import pytest

from tinyft import transfer
from tinyft.course.lessons.several import ch27_setting as setting


def test_valid_and_test_share_no_image_and_every_task_has_the_same_labels():
    parts = {task: setting.held_out(task) for task in setting.SHIFTS}
    x = {k: v[0].reshape(len(v[1]), -1) for k, v in parts["old"].items()}
    assert [len(x["valid"]), len(x["test"])] == [120, 239]
    assert not any((x["valid"][:, None] == x["test"][None]).all(-1).any(1))
    for task in setting.TASKS:
        for part in ("valid", "test"):
            assert np.array_equal(parts[task][part][1], parts["old"][part][1])
            assert parts[task][part][0].dtype == np.float32


def test_a_draw_is_by_its_seed():
    one, again, other = (setting.labels("moved", 20, s) for s in (1, 1, 2))
    assert np.array_equal(one[0], again[0]) and not np.array_equal(one[1], other[1])
    assert len(setting.joint(0, 5)[1]) == 15


@pytest.mark.parametrize("method", setting.MERGES)
def test_a_merge_of_one_vector_is_that_vector_trimmed_or_dropped(method):
    base = setting.base()
    rng = np.random.default_rng(0)
    tau = {n: rng.normal(size=p.shape).astype("f4") for n, p in base.named_parameters()}
    state = setting.merge(method, [tau], 0.5, seed=3)
    moved = np.concatenate([(state[n] - p.numpy()).ravel() / 0.5
                            for n, p in base.named_parameters()])  # fmt: skip
    whole = np.concatenate([x.ravel() for x in tau.values()])
    kept = np.abs(moved) > 1e-3
    share = {"sum": 1.0, "TIES, half kept": 0.5, "DARE, p = 0.5": 0.5}
    assert abs(kept.mean() - share.get(method, 0.15)) < 0.06
    grown = {"DARE, p = 0.5": 2.0, "DARE, p = 0.9": 10.0}.get(method, 1.0)
    assert np.allclose(moved[kept], grown * whole[kept], atol=2e-3)


def test_recomputed_statistics_do_not_look_at_labels_and_freeze():
    net = setting.recomputed(setting.base(), seed=1)
    assert net.bn1.statistics == "frozen"
    before = setting.base().bn1.running_mean.numpy()
    assert np.abs(net.bn1.running_mean.numpy() - before).max() > 0.05


def test_the_ensemble_of_one_is_the_network():
    net = setting.base()
    assert setting.ensemble([net, net], "noisy") == pytest.approx(
        setting.accuracy(net, "noisy", "test")
    )
    assert transfer.soup([net, net])["fc.bias"].dtype == np.float32
