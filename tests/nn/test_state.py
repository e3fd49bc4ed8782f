"""State dicts: names, strictness, dtypes, ties; a refused state changes nothing."""

import numpy as np
import pytest

from tinyft import Tensor, models, nn


def snapshot(module):
    return {name: value.numpy().copy() for name, value in module.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(
        first[name].tobytes() == second[name].tobytes() for name in first
    )


@pytest.fixture
def model():
    return nn.Sequential(
        nn.Linear(3, 4, rng=0), nn.BatchNorm2d(4), nn.Linear(4, 2, rng=1)
    )


def test_names_and_prefix(model):
    names = [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
        "1.num_batches_tracked", "2.weight", "2.bias",
    ]  # fmt: skip
    assert sorted(model.state_dict()) == sorted(names)
    assert sorted(model.state_dict("m.")) == sorted("m." + n for n in names)


def test_round_trip_from_tensors_and_from_arrays(model):
    before = snapshot(model)
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm2d(4), nn.Linear(4, 2))
    assert not same(snapshot(other), before)
    assert other.load_state_dict(model.state_dict()) == ([], [])
    assert same(snapshot(other), before)
    other.load_state_dict({n: a.copy() for n, a in before.items()})
    assert same(snapshot(other), before)


def test_loading_copies_and_state_shares(model):
    state = snapshot(model)
    model.load_state_dict(state)
    state["0.bias"][:] = 7.0
    assert not (model[0].bias.numpy() == 7.0).any()
    model.state_dict()["0.bias"].data[:] = 5.0
    assert (model[0].bias.numpy() == 5.0).all()


def test_missing_and_unexpected_are_listed_and_nothing_changes(model):
    before, state = snapshot(model), snapshot(model)
    state = {n: a + 1 for n, a in state.items() if n not in ("0.bias", "2.weight")}
    state |= {"head.weight": np.ones(2), "extra": np.ones(1)}
    with pytest.raises(KeyError) as caught:
        model.load_state_dict(state)
    text = str(caught.value)
    assert "Missing from the state: 0.bias, 2.weight." in text
    assert "Unexpected in the state: head.weight, extra." in text
    assert same(snapshot(model), before)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert (missing, unexpected) == (["0.bias", "2.weight"], ["head.weight", "extra"])
    assert (model[0].weight.numpy() == before["0.weight"] + 1).all()
    assert (model[0].bias.numpy() == before["0.bias"]).all()


def test_wrong_shapes_are_all_listed_and_nothing_changes(model):
    before = snapshot(model)
    state = {name: a + 1 for name, a in before.items()}
    state["2.weight"], state["2.bias"] = np.ones((4, 2)), np.ones(3)
    for strict in (True, False):
        with pytest.raises(ValueError) as caught:
            model.load_state_dict(state, strict=strict)
        text = str(caught.value)
        assert "2.weight: the model has shape (2, 4), the state (4, 2)" in text
        assert "2.bias: the model has shape (2,), the state (3,)" in text
        assert same(snapshot(model), before)


@pytest.mark.parametrize(
    "name, value",
    [
        ("2.bias", np.array(["a", "b"])),
        ("2.bias", np.array([1j, 2j])),
        ("1.num_batches_tracked", np.array(1.5)),
    ],
)
def test_values_of_another_kind_are_refused_and_nothing_changes(model, name, value):
    before = snapshot(model)
    with pytest.raises(ValueError, match=rf"{name}: the model holds .*, the state"):
        model.load_state_dict({**{n: a + 1 for n, a in before.items()}, name: value})
    assert same(snapshot(model), before)


class Foreign:
    """What PyTorch's tensors do, bfloat16 included, without PyTorch."""

    def __init__(self, array, dtype):
        self.array, self.dtype = array, dtype

    def detach(self):
        return self

    cpu = detach

    def float(self):
        return Foreign(self.array.astype("f4"), "torch.float32")

    def numpy(self):
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.array


@pytest.mark.parametrize("dtype", ["torch.bfloat16", "torch.float16", "torch.float32"])
def test_tensors_of_pytorch_load(model, dtype):
    state = snapshot(model)
    state |= {name: a + 1 for name, a in state.items()}
    held = {"i": "torch.int64", "f": dtype}
    model.load_state_dict({n: Foreign(a, held[a.dtype.kind]) for n, a in state.items()})
    assert same(snapshot(model), state)


def test_what_is_no_state_is_a_sentence_and_nothing_changes(model):
    before = snapshot(model)
    for wrong, words in (
        (model, r"a dict \{name: array\}, got a Sequential; .*its own with"),
        ("run.safetensors", r"got a str; files are read with io\.load\(path\)"),
        ({**before, "2.bias": [[1.0], [1.0, 2.0]]}, "2.bias is a list that does not"),
    ):
        with pytest.raises(TypeError, match=words):
            model.load_state_dict(wrong)
    assert same(snapshot(model), before)


def test_a_weight_beyond_the_models_range_is_refused(model):
    model.to("float16")
    before, large = snapshot(model), np.array([7e4, np.inf], "f4")
    with pytest.raises(ValueError, match=r"2\.bias: .* numbers too large for float16"):
        model.load_state_dict({**before, "2.bias": large})
    assert same(snapshot(model), before)
    model.load_state_dict(
        {**before, "2.bias": large[1:].repeat(2)}
    )  # it was Inf before
    assert np.isinf(model[2].bias.numpy()).all()


def test_dtypes_of_the_model_stay(model):
    model.double()
    state = {name: np.asarray(a, "f4") for name, a in snapshot(model).items()}
    state["1.num_batches_tracked"] = np.array(12, "i4")
    model.load_state_dict(state)
    assert model[0].weight.dtype == np.float64
    assert model[1].num_batches_tracked.dtype == np.int64
    assert model[1].num_batches_tracked.item() == 12
    model.float().load_state_dict(
        {n: a.astype("f8") for n, a in state.items() if n[0] != "1"}, False
    )
    assert model[0].weight.dtype == np.float32


def test_an_absent_bias_is_not_in_the_state():
    assert list(nn.Linear(2, 2, bias=False).state_dict()) == ["weight"]
    assert list(nn.Conv2d(2, 2, 1, bias=False).state_dict()) == ["weight"]
    assert list(nn.LayerNorm(2, bias=False).state_dict()) == ["weight"]
    plain = nn.BatchNorm2d(2, affine=False, track_running_stats=False)
    assert not plain.state_dict()


# --- tied weights -------------------------------------------------------------------


def test_a_tied_head_is_one_parameter_under_two_names():
    m = models.gpt2_tiny(rng=0, layers=1)
    assert m.head.weight is m.embed.weight
    names = [n for n, _ in m.named_parameters()]
    assert "embed.weight" in names and "head.weight" not in names
    assert {"embed.weight", "head.weight"} <= m.state_dict().keys()
    assert m.count() == sum(p.size for p in m.parameters())


def test_ties_survive_loading_and_moving():
    m, other = models.gpt2_tiny(rng=0, layers=1), models.gpt2_tiny(rng=1, layers=1)
    m.load_state_dict(other.state_dict())
    assert m.head.weight is m.embed.weight
    assert (m.head.weight.numpy() == other.embed.weight.numpy()).all()
    m.to("float64")
    assert m.head.weight is m.embed.weight and m.head.weight.dtype == np.float64


def test_a_state_with_two_values_for_a_tied_weight_is_refused():
    m = models.gpt2_tiny(rng=0, layers=1)
    before = snapshot(m)
    state = {**before, "head.weight": before["head.weight"] + 1}
    with pytest.raises(
        ValueError, match=r"head.weight: tied to embed.weight in the model"
    ):
        m.load_state_dict(state)
    assert same(snapshot(m), before)


def test_tied_values_that_are_nan_still_agree():
    m = models.gpt2_tiny(rng=0, layers=1)
    state = snapshot(m)
    for name in ("embed.weight", "head.weight"):
        state[name][0, 0] = np.nan
    m.load_state_dict(state)
    assert np.isnan(m.embed.weight.numpy()[0, 0])


def test_loading_counts_as_a_change_in_place():
    """A value saved for backward and then overwritten is noticed."""
    layer = nn.Linear(2, 2, rng=0)
    y = layer(Tensor(np.ones((1, 2), "f4"), requires_grad=True)).sum()
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
