"""Real weights, where `tinyft fetch` has put them: MobileNetV2 and SmolLM2's own blocks."""

import numpy as np
import pytest

from tinyft import io, models, nn, no_grad, ops, optim, peft, pretrained


def weights(name):
    """The path of what was fetched, or a skip that says how."""
    try:
        return pretrained.fetched(name)
    except FileNotFoundError as error:
        pytest.skip(str(error))


# The largest logits of a float64 forward pass in PyTorch on the waves below.
WAVES = {806: 8.07704, 906: 7.7397, 794: 6.64571, 452: 6.61023, 115: 6.29062}


def waves(dtype):
    at = np.arange(224)
    one = np.sin(at[:, None] / 9) * np.cos(at / 13)
    return np.stack([one, one.T, np.sin(at[:, None] * at / 900)])[None].astype(dtype)


@pytest.mark.parametrize("folded", [False, True])
def test_mobilenet_v2_of_imagenet(folded):
    """float32 differs from float64 by 1.2e-5 here."""
    state = io.load_pth(weights("mobilenetv2"))
    model = models.mobilenet_v2()
    assert model.load_state_dict(state) == ([], [])
    model.eval()
    if folded:
        assert len(nn.fold_batchnorm(model)) == 52
    with no_grad():
        logits = model(waves("float32")).numpy()[0]
    assert list(np.argsort(-logits)[:5]) == list(WAVES)
    np.testing.assert_allclose(logits[list(WAVES)], list(WAVES.values()), atol=1e-4)
    assert (logits**2).sum() == pytest.approx(4671.2698, abs=0.05)


def test_efficientnet_lite0_of_imagenet():
    state = io.load_pth(weights("efficientnet-lite0"))
    model = models.efficientnet_lite0()
    assert model.load_state_dict(state) == ([], [])
    assert model.count() == 4652008
    with no_grad():
        logits = model.eval()(waves("float32")).numpy()[0]
    # float64, where the network agrees with PyTorch (tests/parity/test_efficientnet.py)
    largest = {906: 7.89496, 911: 5.45611, 885: 5.11777, 392: 5.1091, 946: 4.40886}
    assert list(np.argsort(-logits)[:5]) == list(largest)
    np.testing.assert_allclose(logits[list(largest)], list(largest.values()), atol=1e-4)


def test_losses_on_smollm2s_own_blocks_are_those_of_the_floats():
    path, losses, sizes = weights("smollm2"), [], []
    ids = np.random.default_rng(0).integers(0, 49152, (3, 1, 17))
    for packed in (True, False):
        model = io.load_gguf(path, packed=packed)
        sizes.append(model.nbytes())
        adapter = peft.attach(model, peft.LoRA(r=8), r"attn\.(q|v)", rng=0)
        step, own = optim.AdamW(adapter.parameters(), lr=1e-3), []
        for row in ids:
            step.zero_grad()
            logits = model(row[:, :-1]).reshape(-1, 49152)
            loss = ops.cross_entropy(logits, row[:, 1:].reshape(-1))
            loss.backward()
            step.step()
            own.append(loss.item())
        losses.append(own)
    assert losses[0] == losses[1]  # bit for bit
    linears = 30 * (2 * 576 * 576 + 2 * 192 * 576 + 3 * 1536 * 576)
    assert sizes[1] - sizes[0] == linears * (4 - 5 / 8)  # 5 bits a weight
