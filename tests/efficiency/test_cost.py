"""`cost` against formulas written by hand, and its bytes against arrays that exist."""

import numpy as np
import pytest

import tinyft
from tinyft import models, nn, ops, optim, peft
from tinyft.efficiency import cost

B, T, V, D, L, H = 3, 20, 50, 24, 2, 3
SIZES = {"vocab": V, "dim": D, "layers": L, "heads": H, "length": 32}


def gpt2(**changes):
    return models.gpt2_tiny(np.random.default_rng(0), **SIZES | changes)


def test_full_training_is_three_passes():
    """Per token 24 D² for the matrices of a block, 4 T D for attention, 2 D V at the end;
    backward twice the matrices, and attention 10/4: it makes its scores again."""
    found = cost(gpt2(), B, T)
    n = B * T
    matrices, attention, head = L * n * 24 * D**2, L * n * 4 * T * D, n * 2 * D * V
    assert found.forward == matrices + attention + head
    assert found.backward == 2 * (matrices + head) + attention * 10 // 4


def test_lora_is_two_passes_and_its_own():
    """q, v of every block, rank r. Nothing below the first block wants a gradient, so
    its q, k, v give none back; its keys need none either: they are frozen, and x is."""
    r, n = 5, B * T
    model = gpt2()
    peft.attach(model, peft.LoRA(r=r), r"attn\.(q|v)", rng=1)
    found = cost(model, B, T)
    lora = 2 * L * n * 2 * 2 * D * r  # A and B, at two sites of each block
    attention = n * 4 * T * D
    base = L * n * 24 * D**2 + L * attention + n * 2 * D * V
    assert found.forward == base + lora
    back = L * n * 24 * D**2 + n * 2 * D * V - n * 6 * D**2  # inputs' gradients
    scores = attention * 10 // 4 * L - n * 2 * T * D  # no gradient of the first keys
    own = 2 * lora - 2 * n * 2 * D * r  # A, B, and h; x of block 0 takes none
    assert found.backward == back + scores + own
    assert found.trainable == 2 * L * 2 * D * r


def test_above_a_sixth_of_the_width_lora_costs_more():
    """Per token and block LoRA saves the weights' gradients, 2 · 12 d², and adds three
    passes through factors of (4 · 2 + 2 · 5) d r numbers, 6 · 18 d r: equal at
    r = 24 d²/(108 d) = d/4.5 (d/6 for square matrices alone). The first block is not
    like the others (no gradient of its input), hence the 3."""

    def work(r):
        model = gpt2(dim=48, layers=6)
        if r:
            target = r"attn\.(q|k|v|o)|mlp\.(up|down)"
            peft.attach(model, peft.LoRA(r=r), target, rng=1)
        return cost(model, B, T).flops

    full = work(0)
    dear = next(r for r in range(1, 49) if work(r) > full)
    assert dear == pytest.approx(48 / 4.5, abs=3)


def arrays(model, kind):
    yield from (p.data for _, p in model._named(kind, ""))
    for module in model.modules():
        for delta in module._deltas:
            yield from (p.data for _, p in delta._named(kind, ""))


@pytest.mark.parametrize(
    "make, target",
    [
        (None, None),
        (lambda: peft.LoRA(r=3), r"attn\.(q|v)"),
        (lambda: peft.PiSSA(r=3), r"attn\.(q|v)"),
        (lambda: peft.VeRA(r=3), "up|down"),
        (lambda: peft.Full(), "norm"),
    ],
)
def test_bytes_are_those_of_the_arrays(make, target):
    """Weights and buffers, gradients after backward, Adam's two moments."""
    model = gpt2()
    if make is not None:
        peft.attach(model, make(), target, rng=1)
    adam = optim.Adam(model.parameters(), 1e-3)
    ids = np.random.default_rng(1).integers(0, V, (B, T))
    y = model(tinyft.tensor(ids))
    ops.cross_entropy(y.reshape(-1, V), tinyft.tensor(ids.reshape(-1))).backward()
    grads = [p.grad.data.nbytes for p in model.parameters() if p.requires_grad]
    adam.step()
    held = {id(a): a for k in ("_parameters", "_buffers") for a in arrays(model, k)}
    found = cost(model, B, T)
    assert found.weights == sum(a.nbytes for a in held.values())
    assert found.gradients == sum(grads) > 0
    assert found.states == 2 * sum(grads)
    assert cost(model, B, T, "sgd").states == 0
    assert found.bytes == sum(
        (found.weights, found.gradients, found.states, found.activations)
    )


def test_batchnorm_buffers_count_as_weights():
    model = models.resnet_tiny(np.random.default_rng(0))
    counters = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    floats = sum(p.data.nbytes for p in model.parameters())
    floats += sum(2 * 4 * m.num_features for m in counters)  # not num_batches_tracked
    assert cost(model, 2, 8).weights == floats


def test_lora_on_resnet_keeps_the_inputs_that_freezing_had_dropped():
    """huggingface/peft#2196: a convolution's LoRA keeps the layer's input, and more."""
    model = models.resnet_tiny(np.random.default_rng(0))
    peft.attach(model, peft.BitFit(), rng=1, name="probe")
    frozen = cost(model, 8, 16).activations
    peft.attach(model, peft.LoRA(r=4), r"conv\d", rng=1)
    assert cost(model, 8, 16).activations > 1.1 * frozen


def test_what_is_off_is_stored_and_costs_no_work():
    model = gpt2()
    base = cost(model, B, T)
    adapter = peft.attach(model, peft.LoRA(r=4), r"attn\.q", rng=1)
    adapter.enable(False)
    off = cost(model, B, T)
    assert off.parameters == base.parameters + L * 2 * D * 4
    assert off.forward == base.forward


def test_what_cannot_be_priced_is_refused():
    with pytest.raises(
        TypeError, match=r"expected models\.Transformer or models\.ResNet"
    ):
        cost(nn.Sequential(nn.Linear(3, 4, rng=0)), 2, 3)
    with pytest.raises(ValueError, match="expected one of sgd, momentum, adam"):
        cost(gpt2(), B, T, "lion")


@pytest.mark.skipif(not hasattr(nn, "quantise_linears"), reason="no 4-bit layers here")
def test_four_bit_layers_count_what_they_store():
    model = gpt2()
    nn.quantise_linears(model, r"attn\.\w|up|down")
    peft.attach(model, peft.LoRA(r=4), r"attn\.q", rng=1)
    held = (a.nbytes for k in ("_parameters", "_buffers") for a in arrays(model, k))
    assert cost(model, B, T).weights == sum(held)
