"""4-bit layers on a device: quantised there, moved there, and the same as the host's."""

import numpy as np
import pytest

from tinyft import backend, io, nn, ops, peft, tensor
from tinyft.quantise import CODES, dequantise, measured_error, quantise


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", [(40, 64), (7, 33)])
def test_quantising_there_gives_the_hosts_bytes(code, shape, cuda):
    W = np.random.default_rng(0).standard_normal(shape).astype("float32")
    here, there = quantise(W, 32, code), quantise(backend.to(W, "cuda"), 32, code)
    for name, array in here.arrays.items():
        assert backend.device_of(there.arrays[name]) == "cuda:0"
        assert np.array_equal(backend.asnumpy(there.arrays[name]), array), name
    for dtype in ("float16", "float32", "float64"):
        found = backend.asnumpy(dequantise(there, dtype))
        assert np.array_equal(found, dequantise(here, dtype))
    assert measured_error(backend.to(W, "cuda"), 32, code) == pytest.approx(
        measured_error(W, 32, code), rel=1e-12
    )


def test_a_block_with_nan_is_named_there_too(cuda):
    W = np.ones((4, 64), "float32")
    W[2, 5] = np.nan
    with pytest.raises(ValueError, match="block 2"):
        quantise(backend.to(W, "cuda"))


def test_a_layer_moves_and_comes_back(cuda, tmp_path):
    one = nn.Linear4bit(64, 24, bias=False, rng=0)
    state = {name: value.numpy().copy() for name, value in one.state_dict().items()}
    x = np.random.default_rng(1).standard_normal((3, 64)).astype("float32")
    want = one(x).numpy()
    one.to("cuda")
    assert one.weight_spec().device == "cuda:0" == one.weight.device
    np.testing.assert_allclose(one(tensor(x, device="cuda")).numpy(), want, rtol=1e-6)
    io.save(tmp_path / "one.safetensors", one.state_dict())
    back = nn.Linear4bit(64, 24, bias=False, rng=3)
    back.load_state_dict(io.load(tmp_path / "one.safetensors"))
    assert np.array_equal(back(x).numpy(), want)
    for name, value in one.to("cpu").state_dict().items():
        assert np.array_equal(value.numpy(), state[name])


def test_an_adapter_is_made_where_a_layer_without_parameters_is(cuda):
    net = nn.Sequential(nn.Linear4bit(64, 24, bias=False, rng=0)).to("cuda")
    adapter = peft.attach(net, peft.LoRA(r=2), "0", rng=1)
    assert {p.device for p in adapter.parameters()} == {"cuda:0"}
    x = tensor(np.ones((2, 64), "float32"), device="cuda")
    ops.sum(net(x) ** 2).backward()
    assert set(peft.merging_error(net)) == {"0"}


def test_loftq_there(cuda):
    errors = []
    for device in ("cpu", "cuda"):
        net = nn.Sequential(nn.Linear(64, 32, rng=0, dtype="float64")).to(device)
        adapter = peft.attach(net, peft.LoRA(r=3), "0", rng=1)
        errors.append(peft.loftq(adapter, 2)["0"])
    np.testing.assert_allclose(errors[1], errors[0], rtol=1e-12)


def test_there_and_back_in_place(cuda):
    net = nn.Sequential(nn.Linear(64, 32, rng=0)).to("cuda")
    nn.quantise_linears(net)
    y = net(tensor(np.ones((2, 64), "float32"), device="cuda")).numpy()
    nn.dequantise_linears(net)
    assert net[0].weight.device == "cuda:0"
    again = net(tensor(np.ones((2, 64), "float32"), device="cuda")).numpy()
    assert np.array_equal(again, y)
