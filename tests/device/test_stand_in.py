"""One code: every operation, model, method and optimiser on device arrays.

The stand-in (stand_in.py) computes with NumPy, so results must be those of the host to
rounding; what it adds is refusal (what CuPy lacks, host and device mixed) and counting.
"""

import numpy as np
import pytest
from scenarios import CASES, METHODS, Run, case_id, dropping, gpt, resnet, run, train
from table import TABLE

from tinyft import backend, io, nn, ops, peft, tensor, training
from tinyft.backend import DeviceError


@pytest.mark.parametrize("row", TABLE, ids=lambda r: r.name.replace(" ", "_"))
def test_operation_forward_and_backward(row, kernels, cuda):
    want, gradients = run(row, "cpu")
    got, found = run(row, "cuda")
    for one, other in zip([got, *found], [want, *gradients]):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("make, name, rule", CASES, ids=case_id)
def test_training_steps_equal_the_hosts_and_never_wait(make, name, rule, kernels, cuda):
    want = train("cpu", make, name, rule)
    got = train("cuda", make, name, rule, watch=lambda: cuda.expect(0, 0))
    np.testing.assert_allclose(got, want, rtol=2e-5)  # float32, sums in blocks
    assert got[0] != got[-1]


@pytest.mark.parametrize("make, name, rule", CASES[::4], ids=case_id)
def test_cupys_own_tables_are_few_in_a_step(make, name, rule, cuda):
    """Joining more than 8 arrays costs CuPy 1 or 3 small copies, and no waiting: the
    optimiser joins the small parameters and their gradients, once each."""
    one = Run("cuda", make, name, rule)
    one.step()
    cuda.counts.clear()
    one.step()
    assert cuda.counts["table"] <= 6
    assert cuda.counts["sync"] == cuda.counts["h2d"] == 0


def test_every_registered_method_trains_on_the_device():
    assert {name.split()[0] for _, name in METHODS} == set(peft.registry)


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


def trained(device):
    """A model after a step, with its optimiser."""
    one = Run(device, gpt)
    one.step()
    return one


@pytest.mark.parametrize("there, here", [("cuda", "cpu"), ("cpu", "cuda")])
def test_training_goes_on_on_the_other_device(there, here, cuda, tmp_path):
    """Parameters and the optimiser's state cross; the next losses are the same."""
    one, two = trained(there), trained(here)
    for p in two.parameters:
        p.data = p.data * 0
    path = tmp_path / "run.safetensors"
    training.save_checkpoint(path, one.model, optimizer=one.rule)
    with pytest.warns(UserWarning, match="was computed by"):  # its bits will differ
        training.load_checkpoint(path, two.model, optimizer=two.rule)
    assert two.parameters[0].device == ("cuda:0" if here == "cuda" else "cpu")
    for side in (one, two):
        side.step()
        side.step()
    losses = [[loss.item() for loss in side.losses[1:]] for side in (one, two)]
    np.testing.assert_allclose(*losses, rtol=2e-5)


ALONE = [m for m in METHODS if m[1] != "FUSION"]  # it is saved with those that it mixes


@pytest.mark.parametrize("make, name", ALONE, ids=case_id)
def test_an_adapter_crosses_devices(make, name, cuda, tmp_path):
    """Trained and saved on the device, loaded on the host: the same outputs."""
    one = Run("cuda", make, name)
    one.step()
    one.model.eval()
    peft.save(one.model, tmp_path / "adapter")
    nn.manual_seed(7)
    host, x, _ = make()
    peft.load(host, tmp_path / "adapter")
    host.eval()
    want = one.model(one.x).numpy()
    np.testing.assert_allclose(host(x).numpy(), want, rtol=1e-4, atol=1e-5)


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
