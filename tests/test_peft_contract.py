"""The laws every registered method keeps, on Transformer and ResNet sites, in float64.

Each method adds one line to METHODS: how to make it, and a pattern for each model. The
tolerance 1e-12 is rounding: sums of at most a few hundred products of size one, each
2.2e-16 off, relative to the largest value.
"""

import numpy as np
import pytest

import tinyft
from tinyft import io, models, nn, peft

METHODS = {
    "LORA": [
        (lambda: peft.LoRA(r=3, alpha=5), r"attn\.(q|v)", "transformer"),
        (lambda: peft.LoRA(r=2, alpha=7, rslora=True), "up|down|embed", "transformer"),
        (lambda: peft.LoRA(r=2, alpha=3, lora_bias=True), "up|down", "transformer"),
        (lambda: peft.LoRA(r=2, alpha=3, bias="lora_only"), "up|down", "transformer"),
        (lambda: peft.LoRA(r=2, alpha=3, bias="all"), r"attn\.v|fc", "transformer"),
        (lambda: peft.LoRA(r=3, alpha=4), r"conv\d|downsample\.0|fc", "resnet"),
        (lambda: peft.LoRA(r=2, alpha=3, bias="all"), "conv2", "resnet"),
    ],
    "DORA": [
        (lambda: peft.DoRA(r=3, alpha=5), r"attn\.(q|v)|embed", "transformer"),
        (lambda: peft.DoRA(r=2, alpha=3, detach=False), "up|down", "transformer"),
        (lambda: peft.DoRA(r=3, alpha=4, rslora=True), r"conv\d|fc", "resnet"),
    ],
    "PISSA": [
        (lambda: peft.PiSSA(r=3, alpha=5), r"attn\.(q|v)|embed", "transformer"),
        (lambda: peft.PiSSA(r=3, alpha=4, rslora=True), r"conv\d|fc", "resnet"),
    ],
    "OFFSET": [
        (lambda: peft.OffsetLoRA(r=3, alpha=5), r"attn\.(q|v)|embed", "transformer"),
        (lambda: peft.OffsetLoRA(r=3, alpha=4, rslora=True), r"conv\d|fc", "resnet"),
    ],
    "ADALORA": [
        (lambda: peft.AdaLoRA(r=3, alpha=5), r"attn\.(q|v)|up", "transformer"),
        (lambda: peft.AdaLoRA(r=2, alpha=3), "fc", "resnet"),
    ],
    "VERA": [
        (lambda: peft.VeRA(r=7), r"attn\.q|up|down", "transformer"),
        (lambda: peft.VeRA(r=7), "fc", "resnet"),
    ],
    "LOHA": [
        (lambda: peft.LoHa(r=3, alpha=5), r"attn\.(q|v)|up", "transformer"),
        (lambda: peft.LoHa(r=2, alpha=3), r"conv\d|downsample\.0|fc", "resnet"),
    ],
    "LOKR": [
        (lambda: peft.LoKr(r=12, alpha=7), r"attn\.(q|v)|up", "transformer"),
        (lambda: peft.LoKr(2, 5, 2, True), r"attn\.(k|o)|down", "transformer"),
        (lambda: peft.LoKr(1, 3, 3, True), r"attn\.(k|o)|down", "transformer"),
        (lambda: peft.LoKr(r=1, alpha=3), r"conv\d|downsample\.0|fc", "resnet"),
        (lambda: peft.LoKr(r=3, alpha=4), r"layer\d\.0\.conv2", "resnet"),
    ],
    "HIRA": [
        (lambda: peft.HiRA(r=3), r"attn\.(q|v)|up|embed", "transformer"),
        (lambda: peft.HiRA(r=2), r"conv\d|downsample\.0|fc", "resnet"),
    ],
    "MISS": [
        (lambda: peft.MiSS(r=3), r"attn\.(q|v)|up", "transformer"),
        (lambda: peft.MiSS(r=5), r"attn\.(k|o)|down", "transformer"),
        (lambda: peft.MiSS(r=3), "fc", "resnet"),
    ],
    "IA3": [
        (lambda: peft.IA3("down"), r"attn\.(k|v)|down", "transformer"),
        (lambda: peft.IA3("conv2"), r"conv\d|fc", "resnet"),
    ],
    "OFT": [
        (lambda: peft.OFT(4), r"attn\.(q|v)|up|down", "transformer"),
        (lambda: peft.OFT(6, share=True), r"attn\.(q|v)", "transformer"),
        (lambda: peft.OFT(3, terms=5), "up|down", "transformer"),
        (lambda: peft.OFT(4), "fc", "resnet"),
    ],
    "HRA": [
        (lambda: peft.HRA(4), r"attn\.(q|v)|up|down", "transformer"),
        (lambda: peft.HRA(2), "fc", "resnet"),
    ],
    "BITFIT": [
        (lambda: peft.BitFit(), None, "transformer"),
        (lambda: peft.BitFit(), None, "resnet"),
    ],
    "NORM": [
        (lambda: peft.NormTuning("layer"), None, "transformer"),
        (lambda: peft.NormTuning("rms"), None, "llama"),
        (lambda: peft.NormTuning("batch"), None, "resnet"),
        (lambda: peft.NormTuning(scale=False), None, "resnet"),
    ],
    "FULL": [
        (lambda: peft.Full(), "norm|up|embed", "transformer"),
        (lambda: peft.Full(only=("bias",)), "norm|up", "transformer"),
        (lambda: peft.Full(), r"layer3\.0\.\w+|fc", "resnet"),
    ],
    "ADAPTER": [
        (lambda: peft.houlsby(3), None, "transformer"),
        (lambda: peft.pfeiffer(6), None, "llama"),
        (lambda: peft.parallel(3, "tanh"), None, "transformer"),
        (lambda: peft.Bottleneck(3, "gelu"), r"bn\d|fc|layer2\.0", "resnet"),
    ],
    "FUSION": [(lambda: peft.Fusion(("a", "b")), None, "adapted")],
    "PREFIX_TUNING": [
        (lambda: peft.Prefix(2), None, "transformer"),
        (lambda: peft.Prefix(2, hidden=5), None, "transformer"),
        (lambda: peft.Prefix(3), None, "llama"),
        (lambda: peft.Prefix(2, hidden=5), None, "bert"),
    ],
    "PROMPT_TUNING": [
        (lambda: peft.Prompt(2), None, "transformer"),
        (lambda: peft.Prompt(2, words=(7,)), None, "llama"),
        (lambda: peft.Prompt(2), None, "bert"),
    ],
    "P_TUNING": [
        (lambda: peft.PTuning(2, hidden=5), None, "transformer"),
        (lambda: peft.PTuning(2, "lstm", 5), None, "llama"),
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
    rng, draw = np.random.default_rng(3), np.random.default_rng(4)
    if name == "resnet":
        model = models.resnet_tiny(rng, "float64", widths=(4, 6, 8), classes=5)
        for m in model.modules():  # statistics that are not the neutral 0 and 1
            if isinstance(m, nn.BatchNorm2d):
                m.running_mean.data = draw.normal(size=m.num_features)
                m.running_var.data = draw.uniform(0.5, 2, m.num_features)
        return model, draw.normal(size=(3, 1, 8, 8))
    sizes = {"vocab": 11, "dim": 12, "length": 9, "tied": False}
    if name == "llama":
        model = models.llama_tiny(
            rng, "float64", heads=6, kv_heads=2, hidden=10, **sizes
        )
    elif name == "bert":
        model = models.bert_tiny(rng, "float64", heads=3, types=2, **sizes)
    else:
        model = models.gpt2_tiny(rng, "float64", heads=3, **sizes)
    if name == "adapted":
        for i, part in enumerate("ab"):
            one = peft.attach(model, peft.houlsby(3 + i), name=part, rng=i)
            randomise(one.enable(False), seed=i)
    for p in model.base_parameters():  # small weights would hide what a method does
        p.data = p.data * 10 if p.ndim > 1 else p.data + draw.normal(size=p.shape)
    return model, draw.integers(0, 11, (3, 5))


def randomise(adapter, scale=0.3, seed=5):
    """Move a delta away from its start, so that it does something."""
    rng = np.random.default_rng(seed)
    for p in adapter.parameters():
        p.data = p.data + scale * rng.normal(size=p.shape)


def run(model, x):
    with tinyft.no_grad():
        return model(x).numpy()


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def everything(model):
    """Every array of the model, buffers too, as bytes."""
    arrays = [
        p for kind in ("_parameters", "_buffers") for _, p in model._named(kind, "")
    ]
    return [a.numpy().tobytes() for a in arrays]


def test_every_registered_method_has_a_row():
    assert set(METHODS) == set(peft.registry)


@pytest.mark.parametrize("make, target, model", CASES)
class TestContract:
    def test_attached_equals_base_at_the_start(self, make, target, model):
        model, x = build(model)
        model.eval()  # in training mode attach also freezes BatchNorm's statistics
        base = run(model, x)
        peft.attach(model, make(), target, rng=1)
        if make().identity_at_start:
            assert far(run(model, x), base) < TOLERANCE
        else:  # and it is said so
            assert far(run(model, x), base) > 1e-4

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

    def test_factored_equals_closed_form(self, make, target, model, monkeypatch):
        model, x = build(model)
        adapter = peft.attach(model, make(), target, rng=1)
        randomise(adapter)
        both = [d for d in adapter.deltas.values() if d.factored and d.changes]
        if not both:
            pytest.skip("this method has one form only")
        model.eval()  # batch statistics are no function of the parameters
        factored = run(model, x)
        for kind in {type(delta) for delta in both}:
            monkeypatch.setattr(kind, "factored", False)  # reads the changed weight
        assert far(run(model, x), factored) < TOLERANCE

    def test_gradients_of_both_ways_agree(self, make, target, model, monkeypatch):
        model, x = build(model)
        adapter = peft.attach(model, make(), target, rng=1)
        randomise(adapter)
        model.eval()
        both = [d for d in adapter.deltas.values() if d.factored and d.changes]
        if not both:
            pytest.skip("this method has one form only")
        gradients = []
        for factored in (True, False):
            for kind in {type(delta) for delta in both if not factored}:
                monkeypatch.setattr(kind, "factored", False)
            for p in adapter.parameters():
                p.zero_grad()
            (model(x) * model(x)).sum().backward()
            gradients.append([p.grad.numpy() for p in adapter.parameters()])
        top = max(np.abs(g).max() for g in gradients[0])  # a key's bias has none
        for one, other in zip(*gradients):
            assert np.abs(one - other).max() < 1e-10 * top  # long sums in another order

    def test_gradient_reaches_only_the_delta(self, make, target, model):
        model, x = build(model)
        adapter = peft.attach(model, make(), target, rng=1)
        randomise(adapter)
        y = model(x)
        (y * np.random.default_rng(8).normal(size=y.shape)).sum().backward()
        assert all(p.grad is None for p in model.base_parameters())
        moved = [np.abs(p.grad.numpy()).max() > 0 for p in adapter.parameters()]
        assert all(moved)

    def test_merge_equals_live_and_unmerge_is_exact(self, make, target, model):
        model, x = build(model)
        before = everything(model.eval())
        adapter = peft.attach(model, make(), target, rng=1)
        randomise(adapter)
        live = run(model, x)
        if not all(d.mergeable for d in adapter.deltas.values()):
            with pytest.raises(ValueError, match="cannot be merged"):
                peft.merge(model)
            return
        peft.merge(model)
        assert far(run(model, x), live) < TOLERANCE
        assert everything(model) != before
        peft.unmerge(model)
        assert everything(model) == before
        assert run(model, x).tobytes() == live.tobytes()

    def test_declared_count_is_true(self, make, target, model, tmp_path):
        model, _ = build(model)
        before = peft.report(model)
        adapter = peft.attach(model, make(), target, rng=1)
        counted = sum(a.size for a in map(np.asarray, _values(adapter)))
        report, others = peft.report(model), before.bytes
        own = [row for row in report.rows if row[0] == "default"]
        assert adapter.count() == counted == sum(row[3] for row in own)
        assert report.trainable == counted
        assert report.total == before.total + counted
        peft.save(model, tmp_path / "a")
        state = io.load(tmp_path / "a" / "adapter_model.safetensors")
        assert report.bytes == sum(a.nbytes for a in state.values()) + others

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
        if make().kind in (
            "PISSA",
            "OFFSET",
        ):  # loaded as the LoRA of rank 2r that it is
            assert far(run(first, x), run(second, x)) < TOLERANCE
        else:
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
        assert len(seen) == (4 if make().composes else 3)

    def test_rows_of_a_batch_are_single_runs(self, make, target, model):
        model, x = build(model)
        for i, name in enumerate(("one", "two")):
            randomise(peft.attach(model, make(), target, name, rng=i), 0.2 + i / 10)
        model.eval()
        names = ["two", None, "one"]
        if not all(d.rowwise for d in peft.attached(model)["one"].deltas.values()):
            with pytest.raises(ValueError, match="length"), peft.rows(model, names):
                run(model, x)
            return
        with peft.rows(model, names):
            mixed = run(model, x)
        for i, name in enumerate(names):
            peft.switch(model, *([] if name is None else [name]))
            assert far(mixed[i], run(model, x)[i]) < TOLERANCE

    def test_state_dict_is_the_base_alone(self, make, target, model):
        model, _ = build(model)
        names = list(model.state_dict())
        peft.attach(model, make(), target, rng=1)
        assert list(model.state_dict()) == names
        base = [id(p) for p in model.base_parameters()]
        found = [id(p) for p in model.parameters()]
        own = [id(p) for a in peft.attached(model).values() for p in a.parameters()]
        assert sorted(found) == sorted(base + own) and found[: len(base)] == base
        assert len(dict(model.named_parameters())) == len(found)

    def test_flags_come_back(self, make, target, model):
        model, _ = build(model)
        first = next(model.parameters())
        first.requires_grad_(False)
        before = [p.requires_grad for p in model.base_parameters()]
        modes = [m.statistics for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        adapter = peft.attach(model, make(), target, rng=1)
        assert not any(p.requires_grad for p in model.base_parameters())
        peft.detach(adapter)
        assert [p.requires_grad for p in model.base_parameters()] == before
        again = [m.statistics for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        assert again == modes

    def test_every_order_of_merge_disable_and_switch(self, make, target, model):
        """A state means the same however it was reached, or there is a sentence."""
        model, x = build(model)
        base = run(model.eval(), x).tobytes()
        flags = [p.requires_grad for p in model.parameters()]
        adapter = peft.attach(model, make(), target, rng=1)
        randomise(adapter)
        live, before = run(model, x), peft.active(model)
        if not all(d.mergeable for d in adapter.deltas.values()):
            for call in (peft.merge, peft.bake):
                with pytest.raises(ValueError, match="cannot be merged"):
                    call(model)
            assert run(model, x).tobytes() == live.tobytes()
            return
        peft.merge(model)
        with peft.disabled(model):
            assert run(model, x).tobytes() == base
            with peft.disabled(model):
                assert run(model, x).tobytes() == base
        assert far(run(model, x), live) < TOLERANCE
        assert peft.active(model) == before == ["default"]
        for change in (
            lambda: adapter.enable(False),
            lambda: peft.switch(model, None),
            lambda: peft.attach(model, make(), target, "second"),
            lambda: peft.detach(adapter),
            lambda: peft.merge(model),
        ):
            with pytest.raises(ValueError, match="unmerge"):
                change()
        adapter.enable(True), peft.switch(model, "default")  # nothing to change
        peft.unmerge(model)
        assert run(model, x).tobytes() == live.tobytes()
        peft.switch(model, None)
        assert run(model, x).tobytes() == base and peft.active(model) == []
        with pytest.raises(ValueError, match="no active adapter"):
            peft.merge(model)
        peft.switch(model, "default")
        assert peft.bake(model) is model
        assert far(run(model, x), live) < TOLERANCE
        assert not peft.attached(model) and not any(m._deltas for m in model.modules())
        assert [p.requires_grad for p in model.parameters()] == flags

    def test_attaching_changes_nothing_beside_another_adapter(
        self, make, target, model
    ):
        model, x = build(model)
        randomise(peft.attach(model, make(), target, "first", rng=1))
        before = run(model.eval(), x)
        peft.attach(model, make(), target, "second", rng=2)
        if make().identity_at_start:
            assert far(run(model, x), before) < TOLERANCE


ON_A_LINEAR = {
    "lora": lambda: peft.LoRA(2, 3),
    "lora_bias": lambda: peft.LoRA(2, 3, lora_bias=True),
    "lora_only": lambda: peft.LoRA(2, 3, lora_bias=True, bias="lora_only"),
    "dora": lambda: peft.DoRA(2, 3),
    "pissa": lambda: peft.PiSSA(2, 3),
    "adalora": lambda: peft.AdaLoRA(2, 3),
    "vera": lambda: peft.VeRA(3),
    "loha": lambda: peft.LoHa(2, 3),
    "lokr": lambda: peft.LoKr(2, 3),
    "hira": lambda: peft.HiRA(2),
    "miss": lambda: peft.MiSS(2),
    "outputs": lambda: peft.IA3(),
    "inputs": lambda: peft.IA3("fc"),
    "oft": lambda: peft.OFT(5),
    "hra": lambda: peft.HRA(4),
    "bitfit": lambda: peft.BitFit(),
    "full": lambda: peft.Full(),
    "bias": lambda: peft.Full(only=("bias",)),
    "adapter": lambda: peft.Bottleneck(3, "tanh"),
}


@pytest.mark.parametrize("second", ON_A_LINEAR)
@pytest.mark.parametrize("first", ON_A_LINEAR)
def test_two_on_one_site_have_one_result_either_way(first, second, monkeypatch):
    """Factored or closed, in each order of attachment: W' = f₂(f₁(W)), b' = g₂(g₁(b))."""
    rng = np.random.default_rng(0)
    model = nn.Sequential({"fc": nn.Linear(5, 4, rng=rng, dtype="float64")})
    x = rng.normal(size=(3, 5))
    for i, name in enumerate((first, second)):
        randomise(peft.attach(model, ON_A_LINEAR[name](), "fc", name + str(i), rng=i))
    factored = run(model, x)
    for kind in peft.registry.values():
        monkeypatch.setattr(kind, "factored", False)
    assert far(run(model, x), factored) < TOLERANCE
    if "adapter" not in (first, second):
        peft.merge(model)
        assert far(run(model, x), factored) < TOLERANCE


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
    W, b = (p.numpy() for p in layer.base_parameters())
    want = x @ (W + 6 / 2 * B @ A).T + b
    assert far(run(model, x), want) < TOLERANCE
