"""Recomputing must not be seen: gradients, masks and statistics are the same bits."""

import tracemalloc

import numpy as np
import pytest

from tinyft import models, nn, ops, peft


def gradients(model, x, parameters=None):
    for p in parameters or model.parameters():
        p.zero_grad()
    (model(x) * model(x)).sum().backward()
    return [p.grad.numpy().tobytes() for p in parameters or model.parameters()]


def gpt(dropout=0.0):
    model = models.gpt2_tiny(
        0, vocab=11, dim=12, heads=3, length=9, layers=3, dropout=dropout
    )
    return model, np.random.default_rng(1).integers(0, 11, (2, 7))


def switch(model, on=True):
    for block in model.blocks:
        nn.recompute(block, on)


def test_transformer_bit_for_bit():
    model, ids = gpt()
    plain = gradients(model, ids)
    switch(model)
    assert gradients(model, ids) == plain
    switch(model, False)
    assert "forward" not in model.blocks[0].__dict__


def test_dropout_draws_the_same_masks_and_the_same_number_of_them():
    results = []
    for on in (False, True):
        model, ids = gpt(dropout=0.3)
        switch(model, on)
        generator = model.blocks[0].drop.rng or nn.init.generator()
        generator.bit_generator.state = np.random.default_rng(5).bit_generator.state
        found = gradients(model, ids)
        results.append((found, generator.random()))
    assert results[0] == results[1]


def test_batch_norm_moves_once():
    results = []
    for on in (False, True):
        model = models.resnet_tiny(0, widths=(4, 6, 8))
        for stage in (model.layer1, model.layer2):
            nn.recompute(stage, on)
        x = np.random.default_rng(1).normal(size=(4, 1, 8, 8)).astype("f4")
        found = gradients(model, x)
        results.append((found, [b.numpy().tobytes() for b in model.buffers()]))
    assert results[0] == results[1]


def test_a_frozen_input_still_trains_the_inside():
    """With LoRA nothing before the block needs a gradient, what is inside does."""
    model, ids = gpt()
    adapter = peft.attach(model, peft.LoRA(r=2), r"attn\.(q|v)", rng=1)
    for p in adapter.parameters():
        p.data = p.data + 0.1
    plain = gradients(model, ids, adapter.parameters())
    switch(model)
    assert gradients(model, ids, adapter.parameters()) == plain


def test_names_and_options_are_unchanged():
    model, ids = gpt()
    names = list(model.state_dict())
    before = model(ids).numpy()
    switch(model)
    assert list(model.state_dict()) == names
    np.testing.assert_array_equal(model(ids).numpy(), before)
    greedy = model.generate(ids, 2, greedy=True)
    switch(model, False)
    np.testing.assert_array_equal(model.generate(ids, 2, greedy=True), greedy)


def wide():
    return nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 64))


def test_memory_goes_down():
    """Live bytes after forward: the inputs of 8 blocks against all their insides."""
    live = []
    for on in (False, True):
        model = nn.Sequential(*[nn.recompute(wide(), on) for _ in range(8)])
        x = np.ones((128, 64), "f4")
        tracemalloc.start()
        y = model(x)
        live.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        y.sum().backward()
    assert live[1] < live[0] / 4


def test_errors():
    with pytest.raises(TypeError, match="expected a Module, got str"):
        nn.recompute("block")

    class Two(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(2, 2)

        def forward(self, x, scale=None):
            return self.fc(x), scale

    with pytest.raises(TypeError, match="must return one Tensor, it returned a tuple"):
        nn.recompute(Two())(ops.ones((1, 2)))
    scale = ops.ones((1, 2)).requires_grad_()
    with pytest.raises(ValueError, match="by position, not by name"):
        nn.recompute(Two())(ops.ones((1, 2)), scale=scale)
