"""An adapter is part of the model for all that trains, clears, clips, counts, saves.

Expected values: the same call on the adapter's own list of parameters, the run that was
not stopped (bytes), or a count by hand.
"""

import numpy as np
import pytest

from tinyft import io, models, nn, ops, optim, peft, training

IDS = np.random.default_rng(0).integers(0, 32, (4, 9))
BATCHES = [(IDS[i : i + 2, :-1], IDS[i : i + 2, 1:]) for i in (0, 2)]


def loss(model, x, y):
    return ops.cross_entropy(model(x).reshape(-1, 32), y.reshape(-1))


def make(rng=3, dropout=0.3, method=None, **attach):
    nn.manual_seed(5)
    model = models.gpt2_tiny(rng=0, vocab=32, layers=1, dropout=0.1)
    method = method or peft.LoRA(r=2, dropout=dropout)
    target = attach.pop("target", r"attn\.(q|v)")
    return model, peft.attach(model, method, target, rng=rng, **attach)


def grads(adapter):
    return [
        None if p.grad is None else p.grad.numpy().copy() for p in adapter.parameters()
    ]


def test_zero_grad_clears_the_adapter():
    model, adapter = make(dropout=0.0)
    model.eval()
    loss(model, *BATCHES[0]).backward()
    once = grads(adapter)
    model.zero_grad()
    assert grads(adapter) == [None] * len(once)
    loss(model, *BATCHES[0]).backward()
    for a, b in zip(once, grads(adapter)):
        np.testing.assert_array_equal(a, b)


def test_clipping_the_model_clips_the_adapter():
    model, adapter = make()
    loss(model, *BATCHES[0]).backward()
    norm = np.sqrt(sum((g**2).sum() for g in grads(adapter)))
    told = optim.clip_grad_norm(model.parameters(), norm / 2).item()
    assert told == pytest.approx(norm, rel=1e-5)
    after = np.sqrt(sum((g**2).sum() for g in grads(adapter)))
    assert after == pytest.approx(norm / 2, rel=1e-3)  # 1e-6 is added to a norm of 1e-3


def test_parameters_names_count_and_flags():
    model, adapter = make()
    base = models.gpt2_tiny(rng=0, vocab=32, layers=1).count()
    assert model.count() == base + adapter.count()
    assert model.count(trainable=True) == adapter.count() == 2 * 2 * (64 + 64)
    names = dict(model.named_parameters())
    assert names["blocks.0.attn.q.default.A"] is adapter.deltas["blocks.0.attn.q"].A
    own = dict(model.blocks[0].attn.named_parameters())
    assert own["q.default.B"] is adapter.deltas["blocks.0.attn.q"].B
    assert not any("default" in name for name in model.state_dict())
    assert not any("default" in name for name, _ in model.named_base_parameters())
    model.requires_grad_(False)
    assert model.count(trainable=True) == 0
    model.double()
    assert {str(p.dtype) for p in model.parameters()} == {"float64"}


def test_two_adapters_have_names_of_their_own_and_shared_matrices_come_once():
    model, first = make()
    second = peft.attach(model, peft.VeRA(r=4), r"attn\.(q|v)", "other", rng=1)
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == len(set(names))
    assert model.count() - models.gpt2_tiny(rng=0, vocab=32, layers=1).count() == (
        first.count() + second.count()
    )
    shared = [n for n, _ in model.named_buffers() if n.endswith(("other.A", "other.B"))]
    assert sorted(shared) == ["blocks.0.attn.q.other.A", "blocks.0.attn.q.other.B"]


def test_an_optimizer_of_model_parameters_trains_the_adapter_and_leaves_the_base():
    model, adapter = make()
    base = {n: t.numpy().copy() for n, t in model.state_dict().items()}
    start = [p.numpy().copy() for p in adapter.parameters()]
    step = optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.5)
    training.fit(model, loss, BATCHES, step, steps=2, progress=False)
    for name, t in model.state_dict().items():
        np.testing.assert_array_equal(t.numpy(), base[name])
    assert all((p.numpy() != a).any() for p, a in zip(adapter.parameters(), start))


# --- checkpoints ---------------------------------------------------------------------

METHODS = {
    "lora": lambda: make(),
    "lora, default generator": lambda: make(rng=None),
    "vera, shared matrices": lambda: make(method=peft.VeRA(r=4, dropout=0.2)),
    "lora and a whole head": lambda: make(also="norm", target=r"attn\.q"),
    "two": lambda: two(),
}


def two():
    model, one = make()
    peft.attach(
        model, peft.Bottleneck(m=3), "mlp", "second", rng=np.random.default_rng(1)
    )
    return model, one


def run(build, path, steps, every=2, stop=None):
    model, _ = build()
    optimizer = optim.AdamW(model.parameters(), lr=0.05)
    kept = training.Checkpoint(path, model, optimizer)

    def maybe(step, value):
        if step == stop:
            raise KeyboardInterrupt

    start = kept.resume()
    options = {"steps": steps, "every": every, "progress": False, "on_step": maybe}
    training.fit(
        model, loss, BATCHES, optimizer, start=start, checkpoint=kept, **options
    )
    return start, [p.numpy().tobytes() for p in model.parameters()]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("stop", [3, 6])
def test_a_stopped_run_ends_with_the_same_bytes(tmp_path, name, stop):
    _, want = run(METHODS[name], tmp_path / "whole.safetensors", 7)
    with pytest.raises(KeyboardInterrupt):
        run(METHODS[name], tmp_path / "run.safetensors", 7, stop=stop)
    start, got = run(METHODS[name], tmp_path / "run.safetensors", 7)
    assert start == 2 * ((stop - 1) // 2) and got == want


def test_a_trained_batchnorm_copy_keeps_its_statistics(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 1, 8, 8)).astype("f4"), np.arange(8) % 3

    def build():
        nn.manual_seed(5)
        model = models.resnet_tiny(rng=0, depths=(1, 1), widths=(4, 8), classes=3)
        peft.attach(model, peft.Full(), "fc|^bn1", rng=0)
        return model

    def through(path, steps):
        model = build()
        step = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        kept = training.Checkpoint(path, model, step)
        training.fit(
            model,
            lambda m, x, y: ops.cross_entropy(m(x), y),
            [(x, y)],
            step,
            steps=steps,
            start=kept.resume(),
            checkpoint=kept,
            progress=False,
        )
        return [b.numpy().tobytes() for b in (*model.buffers(), *model.parameters())]

    want = through(tmp_path / "a.safetensors", 4)
    through(tmp_path / "b.safetensors", 2)
    assert through(tmp_path / "b.safetensors", 4) == want
    fresh = [b.numpy().tobytes() for b in build().buffers()]
    assert want[: len(fresh)] != fresh  # the copies' statistics did move


def test_early_stopping_restores_the_adapter():
    model, adapter = make()
    values, seen = iter([2.0, 1.0, 3.0, 4.0]), []

    def evaluate():
        seen.append([p.numpy().copy() for p in adapter.parameters()])
        return {"loss": next(values)}

    early = training.EarlyStopping(2)
    step = optim.AdamW(model.parameters(), lr=0.05)
    history = training.fit(
        model, loss, BATCHES, step, steps=9, every=1, progress=False,
        evaluate=evaluate, early_stopping=early,
    )  # fmt: skip
    assert history["eval_loss"] == [2.0, 1.0, 3.0, 4.0]
    for p, best, last in zip(adapter.parameters(), seen[1], seen[3]):
        np.testing.assert_array_equal(p.numpy(), best)
        assert (best != last).any()
    assert early.is_over


def test_which_adapters_act_comes_back(tmp_path):
    path = tmp_path / "run.safetensors"
    model, _ = two()
    peft.switch(model, "second")
    training.save_checkpoint(path, model, optim.SGD(model.parameters()))
    other, one = two()
    training.load_checkpoint(path, other, optim.SGD(other.parameters()))
    second = peft.attached(other)["second"]
    assert not any(d.enabled for d in one.deltas.values())
    assert all(d.enabled for d in second.deltas.values())


WRONG = {
    "nothing attached": (
        lambda: (models.gpt2_tiny(rng=0, vocab=32, layers=1, dropout=0.1), None),
        "the adapter at blocks.0.attn.q.default: LoRA in the file, nothing here",
    ),
    "another scale": (
        lambda: make(method=peft.LoRA(r=2, alpha=16, dropout=0.3)),
        "blocks.0.attn.q.default, alpha: 8 in the file, 16 here",
    ),
    "another dropout": (
        lambda: make(dropout=0.2),
        "default, dropout: 0.3 in the file, 0.2 here",
    ),
    "another name": (
        lambda: make(name="b"),
        r"blocks.0.attn.q.b: nothing in the file, LoRA here",
    ),
    "another method": (
        lambda: make(method=peft.DoRA(r=2, dropout=0.3)),
        "default: LoRA in the file, DoRA here",
    ),
    "a generator of its own": (
        lambda: make(rng=None),
        r"lacks the state .* none, and holds adapter\.blocks\.0\.attn\.q\.default\.rng",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_another_adapter_is_a_sentence_and_changes_nothing(tmp_path, name):
    build, words = WRONG[name]
    path = tmp_path / "run.safetensors"
    model, _ = make()
    training.save_checkpoint(path, model, optim.SGD(model.parameters()), step=3)
    other, _ = build()
    before = [p.numpy().tobytes() for p in other.parameters()]
    with pytest.raises(io.CheckpointError, match=words):
        training.load_checkpoint(path, other, optim.SGD(other.parameters()))
    assert [p.numpy().tobytes() for p in other.parameters()] == before


def test_training_while_merged_is_a_sentence(tmp_path):
    model, _ = make()
    step = optim.SGD(model.parameters())
    peft.merge(model)
    with pytest.raises(ValueError, match=r"adapter is merged .*peft\.unmerge\(model\)"):
        training.fit(model, loss, BATCHES, step, steps=1)
    with pytest.raises(ValueError, match="adapter is merged"):
        training.save_checkpoint(tmp_path / "x", model)
    assert not (tmp_path / "x").exists()
    judged = training.evaluate(
        model,
        BATCHES,
        loss=lambda y, t: ops.cross_entropy(y.reshape(-1, 32), t.ravel()),
    )
    assert judged["loss"] > 0
