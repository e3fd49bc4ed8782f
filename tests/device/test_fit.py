"""fit on a device: losses stay there between log points, NaN is found at the next one."""

import numpy as np
import pytest

from tinyft import nn, ops, optim, training

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((4, 3)).astype("f4"), np.array([0, 1, 1, 0])


def loss(model, x, y):
    return ops.cross_entropy(model(x), y)


def fit(device, batches, **options):
    model = nn.Linear(3, 2, rng=0).to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    history = training.fit(
        model, loss, batches, optimizer, clip=1.0, progress=False, **options
    )
    return model, history


@pytest.mark.usefixtures("cuda")
def test_the_history_is_the_hosts():
    (one, there), (two, here) = (
        fit(device, [(X, Y)] * 6, steps=6, every=3) for device in ("cuda", "cpu")
    )
    assert there["step"] == here["step"] == [3, 6]
    np.testing.assert_allclose(there["loss"], here["loss"], rtol=2e-6)
    np.testing.assert_allclose(one.weight.numpy(), two.weight.numpy(), rtol=1e-5)


@pytest.mark.usefixtures("cuda")
def test_nan_is_found_at_the_log_point_with_the_step_it_came_from():
    batches = [(X * (np.nan if i == 4 else 1), Y) for i in range(8)]
    with pytest.raises(FloatingPointError) as caught:
        fit("cuda", batches, steps=8, every=3)
    text = str(caught.value)
    assert "the loss is nan at step 5 (batch 5 of epoch 1)" in text
    assert "at step 4" in text and "detect_anomaly" in text
