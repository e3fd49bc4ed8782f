"""One code: every operation, model, method and optimiser on device arrays.

The stand-in (stand_in.py) computes with NumPy, so results must be those of the host to
rounding; what it adds is refusal (what CuPy lacks, host and device mixed) and counting.
"""

import numpy as np
import pytest
from table import TABLE

from tinyft import backend, grad, io, models, nn, ops, optim, peft, tensor, training
from tinyft.backend import DeviceError


def on(device, arrays):
    return [tensor(a, requires_grad=True, device=device) for a in arrays]


def run(row, device):
    xs = on(device, row.arrays())
    y = row.function(*xs)
    gy = np.cos(np.arange(y.size)).reshape(y.shape)
    return y, grad([y], xs, [tensor(gy, device=device)])


@pytest.mark.parametrize("row", TABLE, ids=lambda r: r.name.replace(" ", "_"))
def test_operation_forward_and_backward(row, cuda):
    want, gradients = run(row, "cpu")
    got, found = run(row, "cuda")
    assert got.device == "cuda:0" and all(g.device == "cuda:0" for g in found)
    np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-12, atol=1e-13)
    for one, other in zip(found, gradients):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-12, atol=1e-13)


def gpt():
    model = models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=16)
    ids = np.random.default_rng(1).integers(0, 11, (2, 8))
    return model, ids[:, :-1], ids[:, 1:].reshape(-1)


def llama():
    model = models.llama_tiny(0, vocab=11, dim=24, heads=4, length=9)
    ids = np.random.default_rng(1).integers(0, 11, (2, 8))
    return model, ids[:, :-1], ids[:, 1:].reshape(-1)


def resnet():
    model = models.resnet_tiny(0, widths=(4, 6, 8))
    rng = np.random.default_rng(1)
    return model, rng.normal(size=(4, 1, 8, 8)).astype("f4"), rng.integers(0, 10, 4)


OPTIMISERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.05, momentum=0.9),
    "adam": lambda p: optim.Adam(p, lr=1e-2),
    "adamw": lambda p: optim.AdamW(p, lr=1e-2),
}
METHODS = {
    "full": None,
    "lora": (lambda: peft.LoRA(r=2), r"attn\.(q|v)|layer\d\.0\.conv1"),
    "dora": (lambda: peft.DoRA(r=2), r"attn\.(q|v)|layer\d\.0\.conv1"),
    "ia3": (lambda: peft.IA3(), r"attn\.(k|v)|layer\d\.0\.conv1"),
    "bitfit": (lambda: peft.BitFit(), r"attn\.q|fc"),
    "prefix": (lambda: peft.Prefix(length=3), None),
}


def train(device, make, method="full", optimiser="adamw", steps=3, watch=None):
    """Losses of a few steps on a device; `watch` wraps each whole step."""
    nn.manual_seed(7)
    model, x, y = make()
    parameters = list(model.parameters())
    if METHODS[method] is not None:
        template, target = METHODS[method]
        args = () if target is None else (target,)
        adapter = peft.attach(model.to(device), template(), *args, rng=1)
        parameters = adapter.parameters()
    model.to(device)
    rule = OPTIMISERS[optimiser](parameters)
    x, y, losses = backend.to(x, device), backend.to(y, device), []

    def step():
        rule.zero_grad()
        logits = model(x)
        loss = ops.cross_entropy(logits.reshape(-1, logits.shape[-1]), y)
        loss.backward()
        optim.clip_grad_norm(parameters, 1.0)
        rule.step()
        losses.append(loss.detach())

    for _ in range(steps):
        if watch is None:
            step()
        else:
            with watch():
                step()
    return [loss.item() for loss in losses]


CASES = [
    *[(make, "full", o) for make in (gpt, resnet) for o in OPTIMISERS],
    (llama, "full", "adamw"),
    *[(gpt, m, "adamw") for m in METHODS if m != "full"],
    *[(resnet, m, "adamw") for m in ("lora", "dora", "ia3", "bitfit")],
]


@pytest.mark.parametrize(
    "make, method, optimiser", CASES, ids=lambda v: getattr(v, "__name__", v)
)
def test_training_steps_equal_the_hosts_and_never_wait(make, method, optimiser, cuda):
    want = train("cpu", make, method, optimiser)
    got = train("cuda", make, method, optimiser, watch=lambda: cuda.expect(0, 0))
    np.testing.assert_allclose(got, want, rtol=2e-5)  # float32, sums in blocks
    assert got[0] != got[-1]


def dropping():
    model = models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=16, dropout=0.1)
    ids = np.random.default_rng(1).integers(0, 11, (2, 8))
    return model, ids[:, :-1], ids[:, 1:].reshape(-1)


def test_dropout_masks_come_from_the_host_and_nothing_waits(cuda):
    """The same numbers on every device cost one transfer a mask, and no waiting."""
    want = train("cpu", dropping)
    masks = 2 * 3 + 1  # a layer: attention, its output, the mlp; and the embedding
    got = train("cuda", dropping, watch=lambda: cuda.expect(0, masks))
    np.testing.assert_allclose(got, want, rtol=2e-5)


def test_a_checkpoint_saved_on_one_device_loads_on_the_other(cuda, tmp_path):
    model, x, _ = resnet()
    model.eval()
    want = model(x).numpy()
    model.to("cuda")
    training.save_checkpoint(tmp_path / "run.safetensors", model)
    other, _, _ = resnet()
    for p in other.parameters():
        p.data = p.data * 0
    training.load_checkpoint(tmp_path / "run.safetensors", other)
    other.eval()
    np.testing.assert_array_equal(other(x).numpy(), want)
    again, _, _ = resnet()
    again.to("cuda").eval()
    state = io.load(tmp_path / "run.safetensors")
    again.load_state_dict(
        {k.removeprefix("model."): v for k, v in state.items() if "model." in k}
    )
    got = again(tensor(x, device="cuda"))
    assert got.device == "cuda:0"
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-6)


def test_mixed_devices_name_both(cuda):
    a, b = tensor([1.0, 2.0]), tensor([3.0, 4.0], device="cuda")
    with pytest.raises(DeviceError, match="add: its arrays live on cpu and cuda:0"):
        a + b
    assert (a + b.to("cpu")).device == "cpu"


def test_creation_follows_the_device_block(cuda):
    with backend.device("cuda"):
        assert tensor([1.0]).device == "cuda:0"
        assert ops.zeros((2, 3)).device == "cuda:0"
    assert tensor([1.0]).device == "cpu"


def test_memory_figures_and_waiting(cuda):
    assert backend.memory_stats() == {"used": 1024, "total": 4096}
    backend.free_memory()
    assert cuda.counts["freed"] == 2
    backend.synchronize()
    assert cuda.counts["sync"] == 1


def test_the_gradient_crosses_devices(cuda):
    x = tensor([1.0, 2.0], requires_grad=True)
    (x.to("cuda") * 3.0).sum().backward()
    assert x.grad.device == "cpu"
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 3.0])


def test_the_stand_in_refuses_what_cupy_refuses(cuda):
    xp, a = cuda.library, cuda.library.asarray([[1.0, 2.0]])
    for wrong in (
        lambda: a + np.ones(2),
        lambda: xp.exp(a, where=True),
        lambda: xp.sum(a, initial=0),
        lambda: np.asarray(a),
    ):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(NotImplementedError):
        xp.maximum.reduce(a)
    with pytest.raises(AttributeError):
        xp.errstate()
    assert isinstance(xp.sum(a), cuda.ndarray)  # 0-d stays on the device
