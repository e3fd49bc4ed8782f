"""Module: fields, the tree, modes, moving, copying; and that errors change nothing."""

import copy
import gc
import weakref

import numpy as np
import pytest

from tinyft import Tensor, detect_anomaly, models, nn, peft, tensor
from tinyft.nn import Buffer, Module, Parameter

RNG = np.random.default_rng(0)


class Two(Module):
    """Two layers that share one weight, a buffer and a plain field."""

    def __init__(self, rng=0):
        self.first = nn.Linear(3, 3, rng=rng)
        self.second = nn.Linear(3, 3, bias=False, rng=1)
        self.second.weight = self.first.weight
        self.register_buffer("seen", np.zeros(2))
        self.register_buffer("scratch", np.ones(2), persistent=False)
        self.note = "plain"

    def forward(self, x):
        return self.second(self.first(x))


# --- fields ------------------------------------------------------------------------


def test_parameters_buffers_and_modules_are_found_by_their_kind():
    m = Two()
    assert [n for n, _ in m.named_parameters()] == ["first.weight", "first.bias"]
    assert [n for n, _ in m.named_buffers()] == ["seen", "scratch"]
    assert [n for n, _ in m.named_modules()] == ["", "first", "second"]
    assert [n for n, _ in m.named_children()] == ["first", "second"]
    assert m.note == "plain" and m.get_submodule("second") is m.second
    assert m.get_submodule("") is m


def test_a_field_can_change_its_kind_and_leaves_no_trace():
    m = Module()
    for value in (Parameter([1.0]), nn.ReLU(), Buffer([1.0]), Parameter([2.0])):
        m.x = value
        held = [
            kind for kind in ("_parameters", "_buffers", "_modules") if getattr(m, kind)
        ]
        assert len(held) == 1 and m.x is value
    m.y = 3
    m.y = nn.ReLU()  # a plain field becomes a module
    assert isinstance(m.y, nn.ReLU) and "y" not in m.__dict__
    del m.y
    assert not hasattr(m, "y") and not m._modules


@pytest.mark.parametrize(
    "value, word",
    [(Parameter([1.0]), "Parameter"), (Buffer([1.0]), "Buffer"), (nn.ReLU(), "Module")],
)
def test_a_kept_field_takes_its_kind_or_none(value, word):
    m = Module()
    m.x = value
    with pytest.raises(
        TypeError, match=rf"Module\.x is a {word}; assign a {word} or None"
    ):
        m.x = np.ones(1)
    assert m.x is value
    m.x = None
    assert m.x is None and not list(m.parameters()) and not list(m.buffers())


def test_an_unknown_attribute_says_what_is_there():
    with pytest.raises(AttributeError, match=r"no attribute 'wieght'.*weight, bias"):
        _ = nn.Linear(2, 2).wieght


def test_an_unknown_path_says_what_is_there():
    with pytest.raises(AttributeError, match=r"'first.x'.*Linear holds none"):
        Two().get_submodule("first.x")


def test_add_module_refuses_what_would_break_paths():
    m = Module()
    m.add_module("task a", nn.ReLU())
    assert list(m._modules) == ["task a"]
    for name in ("a.b", "", 3, "training"):
        with pytest.raises(ValueError, match="cannot be named"):
            m.add_module(name, nn.ReLU())
    with pytest.raises(TypeError, match="must be a Module, got function"):
        m.add_module("f", lambda x: x)


def test_registering_replaces_nothing_of_another_kind():
    """A buffer under a parameter's name would take its place in the state dict."""
    layer = nn.Linear(2, 2, rng=0)
    weight = layer.weight
    for add in (layer.register_buffer, layer.register_parameter, layer.add_module):
        for name in ("weight", "training", "count"):
            value = {"add_module": nn.ReLU(), "register_parameter": None}
            kind = add.__name__.removeprefix("register_")
            if (kind, name) in (("parameter", "weight"), ("add_module", "count")):
                continue  # its own kind is replaced; a ModuleDict may use any name
            with pytest.raises(ValueError, match=f"cannot be named '{name}'"):
                add(name, value.get(add.__name__, np.ones(2)))
    assert layer.weight is weight and list(layer.state_dict()) == ["weight", "bias"]
    layer.register_buffer("seen", np.ones(2))
    layer.register_buffer("seen", None)
    assert layer.seen is None and "seen" not in layer.state_dict()
    with pytest.raises(TypeError, match="'a' must be a Parameter or None, got ndarray"):
        layer.register_parameter("a", np.ones(2))


@pytest.mark.parametrize("kind", [Parameter, Buffer])
def test_values_are_float32_unless_asked_otherwise(kind):
    array = np.random.default_rng(0).standard_normal((2, 3))
    assert array.dtype == np.float64 and kind(array).dtype == np.float32
    assert kind(array, dtype="float64").dtype == np.float64
    assert kind(tensor(array)).dtype == np.float64  # a Tensor's dtype was chosen
    assert kind(array.astype("f2")).dtype == np.float16
    np.testing.assert_array_equal(kind(array).numpy(), array.astype("f4"))


def test_float64_models_stay_float64_with_every_kind_of_parameter():
    m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm2d(2), nn.LayerNorm(2)).double()
    assert {str(p.dtype) for p in m.parameters()} == {"float64"}
    made = nn.BatchNorm2d(2, dtype="float64")
    assert {str(v.dtype) for v in (*made.parameters(), made.running_mean)} == {
        "float64"
    }


def test_set_submodule_swaps_a_part_anywhere():
    class Held(Module):
        def __init__(self):
            self.stack = nn.ModuleList([nn.Linear(2, 2, rng=0), nn.ReLU()])
            self.heads = nn.ModuleDict({"task a": nn.Linear(2, 3, rng=0)})

    m, new = Held(), nn.Linear(2, 2, rng=1)
    old = m.stack[0]
    assert m.set_submodule("stack.0", new) is old
    assert m.stack[0] is new and [n for n, _ in m.named_children()] == [
        "stack",
        "heads",
    ]
    assert list(m.stack._modules) == ["0", "1"]
    m.set_submodule("heads.task a", nn.Identity())
    assert "heads.task a.weight" not in m.state_dict()
    for path, words in (("stack.7", "no submodule"), ("head", "no submodule")):
        with pytest.raises(AttributeError, match=words):
            m.set_submodule(path, new)
    with pytest.raises(ValueError, match="cannot replace itself"):
        m.set_submodule("", new)
    with pytest.raises(TypeError, match="must be a Module, got function"):
        m.set_submodule("stack.0", lambda x: x)
    peft.attach(m, peft.LoRA(r=1), target=r"stack\.0")
    for path in ("stack", "stack.0"):
        with pytest.raises(ValueError, match="adapter sits there"):
            m.set_submodule(path, nn.ReLU())
    assert m.stack[0] is new


def test_weight_spec_reads_no_value():
    layer = nn.Linear(3, 2, bias=False, dtype="float64")
    peft.attach(layer, peft.LoRA(r=1), target="")
    spec = layer.weight_spec("weight")
    assert spec == ((2, 3), np.float64, "cpu") and spec.shape == (2, 3)
    assert layer.weight_spec() == spec and layer.weight_spec("bias") is None
    with pytest.raises(
        AttributeError, match="no parameter 'wieght'; it has weight, bias"
    ):
        layer.weight_spec("wieght")


def test_forward_must_be_defined():
    with pytest.raises(NotImplementedError, match=r"Module does not define forward"):
        Module()(1)


def test_calling_super_init_is_allowed():
    class Old(Module):
        def __init__(self):
            super().__init__()
            self.weight = Parameter([1.0])

    assert Old().count() == 1


# --- modes and gradients -----------------------------------------------------------


def test_train_and_eval_reach_every_module():
    m = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm2d(2)))
    assert all(not part.training for part in m.eval().modules())
    assert all(part.training for part in m.train().modules())


def test_shared_parameters_count_once_and_their_gradient_is_the_sum():
    m, x = Two().double(), RNG.standard_normal((4, 3))
    assert m.count() == 12 and m.count(trainable=False) == 0
    m(tensor(x)).sum().backward()
    W, b, one = m.first.weight.numpy(), m.first.bias.numpy(), np.ones((4, 3))
    h = x @ W.T + b
    want = one.T @ h + (one @ W).T @ x  # of the second use, then of the first
    np.testing.assert_allclose(m.first.weight.grad.numpy(), want, rtol=1e-13)
    m.zero_grad()
    assert m.first.weight.grad is None
    m.requires_grad_(False)
    assert m.count(trainable=True) == 0 and m.count(trainable=False) == 12


def test_apply_visits_children_first():
    order = []
    nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh())).apply(
        lambda m: order.append(type(m).__name__)
    )
    assert order == ["ReLU", "Tanh", "Sequential", "Sequential"]


# --- moving and copying ------------------------------------------------------------


def test_to_changes_floats_only_and_keeps_sharing():
    m = Two()
    m.register_buffer("steps", np.array(3))
    parameter = m.first.weight
    m.to("float64")
    assert m.first.weight is parameter is m.second.weight
    assert parameter.dtype == np.float64 and m.seen.dtype == np.float64
    assert m._buffers["steps"].dtype == np.int64
    assert m.float().first.weight.dtype == np.float32
    assert m.to("cpu").first.weight.device == "cpu"


@pytest.mark.parametrize("target", ["gpu", "int64", "cuda:x", object])
def test_to_refuses_what_is_no_device_and_no_float(target):
    m = Two()
    with pytest.raises(ValueError, match="expected"):
        m.to(target)
    assert m.first.weight.dtype == np.float32


def test_deepcopy_keeps_ties_values_and_flags_and_shares_no_memory():
    m = Two()
    m.first.bias.requires_grad_(False)
    m.eval()
    twin = copy.deepcopy(m)
    assert twin.second.weight is twin.first.weight is not m.first.weight
    assert type(twin.first.weight) is Parameter and type(twin.seen) is Buffer
    assert not twin.first.bias.requires_grad and not twin.training
    assert not twin.scratch.persistent and twin.seen.persistent
    twin.first.weight.data = twin.first.weight.data + 1
    twin.seen.data[0] = 9.0
    assert m.seen.data[0] == 0.0
    difference = twin.first.weight.numpy() - m.first.weight.numpy()
    np.testing.assert_allclose(difference, np.ones((3, 3)), rtol=1e-6)
    x = tensor(np.ones((1, 3), "f4"))
    twin(x).sum().backward()
    assert m.first.weight.grad is None and twin.first.weight.grad is not None


@pytest.mark.parametrize(
    "make", [models.gpt2_tiny, models.bert_tiny, models.llama_tiny]
)
def test_deepcopy_of_a_model_computes_the_same(make):
    m = make(rng=0, layers=1)
    ids, twin = np.arange(6).reshape(2, 3), copy.deepcopy(m)
    np.testing.assert_array_equal(m(ids).numpy(), twin(ids).numpy())
    assert len(list(twin.parameters())) == len(list(m.parameters()))


def test_the_module_tree_holds_no_reference_cycle():
    gc.disable()
    try:
        m = models.gpt2_tiny(rng=0, layers=1)
        m(np.arange(4)[None]).sum().backward()
        layer = weakref.ref(m.blocks[0].mlp.up)
        del m
        assert layer() is None
    finally:
        gc.enable()


# --- anomaly mode names the module --------------------------------------------------


def test_anomaly_mode_names_the_path_of_the_layer_in_forward():
    m = models.gpt2_tiny(rng=0)
    m.blocks[0].mlp.up.weight.data[0, 0] = np.nan
    with (
        detect_anomaly(),
        pytest.raises(
            FloatingPointError, match=r"Linear in module Linear 'blocks\.0\.mlp\.up'"
        ),
    ):
        m(np.arange(4)[None])


def test_anomaly_mode_names_the_path_in_backward():
    class Root(Module):
        def forward(self, x):
            return x.sqrt().sum()

    m = nn.Sequential(nn.Identity(), Root())
    x = tensor([0.0, 1.0], requires_grad=True)
    with np.errstate(divide="ignore"), detect_anomaly():
        y = m(x)
        with pytest.raises(FloatingPointError, match=r"in module Root '1' .*backward"):
            y.backward()


# --- repr ---------------------------------------------------------------------------


def test_repr_shows_shapes_counts_and_repeats():
    m = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 4, rng=0))
    m[0].weight.requires_grad_(False)
    text = repr(m).splitlines()
    assert text[0].split() == "Sequential() 24 of 36 trainable".split()
    assert text[1].split() == "0: Linear(weight 4×3, bias 4) 4 of 16 trainable".split()
    assert text[2].split() == ["1:", "ReLU()"]
    m.requires_grad_(False)
    assert "20 frozen" in repr(m)
    alike = nn.ModuleList(nn.LayerNorm(2) for _ in range(3))
    assert "0-2: 3 × LayerNorm(weight 2, bias 2)" in repr(alike)
    assert "4 trainable each" in repr(alike)
    assert len(repr(alike).splitlines()) == 2


def test_repr_does_not_merge_layers_that_differ():
    m = nn.ModuleList([nn.Dropout(0.1), nn.Dropout(0.1), nn.Dropout(0.2)])
    assert repr(m).count("Dropout") == 2


def test_every_layer_prints_in_one_line():
    for layer in LAYERS:
        text = repr(layer)
        assert text.startswith(type(layer).__name__ + "("), text
        assert len(text.splitlines()) == 1, text


LAYERS = [
    nn.Linear(2, 3),
    nn.Identity(),
    nn.Conv2d(2, 4, (1, 3), groups=2),
    nn.MaxPool2d(2),
    nn.AvgPool2d(2),
    nn.AdaptiveAvgPool2d(1),
    nn.Embedding(5, 2),
    nn.LayerNorm(4),
    nn.RMSNorm(4),
    nn.GroupNorm(2, 4),
    nn.BatchNorm2d(4),
    nn.BatchNorm2d(4, affine=False, track_running_stats=False),
    nn.LSTM(2, 3),
    nn.Rotary(4),
    nn.KV(),
    nn.Dropout(0.1),
    nn.GELU(),
    nn.SiLU(),
    nn.Tanh(),
    nn.Sigmoid(),
    nn.Softmax(),
    nn.Flatten(),
]


def test_state_is_a_plain_dictionary_of_constants():
    state = Two().state_dict()
    assert type(state) is dict
    assert all(type(v) is Tensor and not v.requires_grad for v in state.values())
