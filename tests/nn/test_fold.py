"""fold_batchnorm: the same function to rounding, in place, and what cannot fold."""

import numpy as np
import pytest

from tinyft import models, nn, ops, peft, transfer

RNG = np.random.default_rng(3)


def settle(model):
    """Statistics, γ, β and biases as after a training."""
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            n, dtype = m.num_features, m.running_mean.dtype
            m.running_mean.data = RNG.standard_normal(n).astype(dtype)
            m.running_var.data = (RNG.random(n) + 0.3).astype(dtype)
            if m.weight is not None:
                m.weight.data = RNG.standard_normal(n).astype(dtype)
                m.bias.data = RNG.standard_normal(n).astype(dtype)
    return model.eval()


def pair(dtype="f8", bias=False, **options):
    conv = nn.Conv2d(3, 4, 3, 2, 1, bias=bias, rng=0, dtype=dtype)
    return nn.Sequential(conv, nn.BatchNorm2d(4, dtype=dtype, **options), nn.ReLU())


X = RNG.standard_normal((2, 3, 8, 9))


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"eps": 0.3}])
@pytest.mark.parametrize("bias", [False, True])
def test_the_function_stays_to_rounding(bias, options):
    net = settle(pair(bias=bias, **options))
    want = net(X).numpy()
    assert nn.fold_batchnorm(net) == ["0"]
    assert isinstance(net[1], nn.Identity) and net[0].bias.shape == (4,)
    assert set(net.state_dict()) == {"0.weight", "0.bias"}
    np.testing.assert_allclose(net(X).numpy(), want, atol=1e-14)


MODELS = {
    "mobilenet": (lambda: models.mobilenet_v2(0, "f8", width=0.25, classes=3), 52),
    "basic": (lambda: models.resnet20(0, "f8"), 21),
    "bottleneck": (
        lambda: models.resnet50(0, "f8", depths=(1, 1, 1, 1), widths=(4, 4, 8, 8)),
        1 + 4 * 4,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_whole_models(name):
    make, count = MODELS[name]
    model = settle(make())
    x = RNG.standard_normal((2, 3, 32, 32))
    want = model(x).numpy()
    assert len(nn.fold_batchnorm(model)) == count
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    np.testing.assert_allclose(model(x).numpy(), want, rtol=1e-10, atol=1e-10)


def test_float32_and_a_linear_layer():
    net = nn.Sequential(nn.Linear(5, 4, rng=0), nn.BatchNorm1d(4))
    settle(net)
    x = RNG.standard_normal((7, 5)).astype("f4")
    want = net(x).numpy()
    nn.fold_batchnorm(net)
    assert net[0].weight.dtype == net[0].bias.dtype == np.float32
    np.testing.assert_allclose(net(x).numpy(), want, atol=2e-6)


def test_a_frozen_weight_stays_frozen_and_the_rest_trains():
    net = settle(pair())
    net[0].weight.requires_grad = False
    nn.fold_batchnorm(net)
    assert not net[0].bias.requires_grad
    other = settle(pair())
    nn.fold_batchnorm(other)
    ops.sum(other(X) ** 2).backward()
    assert np.abs(other[0].bias.grad.numpy()).max() > 0


def test_frozen_statistics_fold_in_training_too():
    net = settle(pair())
    net[1].statistics = "frozen"
    want = net.train()(X).numpy()
    nn.fold_batchnorm(net)
    np.testing.assert_allclose(net(X).numpy(), want, atol=1e-14)


# --- refused, with nothing changed ------------------------------------------------------


def refused(net, match):
    before = {n: t.numpy().copy() for n, t in net.state_dict().items()}
    with pytest.raises(ValueError, match=match):
        nn.fold_batchnorm(net)
    after = net.state_dict()
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[n], after[n].numpy()) for n in before)


def test_training_mode():
    refused(settle(pair()).train(), r"training mode.*model\.eval\(\)")
    mixed = nn.Sequential(settle(pair()), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).eval()
    mixed[2].train()  # the last of two pairs: the first stays as it was
    refused(mixed, "at '1'.*training mode")


def test_statistics_of_the_batch():
    refused(pair(track_running_stats=False).eval(), "statistics of each batch")
    net = settle(pair())
    net[1].statistics = "batch"
    refused(net, "statistics of each batch")


def test_a_norm_of_another_kind():
    """It may mix in the batch's statistics in evaluation too."""
    net = settle(pair())
    transfer.stochnorm(net)
    refused(net.eval(), "a StochNorm2d follows")


def test_a_layer_in_two_places():
    net = settle(pair())
    both = nn.Sequential(net, nn.Sequential(net[0], nn.ReLU()))
    refused(both, "used in two places")


def test_a_tied_weight():
    one, two = settle(pair()), settle(pair())
    two[0].weight = one[0].weight
    refused(nn.Sequential(one, two), "tied")


def test_an_adapted_and_a_merged_layer():
    net = settle(pair())
    adapter = peft.attach(net, peft.LoRA(r=1), "0")
    refused(net, "adapter sits on it")
    peft.merge(net)
    refused(net, "adapter sits on it")
    peft.unmerge(net)
    peft.detach(adapter)
    assert nn.fold_batchnorm(net) == ["0"]


def test_four_bits():
    net = nn.Sequential(nn.Linear4bit(32, 32, rng=0), nn.BatchNorm1d(32)).eval()
    refused(net, "few bits")


def test_nothing_to_fold():
    refused(nn.Sequential(nn.Linear(3, 2)), "norms_of")
    apart = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    refused(apart, "right after")
    with pytest.raises(TypeError, match="expected a model, got a list"):
        nn.fold_batchnorm([])
