"""The shipped digits and their four shifts."""

import numpy as np
import pytest

from tinyft import data
from tinyft.data import digits, make_digits


def test_shapes_range_and_split():
    x, y = data.load_digits()
    xt, yt = data.load_digits("test")
    xa, ya = data.load_digits("all")
    assert x.shape == (1438, 1, 8, 8) and xt.shape == (359, 1, 8, 8)
    assert x.dtype == np.float32 and y.dtype == np.int64
    assert x.min() == 0 and x.max() == 1  # 0/16 and 16/16 both occur
    # The splits are the file without overlap: test is every fifth image.
    assert (xa[4::5] == xt).all() and (ya[4::5] == yt).all()
    assert len(xa) == len(x) + len(xt) == 1797
    assert np.unique(yt).tolist() == np.unique(y).tolist() == list(range(10))


def test_equals_scikit_learn(tmp_path):
    sklearn = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn")
    theirs = sklearn.load_digits()
    x, y = data.load_digits("all", flat=True, dtype=np.float64)
    assert (x * 16 == theirs.data).all() and (y == theirs.target).all()
    make_digits.main(tmp_path)
    with np.load(tmp_path / "digits.npz") as made:
        assert (made["images"].reshape(1797, 64) == theirs.data).all()


def test_classes_are_kept_by_label():
    x, y = data.load_digits("all", classes=range(6))
    everything = data.load_digits("all")[1]
    assert np.unique(y).tolist() == [0, 1, 2, 3, 4, 5]
    assert len(x) == (everything < 6).sum()


WRONG = [{"split": "dev"}, {"classes": []}, {"classes": [10]}]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_split_or_class_is_a_sentence(wrong):
    with pytest.raises(data.DataError, match=r"load_digits: (split|classes)"):
        data.load_digits(**wrong)


def test_translate_moves_pixels():
    x = np.arange(16.0).reshape(1, 4, 4)
    y = digits.translate(x, 1, -2)
    assert (y[0, 1:, :2] == x[0, :3, 2:]).all()
    assert y.sum() == x[0, :3, 2:].sum()  # all the rest is zero
    assert (digits.translate(x, 9, 0) == 0).all()
    assert (digits.translate(x, -1, 0)[0, :3] == x[0, 1:]).all()


def test_right_angles_are_exact_and_others_agree_with_them():
    x = np.random.default_rng(0).random((2, 1, 8, 8))
    assert (digits.rotate(x, 90) == np.rot90(x, 1, (2, 3))).all()
    # The bilinear path a hair from 90 degrees: its pixels move by 1e-6 * 5 at most,
    # values in [0, 1] change by less than 4 times that inside the image.
    near = digits.rotate(x, 90 - np.rad2deg(1e-6))
    assert np.abs(near - np.rot90(x, 1, (2, 3))).max() < 2e-5
    assert (digits.rotate(x, 0) == x).all()


def test_bilinear_rotation_is_exact_on_a_linear_image():
    # Bilinear interpolation reproduces a plane; a plane rotates in closed form.
    i, j = np.mgrid[:8, :8] - 3.5
    theta = np.deg2rad(20)
    y = digits.rotate(2 * i + 3 * j, 20)
    want = 2 * (np.cos(theta) * i + np.sin(theta) * j)
    want += 3 * (-np.sin(theta) * i + np.cos(theta) * j)
    inner = np.hypot(i, j) < 3.4  # elsewhere the zeros outside are mixed in
    assert np.abs(y - want)[inner].max() < 1e-12  # rounding of numbers below 20


def test_noise_and_inversion():
    x = data.load_digits("test")[0]
    one = data.shift(x, "noise", np.random.default_rng(3))
    two = data.shift(x, "noise", np.random.default_rng(3))
    assert (one == two).all() and one.dtype == x.dtype
    assert one.min() == 0 and one.max() == 1
    mid = np.full((100, 100, 100), 0.5)  # far enough from 0 and 1 for noise=0.05
    spread = data.shift(mid, "noise", np.random.default_rng(0), noise=0.05).std()
    assert abs(spread - 0.05) < 6 * 0.05 / np.sqrt(2 * mid.size)  # six standard errors
    assert (data.shift(x, "invert") == 1 - x).all()


def test_shifts_hurt_a_linear_probe_in_their_order():
    x, y = data.load_digits(flat=True, dtype=np.float64)
    X = np.c_[x, np.ones(len(x))]
    W = np.linalg.solve(X.T @ X + np.eye(65), X.T @ np.eye(10)[y])  # ridge, closed form
    xt, yt = data.load_digits("test", dtype=np.float64)

    def accuracy(images):
        flat = images.reshape(len(images), -1)
        return (np.argmax(np.c_[flat, np.ones(len(flat))] @ W, 1) == yt).mean()

    rng = np.random.default_rng(0)
    scores = {kind: accuracy(data.shift(xt, kind, rng)) for kind in data.SHIFTS}
    # Measured 0.93, then 0.67, 0.34, 0.11, 0.08; standard error of each below 0.03.
    assert accuracy(xt) > 0.9
    assert 0.6 < scores["noise"] < 0.75
    assert 0.25 < scores["translate"] < 0.45
    assert scores["rotate"] < 0.2 and scores["invert"] < 0.2


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda x: data.shift(x, "blur"), "kind='blur'"),
        (lambda x: data.shift(x, "noise"), "rng=None"),
        (lambda x: data.shift(x.reshape(-1, 64), "rotate"), "flat=False"),
    ],
)
def test_wrong_shift_is_a_sentence(call, words):
    with pytest.raises(data.DataError, match=words):
        call(np.zeros((2, 1, 8, 8), np.float32))
