"""Merging beside Hugging Face PEFT 0.21: where both mean the same, and where they do not.

PEFT trims in each tensor, takes the sign before its weights and divides by the count: for
weights of 1 that is TIES with trim="tensor". float64; 1e-12 for sums in another order.
"""

import numpy as np
import pytest

from tinyft import transfer

torch = pytest.importorskip("torch")
hf = pytest.importorskip("peft", reason="parity tests compare with Hugging Face PEFT")
from peft.utils import merge_utils  # noqa: E402

TOLERANCE = 1e-12
NAMES = ["one", "two"]


@pytest.fixture
def taus():
    rng = np.random.default_rng(27)
    return [s * rng.normal(size=(9, 7)) for s in (1.0, 0.6, 1.4)]


def theirs(function, taus, weights, *options):
    parts = [torch.tensor(t) for t in taus]
    return function(parts, torch.tensor(weights, dtype=torch.float64), *options).numpy()


@pytest.mark.parametrize("density", [0.1, 0.3, 0.5, 0.99])
def test_ties_of_equal_weights(taus, density):
    got = transfer.ties([{"w": t} for t in taus], density, trim="tensor")["w"]
    want = theirs(merge_utils.ties, taus, [1.0] * 3, density)
    assert np.max(np.abs(got - want)) < TOLERANCE


def test_ties_with_other_weights_elects_differently(taus):
    """PEFT's weights do not take part in the election; scaled vectors do."""
    want = theirs(merge_utils.ties, taus, [1.0, 5.0, 1.0], 0.999)
    scaled = [taus[0], 5 * taus[1], taus[2]]
    got = transfer.ties([{"w": t} for t in scaled], 1.0)["w"]
    assert np.mean(np.sign(got) != np.sign(want)) > 0.05


def test_linear_is_the_weighted_sum(taus):
    got = transfer.add_vectors(
        {"w": 0 * taus[0]}, [{"w": t} for t in taus], [1, -2, 0.5]
    )
    want = theirs(merge_utils.task_arithmetic, taus, [1.0, -2.0, 0.5])
    assert np.max(np.abs(got["w"] - want)) < TOLERANCE


def test_dare_linear_and_dare_ties_for_the_same_masks(taus, monkeypatch):
    p = 0.6
    dropped = [
        transfer.dare({"w": t}, p, np.random.default_rng(i)) for i, t in enumerate(taus)
    ]
    for name in ("dare_linear", "dare_ties"):
        masks = iter([torch.tensor(1.0 * (d["w"] != 0)) for d in dropped])
        monkeypatch.setattr(
            torch, "bernoulli", lambda *a, masks=masks, **k: next(masks)
        )
        want = theirs(getattr(merge_utils, name), taus, [1.0] * 3, 1 - p)
        if name == "dare_ties":
            got = transfer.ties(dropped, 1.0)["w"]
        else:
            got = sum(d["w"] for d in dropped)
        assert np.max(np.abs(got - want)) < 1e-11


def test_adapters_ties_svd_is_ties_of_delta_w_and_ties_is_not():
    """add_weighted_adapter: "ties_svd" trims ΔW, "ties" the factors A and B themselves."""
    base = hf_model([1, 2])
    for kind in ("ties_svd", "ties"):
        options = {"density": 0.4, "combination_type": kind}
        if kind == "ties_svd":
            options["svd_rank"] = 5  # of a 5 x 6 matrix: exact
        base.add_weighted_adapter(NAMES, [1.0, 1.0], kind, **options)
    layer = base.base_model.model.fc
    deltas = {
        n: layer.get_delta_weight(n).detach().numpy()
        for n in (*NAMES, "ties_svd", "ties")
    }
    got = transfer.ties([{"w": deltas[n]} for n in NAMES], 0.4)["w"]
    assert np.max(np.abs(got - deltas["ties_svd"])) < 1e-10
    apart = np.linalg.norm(deltas["ties"] - got) / np.linalg.norm(got)
    assert apart > 0.3, "trimming factors is another method"


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(6, 5, dtype=torch.float64)

    def forward(self, x):
        return self.fc(x)


def hf_model(seeds):
    config = hf.LoraConfig(r=2, lora_alpha=4, target_modules=["fc"])
    model = hf.get_peft_model(Net(), config, adapter_name="one")
    model.add_adapter("two", config)
    for name, seed in zip(NAMES, seeds):
        rng = np.random.default_rng(seed)
        layer = model.base_model.model.fc
        for half in (layer.lora_A, layer.lora_B):
            shape = tuple(half[name].weight.shape)
            half[name].weight.data = torch.tensor(rng.normal(size=shape))
    return model
