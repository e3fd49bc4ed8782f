"""Host arrays handed to models and methods go where the model is, or the default device."""

import numpy as np
import pytest

from tinyft import backend, models, nn, ops, tensor, transfer
from tinyft.backend import DeviceError

IDS = np.arange(6)[None]


def logits(make, device):
    """With token ids on the host: of the whole text, and token by token with a cache."""
    with backend.device(device):
        model = make(rng=0, dtype="float64")
        cache = model.new_cache() if model.config.causal else None
        parts = [model(IDS[:, :4], cache=cache), model(IDS[:, 4:], cache=cache)]
        found = [model(IDS), *parts]
    assert {one.device for one in found} == {"cuda:0" if device == "cuda" else "cpu"}
    return np.concatenate([one.numpy() for one in found], axis=1)


@pytest.mark.parametrize("name", ["gpt2_tiny", "bert_tiny", "llama_tiny"])
def test_token_ids(name, cuda):
    make = getattr(models, name)
    got, want = logits(make, "cuda"), logits(make, "cpu")
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def padded(make, device, **changes):
    """With ids and a padding mask on the host: logits, and their continuation."""
    keep = np.array([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    with backend.device(device):
        model = make(rng=0, dtype="float64", **changes)
    for p in model.parameters():
        p.data = p.data + 0.01
    y = model(tensor(np.concatenate([IDS, IDS]), device=device), mask=keep)
    assert y.device == ("cuda:0" if device == "cuda" else "cpu")
    if changes.get("head") == "cls" or not model.config.causal:
        return y.numpy()[..., -1, :]
    new = model.generate(np.concatenate([IDS, IDS]), 4, greedy=True, mask=keep)
    return np.concatenate([y.numpy()[:, -1], new], axis=1)


@pytest.mark.parametrize(
    "name, changes",
    [
        ("gpt2_tiny", {}),
        ("llama_tiny", {"window": 3}),
        ("gpt2_tiny", {"head": "cls", "classes": 3, "pad": 5}),
        ("gpt2_tiny", {"head": "cls", "classes": 3}),
        ("bert_tiny", {"positions": "roberta", "pad": 1}),
    ],
)
def test_padding_masks(name, changes, cuda):
    make = getattr(models, name)
    got, want = padded(make, "cuda", **changes), padded(make, "cpu", **changes)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_positions_of_rotary(cuda):
    x, at = np.random.default_rng(0).normal(size=(1, 2, 3, 4)), np.array([0, 5, 9])
    want = nn.Rotary(4)(tensor(x), at).numpy()
    with backend.device("cuda"):
        got = nn.Rotary(4)(tensor(x), at)
    assert got.device == "cuda:0"
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-14)


def test_importance_of_l2sp(cuda):
    layer = nn.Linear(3, 2, rng=0, dtype="float64").to("cuda")
    F = {
        name: np.arange(1.0, 1 + p.size).reshape(p.shape)
        for name, p in layer.named_parameters()
    }
    penalty = transfer.L2SP(layer, 0.5, importance=F)
    for p in layer.parameters():
        p.data = p.data + 2.0
    want = sum(0.5 * 4 * one.sum() for one in F.values())  # λ Σ F (θ − θ0)²
    assert float(penalty.penalty()) == pytest.approx(want, rel=1e-12)
    with pytest.raises(ValueError, match="least entry -1"):
        transfer.L2SP(
            layer, 0.5, importance={name: -one / one for name, one in F.items()}
        )


def test_running_statistics_are_changed_in_place_so_they_are_not_moved(cuda):
    x = tensor(np.ones((2, 3)), device="cuda")
    with pytest.raises(DeviceError, match=r"batch_norm: .* live on cpu and cuda:0"):
        ops.batch_norm(x, np.zeros(3), np.ones(3), training=True)
