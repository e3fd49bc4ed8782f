"""normalised: the scales written out by hand, one image and several, refusals."""

import numpy as np
import pytest

from tinyft import data

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype="uint8")


@pytest.mark.parametrize(
    "scale, want",
    [
        ("imagenet", [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (0 - 0.406) / 0.225]),
        ("half", [1, 1, -1]),
        ("lite", [1, 1, -127 / 128]),
    ],
)
def test_a_yellow_pixel(scale, want):
    image = np.array([[[255, 255, 0]]], "uint8")
    found = data.normalised(image, scale)
    assert found.shape == (1, 3, 1, 1) and found.dtype == np.float32
    np.testing.assert_allclose(found[0, :, 0, 0], want, rtol=1e-6)


def test_channels_come_first():
    found = data.normalised(IMAGES, "half")
    assert found.shape == (2, 3, 4, 5) and found.flags.c_contiguous
    want = IMAGES[1, 2, 3].astype("f8") / 127.5 - 1
    np.testing.assert_allclose(found[1, :, 2, 3], want, atol=1e-6)


def test_what_is_not_a_photograph():
    with pytest.raises(TypeError, match="as uint8, got float64"):
        data.normalised(IMAGES / 255)
    for shape in ((4, 5), (2, 4, 5, 1), (2, 3, 4, 5)):
        with pytest.raises(ValueError, match=r"expected images \(N, H, W, 3\)"):
            data.normalised(np.zeros(shape, "uint8"))
    with pytest.raises(ValueError, match="'vit' is not one of imagenet, half, lite"):
        data.normalised(IMAGES, "vit")
