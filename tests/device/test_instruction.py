"""Chapter 23's losses on a device: the same as on the host, packed rows too."""

import numpy as np

from tinyft import backend, models, objectives

RNG = np.random.default_rng(3)
EXAMPLES = [
    objectives.Example(RNG.integers(0, 20, n), np.r_[[-100] * (n - 2), 4, 7])
    for n in (5, 3, 6)
]


def losses(device):
    """Σ/Σ of two micro-batches, and of packed rows, with their gradients."""
    model = models.gpt2_tiny(0, "f8", vocab=20, dim=16, layers=1, length=16).to(device)
    micro = [objectives.collate(EXAMPLES[:1]), objectives.collate(EXAMPLES[1:])]
    found = [objectives.accumulate(model, micro)]
    packed = objectives.packed_loss(model, objectives.pack(EXAMPLES, 9))
    packed.backward()
    assert packed.device == next(model.parameters()).device
    return [*found, packed.item(), *(p.grad.numpy() for p in model.parameters())]


def test_losses_there_are_the_hosts(cuda):
    for got, want in zip(losses("cuda"), losses("cpu"), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
    assert backend.device_of(EXAMPLES[0].x) == "cpu"
