"""BitFit and NormTuning: which parameters, and that nothing else moves."""

import numpy as np
import pytest

import tinyft
from tinyft import models, nn, optim, peft, tensor


def test_bitfit_is_every_bias():
    model = models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=9)
    biases = {n: p for n, p in model.named_parameters() if n.endswith("bias")}
    adapter = peft.attach(model, peft.BitFit())
    assert {f"{path}.bias" for path in adapter.deltas} == set(biases)
    assert adapter.count() == sum(p.size for p in biases.values())


@pytest.mark.parametrize(
    "norms, kind",
    [("layer", nn.LayerNorm), ("batch", nn.BatchNorm2d), ("rms", nn.RMSNorm)],
)
def test_norms_of_one_kind(norms, kind):
    models_ = {
        "layer": models.gpt2_tiny,
        "batch": models.resnet_tiny,
        "rms": models.llama_tiny,
    }
    model = models_[norms](0)
    adapter = peft.attach(model, peft.NormTuning(norms))
    found = {path for path, m in model.named_modules() if isinstance(m, kind)}
    assert set(adapter.deltas) == found
    widths = sum(model.get_submodule(p).parameter("weight").size for p in found)
    assert adapter.count() == (1 if norms == "rms" else 2) * widths


def test_norm_affine_against_numpy():
    rng = np.random.default_rng(0)
    model, x = nn.LayerNorm(6, dtype="float64"), rng.normal(size=(4, 6))
    model.weight.data, model.bias.data = rng.normal(size=6), rng.normal(size=6)
    W, b = model.weight.numpy(), model.bias.numpy()
    whole = nn.Sequential({"norm": model})
    delta = peft.attach(whole, peft.NormTuning()).deltas["norm"]
    delta.gamma.data, delta.beta.data = rng.normal(size=6), rng.normal(size=6)
    z = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    want = (W + delta.gamma.numpy()) * z + b + delta.beta.numpy()
    np.testing.assert_allclose(whole(tensor(x)).numpy(), want, rtol=1e-12)


@pytest.mark.parametrize("statistics", ["update", "batch", "frozen"])
def test_batchnorm_only_follows_the_norm_s_own_statistics(statistics):
    """The two ways agree while training too, and the running statistics move once."""
    rng = np.random.default_rng(0)
    x = tensor(rng.normal(2, 3, size=(4, 3, 2, 2)))

    def outcome(additive):
        model = nn.Sequential({"bn": nn.BatchNorm2d(3, dtype="float64")})
        delta = peft.attach(model, peft.NormTuning("batch")).deltas["bn"]
        delta.gamma.data = np.array([1.0, -2.0, 0.5])
        delta.beta.data = np.array([0.3, 0.2, 0.1])
        delta.factored = additive
        model.bn.statistics = statistics
        y = model.train()(x).numpy()
        return y, model.bn.running_mean.numpy(), model.bn.running_var.numpy()

    for one, other in zip(outcome(True), outcome(False)):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_a_bias_alone_meets_the_mean_residual():
    """b* = b0 + mean(y − f0(x)) for squared loss: gradient descent goes there."""
    rng = np.random.default_rng(0)
    model = nn.Sequential({"fc": nn.Linear(5, 2, rng=rng, dtype="float64")})
    x, y = rng.normal(size=(20, 5)), rng.normal(size=(20, 2))
    with tinyft.no_grad():
        start, b0 = model(tensor(x)).numpy(), model.fc.bias.numpy().copy()
    adapter = peft.attach(model, peft.BitFit())
    optimiser = optim.SGD(adapter.parameters(), lr=0.5)
    for _ in range(60):  # the error shrinks by 1 − 0.5 a step: 0.5⁶⁰ < 1e-18
        loss = ((model(tensor(x)) - tensor(y)) ** 2).sum() * (1 / 40)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    np.testing.assert_allclose(
        model.fc.bias.numpy(), b0 + (y - start).mean(0), rtol=1e-12, atol=1e-14
    )


def test_options_that_leave_nothing():
    with pytest.raises(ValueError, match="leave nothing to train"):
        peft.NormTuning(scale=False, shift=False)
    with pytest.raises(ValueError, match="norms must be one of"):
        peft.NormTuning("instance")
    with pytest.raises(ValueError, match=r"no module of this Transformer can hold it"):
        peft.attach(models.llama_tiny(0), peft.BitFit())  # Llama has no biases


def test_a_norm_without_an_affine_part_is_no_site():
    model = nn.Sequential(
        {"bn": nn.BatchNorm2d(3, affine=False), "ln": nn.LayerNorm(3)}
    )
    assert list(peft.attach(model, peft.NormTuning()).deltas) == ["ln"]
