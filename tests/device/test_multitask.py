"""Several tasks on a device: gradients, projections, weights and fits of the host's."""

import numpy as np
import pytest

from tinyft import backend, models, nn, ops, tensor, transfer

KINDS = {"class": "classification", "ink": "regression"}


def trained(device):
    """(gradients, σ², cosines) of one backward pass each way."""
    rng = np.random.default_rng(0)
    trunk = models.mlp(4, 5, rng=rng)
    heads = {k: nn.Linear(5, n, rng=rng) for k, n in (("class", 3), ("ink", 1))}
    model = transfer.SharedTrunk(trunk, heads).to(device)
    weights = transfer.UncertaintyWeights(KINDS).to(device)
    x = tensor(rng.normal(size=(6, 4)).astype("f4"), device=device)
    y = tensor(rng.integers(0, 3, 6), device=device)
    ink = tensor(rng.normal(size=(6, 1)).astype("f4"), device=device)

    def losses():
        out = model(x)
        parts = {"class": ops.cross_entropy(out["class"], y)}
        return parts | {"ink": ops.mse_loss(out["ink"], ink)}

    G = transfer.task_gradients(losses(), model.parameters())
    assert backend.device_of(G) == backend.device_of(x.data)
    weights.start_at(losses())
    every = [*model.parameters(), *weights.parameters()]
    transfer.PCGrad(every, 0).backward(weights.terms(losses()))
    found = [backend.asnumpy(transfer.cosines(G)), *(p.grad.numpy() for p in every)]
    return found, weights.variances()


@pytest.mark.usefixtures("cuda")
def test_a_step_there_is_the_hosts():
    (here, variances), (there, others) = trained("cpu"), trained("cuda")
    assert others == pytest.approx(variances, rel=1e-5)
    for a, b in zip(here, there):
        np.testing.assert_allclose(b, a, atol=1e-5)


@pytest.mark.usefixtures("cuda")
def test_a_joint_ridge_there_is_the_hosts():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(2, 7, 3)), rng.normal(size=(2, 7))
    here = transfer.joint_ridge(list(X), list(y), 0.5, 2.0)
    there = transfer.joint_ridge(
        [backend.to(x, "cuda") for x in X], [backend.to(t, "cuda") for t in y], 0.5, 2.0
    )
    for a, b in zip(here, there):
        np.testing.assert_allclose(backend.asnumpy(b), a, rtol=1e-10)
