"""Merging on a device: the host's numbers, and they stay there."""

import numpy as np
import pytest

from tinyft import backend, tensor, transfer
from tinyft.models import mlp


def merged(device):
    nets = [mlp(4, 5, 3, rng=i).to(device) for i in range(3)]
    x = tensor(np.linspace(-1, 1, 8, dtype="f4").reshape(2, 4), device=device)
    taus = [transfer.task_vector(net, nets[0]) for net in nets[1:]]
    losses = next(nets[0].parameters()).data[:3, 0] ** 2
    D = 1 - backend.xp_of(losses).eye(3, dtype="float32")
    state, members = transfer.greedy_soup(nets, lambda s: float(s["0.bias"].sum()))
    found = {
        "soup": transfer.soup(nets)["0.weight"],
        "greedy": state["2.weight"],
        "global": transfer.ties(taus, 0.3)["0.weight"],
        "tensor": transfer.ties(taus, 0.3, trim="tensor")["2.weight"],
        "dare": transfer.dare(taus[0], 0.5, np.random.default_rng(0))["0.weight"],
        "sum": transfer.add_vectors(nets[0], taus, [0.5, -1])["0.weight"],
        "tangent": transfer.tangent(nets[0], x, taus[0]),
        "weights": transfer.soup_weights(losses, D),
    }
    return found, (members, transfer.similarity(*taus))


@pytest.mark.usefixtures("cuda")
def test_merging_there_is_the_hosts():
    (here, plain), (there, also) = merged("cpu"), merged("cuda")
    for name, x in there.items():
        assert backend.device_of(x).partition(":")[0] == "cuda", name
        np.testing.assert_allclose(backend.asnumpy(x), here[name], atol=1e-5)
    assert plain[0] == also[0]
    assert plain[1] == pytest.approx(also[1], abs=1e-5)
