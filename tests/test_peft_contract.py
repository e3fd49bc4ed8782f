"""The laws every registered method keeps, on Transformer and ResNet sites, in float64.

Each method adds one line to METHODS: how to make it, and a pattern for each model. The
tolerance 1e-12 is rounding: sums of at most a few hundred products of size one, each
2.2e-16 off, relative to the largest value.
"""

import numpy as np
import pytest

import tinyft
from tinyft import models, nn, peft

METHODS = {
    "LORA": [
        (lambda: peft.LoRA(r=3, alpha=5), r"attn\.(q|v)", "transformer"),
        (lambda: peft.LoRA(r=2, alpha=7, rslora=True), "up|down|embed", "transformer"),
        (lambda: peft.LoRA(r=3, alpha=4), r"conv\d|downsample\.0|fc", "resnet"),
    ],
}
CASES = [
    pytest.param(make, target, model, id=f"{kind}-{model}-{i}")
    for kind, rows in METHODS.items()
    for i, (make, target, model) in enumerate(rows)
]
TOLERANCE = 1e-12


def build(name):
    """A small float64 model and an input, all dimensions different."""
    rng = np.random.default_rng(3)
    if name == "transformer":
        model = models.gpt2_tiny(
            rng, "float64", vocab=11, dim=12, heads=3, length=9, tied=False
        )
        return model, np.random.default_rng(4).integers(0, 11, (2, 5))
    model = models.resnet_tiny(rng, "float64", widths=(4, 6, 8), classes=5)
    return model, np.random.default_rng(4).normal(size=(2, 1, 8, 8))


def randomise(adapter, scale=0.3):
    """Move a delta away from its start, so that it does something."""
    rng = np.random.default_rng(5)
    for p in adapter.parameters():
        p.data = p.data + scale * rng.normal(size=p.shape)


def run(model, x):
    with tinyft.no_grad():
        return model(x).numpy()


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def everything(model):
    """Every array of the model, buffers too, as bytes."""
    arrays = [*model.parameters(), *model.buffers()]
    return [a.numpy().tobytes() for a in arrays]


def test_every_registered_method_has_a_row():
    assert set(METHODS) == set(peft.registry)


@pytest.mark.parametrize("make, target, model", CASES)
class TestContract:
    def test_attached_equals_base_at_the_start(self, make, target, model):
        model, x = build(model)
        base = run(model, x)
        peft.attach(model, make(), target, rng=1)
        assert far(run(model, x), base) < TOLERANCE

    def test_off_is_the_base_bit_for_bit_after_training_mode(self, make, target, model):
        model, x = build(model)
        model.eval()
        base, before = run(model, x).tobytes(), everything(model)
        adapter = peft.attach(model, make(), target, rng=1)
        randomise(adapter)
        model.train()
        assert run(model, x).tobytes() != base  # it does something
        model.eval()
        with peft.disabled(model):
            assert run(model, x).tobytes() == base
        peft.detach(adapter)
        assert run(model, x).tobytes() == base
        assert everything(model) == before

    def test_factored_equals_closed_form(self, make, target, model):
        model, x = build(model)
        adapter = peft.attach(model, make(), target, rng=1)
        randomise(adapter)
        if not all(d.additive for d in adapter.deltas.values()):
            pytest.skip("this method has the closed form only")
        factored = run(model, x)
        for delta in adapter.deltas.values():
            delta.additive = False  # now the call reads the changed weight
        assert far(run(model, x), factored) < TOLERANCE

    def test_gradients_of_both_ways_agree(self, make, target, model):
        model, x = build(model)
        adapter = peft.attach(model, make(), target, rng=1)
        randomise(adapter)
        gradients = []
        for additive in (True, False):
            for delta in adapter.deltas.values():
                delta.additive = additive and type(delta).additive
            for p in adapter.parameters():
                p.zero_grad()
            (model(x) * model(x)).sum().backward()
            gradients.append([p.grad.numpy() for p in adapter.parameters()])
        for one, other in zip(*gradients):
            assert far(one, other) < 1e-10  # two long sums in another order

    def test_gradient_reaches_only_the_delta(self, make, target, model):
        model, x = build(model)
        adapter = peft.attach(model, make(), target, rng=1)
        randomise(adapter)
        model(x).sum().backward()
        assert all(p.grad is None for p in model.parameters())
        moved = [np.abs(p.grad.numpy()).max() > 0 for p in adapter.parameters()]
        assert all(moved)

    def test_merge_equals_live_and_unmerge_is_exact(self, make, target, model):
        model, x = build(model)
        before = everything(model)
        adapter = peft.attach(model, make(), target, rng=1)
        randomise(adapter)
        live = run(model, x)
        if not all(d.mergeable for d in adapter.deltas.values()):
            with pytest.raises(ValueError, match="can not be merged"):
                peft.merge(model)
            return
        peft.merge(model)
        assert far(run(model, x), live) < TOLERANCE
        assert everything(model) != before
        peft.unmerge(model)
        assert everything(model) == before
        assert run(model, x).tobytes() == live.tobytes()

    def test_declared_count_is_true(self, make, target, model):
        model, _ = build(model)
        adapter = peft.attach(model, make(), target, rng=1)
        counted = sum(a.size for a in map(np.asarray, _values(adapter)))
        report = peft.report(model)
        assert adapter.count() == counted == sum(row[3] for row in report.rows)
        assert report.trainable == counted
        assert report.bytes == 8 * counted

    def test_save_load_save_is_byte_identical(self, make, target, model, tmp_path):
        first, x = build(model)
        randomise(peft.attach(first, make(), target, rng=1))
        peft.save(first, tmp_path / "a")
        second, _ = build(model)
        peft.load(second, tmp_path / "a")
        peft.save(second, tmp_path / "b")
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            one, other = (tmp_path / d / name for d in "ab")
            assert one.read_bytes() == other.read_bytes()
        assert run(first, x).tobytes() == run(second, x).tobytes()

    def test_two_on_one_site_give_four_states(self, make, target, model):
        model, x = build(model)
        one = peft.attach(model, make(), target, "one", rng=1)
        two = peft.attach(model, make(), target, "two", rng=2)
        randomise(one, 0.2)
        randomise(two, 0.4)
        seen = set()
        for a in (True, False):
            for b in (True, False):
                one.enable(a), two.enable(b)
                seen.add(run(model, x).tobytes())
        assert len(seen) == 4

    def test_state_dict_is_the_base_alone(self, make, target, model):
        model, _ = build(model)
        names = list(model.state_dict())
        peft.attach(model, make(), target, rng=1)
        assert list(model.state_dict()) == names
        assert len(list(model.parameters())) == len(list(model.named_parameters()))

    def test_flags_come_back(self, make, target, model):
        model, _ = build(model)
        first = next(model.parameters())
        first.requires_grad_(False)
        before = [p.requires_grad for p in model.parameters()]
        modes = [m.statistics for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        adapter = peft.attach(model, make(), target, rng=1)
        assert not any(p.requires_grad for p in model.parameters())
        peft.detach(adapter)
        assert [p.requires_grad for p in model.parameters()] == before
        again = [m.statistics for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        assert again == modes


def _values(adapter):
    return [p.numpy() for _, p in adapter.named_parameters()]


def test_delta_is_written_by_hand_from_the_paper():
    """LoRA on one linear against the formula in NumPy, its scale included."""
    layer = nn.Linear(4, 3, rng=0, dtype="float64")
    model = nn.Sequential({"fc": layer})
    adapter = peft.attach(model, peft.LoRA(r=2, alpha=6), "fc", rng=1)
    randomise(adapter)
    A, B = (p.numpy() for p in adapter.parameters())
    x = np.random.default_rng(0).normal(size=(5, 4))
    W, b = (p.numpy() for p in layer.parameters())
    want = x @ (W + 6 / 2 * B @ A).T + b
    assert far(run(model, x), want) < TOLERANCE
