"""Sequential, ModuleList, ModuleDict."""

import numpy as np
import pytest

from tinyft import nn, tensor


def test_sequential_composes_and_names_by_number_or_key():
    a, b = nn.Linear(3, 4, rng=0), nn.Linear(4, 2, rng=1)
    x = tensor(np.ones((1, 3), "f4"))
    for m, names in (
        (nn.Sequential(a, nn.ReLU(), b), ["0.weight", "0.bias", "2.weight", "2.bias"]),
        (
            nn.Sequential({"in": a, "act": nn.ReLU(), "out": b}),
            ["in.weight", "in.bias", "out.weight", "out.bias"],
        ),
    ):
        assert list(m.state_dict()) == names and len(m) == 3
        want = b(nn.ReLU()(a(x))).numpy()
        np.testing.assert_array_equal(m(x).numpy(), want)
        assert m[0] is a and m[-1] is b and list(m)[2] is b
        np.testing.assert_array_equal(m[1:](a(x)).numpy(), want)
    assert nn.Sequential()(x) is x and len(nn.Sequential({})) == 0


def test_sequential_grows_and_is_edited():
    m = nn.Sequential().append(nn.ReLU()).extend([nn.Tanh(), nn.Sigmoid()])
    assert [type(part).__name__ for part in m] == ["ReLU", "Tanh", "Sigmoid"]
    m[1] = nn.Identity()
    assert isinstance(m[1], nn.Identity) and list(m._modules) == ["0", "1", "2"]
    with pytest.raises(IndexError):
        m[3]


def test_a_list_is_found_but_not_called():
    m = nn.ModuleList(nn.Linear(2, 2, rng=i) for i in range(3))
    assert m.count() == 18 and len(m) == 3 and type(m[1:]) is nn.ModuleList
    assert m[1:][0] is m[1]
    with pytest.raises(NotImplementedError, match="ModuleList is not called"):
        m(1)


def test_a_dict_holds_any_name_without_dots():
    m = nn.ModuleDict({"items": nn.ReLU(), "task a": nn.Linear(2, 2, rng=0)})
    m["forward"] = nn.Tanh()
    assert list(m) == list(m.keys()) == ["items", "task a", "forward"]
    assert "items" in m and len(m) == 3 and isinstance(m["forward"], nn.Tanh)
    assert [type(v).__name__ for v in m.values()] == ["ReLU", "Linear", "Tanh"]
    assert list(m.state_dict()) == ["task a.weight", "task a.bias"]
    del m["items"]
    assert [k for k, _ in m.items()] == ["task a", "forward"]
    with pytest.raises(NotImplementedError, match="ModuleDict is not called"):
        m(1)
    with pytest.raises(KeyError):
        m["items"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.Linear(2, 2), np.tanh),
        lambda: nn.ModuleList([np.tanh]),
        lambda: nn.ModuleDict({"a": None}),
        lambda: nn.Sequential().append(3),
    ],
)
def test_only_modules_are_taken(make):
    with pytest.raises(TypeError, match="must be a Module, got"):
        make()
