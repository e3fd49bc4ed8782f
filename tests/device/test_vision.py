"""On a device: ggml's blocks, folding, MobileNetV2 and ViT, the same as on the host."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tinyft import backend, io, models, nn, ops, peft, tensor
from tinyft.quantise import Blocks, decode
from tinyft.quantise.ggml import FORMS

sys.path.insert(0, str(Path(__file__).parents[1] / "nn"))
from test_gguf_layer import blocks

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kind", FORMS)
def test_blocks_are_decoded_there_to_the_same_bits(kind, cuda):
    given = blocks(6, 512, kind) if kind != "F32" else None
    raw = (
        RNG.standard_normal(24).astype("f4").view("u1") if given is None else given.raw
    )
    shape = (4, 6) if given is None else (6, 512)
    there = decode(kind, backend.to(raw, "cuda"), shape)
    assert backend.device_of(there) == "cuda:0"
    assert np.array_equal(backend.asnumpy(there), decode(kind, raw, shape))


def test_a_layer_of_blocks_moves_and_comes_back(cuda, tmp_path):
    net = nn.Sequential(nn.LinearGGUF.of(blocks(24, 64), RNG.standard_normal(24)))
    x = RNG.standard_normal((3, 64)).astype("f4")
    want = net(x).numpy()
    net.to("cuda")
    assert net[0].weight_spec().device == "cuda:0" == net[0].weight.device
    peft.attach(net, peft.LoRA(r=2), "0", rng=1)
    y = net(tensor(x, device="cuda"))
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-5, atol=1e-6)
    ops.sum(y**2).backward()
    io.save(tmp_path / "one.safetensors", net.state_dict())
    back = nn.Sequential(nn.LinearGGUF(64, 24))
    back.load_state_dict(io.load(tmp_path / "one.safetensors"))
    assert np.array_equal(back(x).numpy(), want)


def test_blocks_are_put_where_the_model_is(cuda):
    net = nn.Sequential(nn.Linear(64, 24, rng=0)).to("cuda")
    nn.hold_blocks(net, {"0.weight": Blocks("Q4_1", (24, 64), blocks(24, 64).raw)})
    assert backend.device_of(net[0].packed.raw) == "cuda:0"
    nn.dequantise_linears(net)
    assert net[0].weight.device == "cuda:0"


MODELS = {
    "mobilenet": (
        lambda: models.mobilenet_v2(0, "f8", width=0.25, classes=3,
                                    stages=((1, 8, 1, 1), (3, 16, 2, 2))),
        (2, 3, 17, 16),
    ),
    "efficientnet": (
        lambda: models.efficientnet_lite0(0, "f8", classes=3,
                                          stages=((1, 8, 1, 1, 3), (2, 16, 2, 2, 5))),
        (2, 3, 17, 16),
    ),
    "vit": (lambda: models.vit_tiny(0, "f8"), (2, 1, 8, 8)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_step_there_is_the_hosts(name, cuda):
    make, shape = MODELS[name]
    x, found = RNG.standard_normal(shape), []
    for device in ("cpu", "cuda"):
        model = make().to(device)
        for m in model.modules():
            if isinstance(m, nn.Dropout):
                m.eval()
        y = model(tensor(x, device=device))
        ops.sum(y**2).backward()
        found.append([y.numpy(), *(p.grad.numpy() for p in model.parameters())])
    for a, b in zip(*found):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9 * (1 + np.abs(a).max()))


def test_folding_there(cuda):
    model = MODELS["mobilenet"][0]().eval().to("cuda")
    x = tensor(RNG.standard_normal((1, 3, 16, 16)), device="cuda")
    want = model(x).numpy()
    nn.fold_batchnorm(model)
    assert {p.device for p in model.parameters()} == {"cuda:0"}
    np.testing.assert_allclose(model(x).numpy(), want, atol=1e-12)


def test_glms_rotary_there(cuda):
    rotary, x = (
        nn.Rotary(8, part=4, pairs="neighbours"),
        RNG.standard_normal((1, 2, 5, 8)),
    )
    want = rotary(tensor(x), np.arange(5)).numpy()
    there = rotary(tensor(x, device="cuda"), tensor(np.arange(5), device="cuda"))
    np.testing.assert_allclose(there.numpy(), want, rtol=1e-12)
