"""Groups, missing gradients, packing, saved state and refusals of the base class."""

import gc
import math

import numpy as np
import pytest

from tinyft import Tensor, nn, tensor
from tinyft.optim import SGD, Adam, AdamW
from tinyft.optim import slab as slab_module

RNG = np.random.default_rng(3)
SHAPES = [(3, 4), (4,), (), (2, 0), (70_000,), (5, 6, 7)]
MAKERS = {
    "sgd": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.1),
    "nesterov": lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: Adam(p, lr=0.1, weight_decay=0.1),
    "amsgrad": lambda p: Adam(p, lr=0.1, amsgrad=True),
    "adamw": lambda p: AdamW(p, lr=0.1, weight_decay=0.1),
}


@pytest.fixture(params=MAKERS.values(), ids=MAKERS)
def make(request):
    return request.param


def leaves(shapes=SHAPES, dtype="f4", seed=0):
    rng = np.random.default_rng(seed)
    return [
        tensor(np.asarray(rng.standard_normal(s), dtype), requires_grad=True)
        for s in shapes
    ]


def give_gradients(params, seed):
    rng = np.random.default_rng(seed)
    for p in params:
        p.grad = Tensor(np.asarray(rng.standard_normal(p.shape), p.dtype))


def values(params):
    return [p.data.copy() for p in params]


def same(first, second):
    return all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


def test_packed_and_single_updates_agree_bit_for_bit(make):
    packed, single = leaves(), leaves()
    one, many = make(packed), [make([p]) for p in single]
    for t in range(5):
        give_gradients(packed, t)
        give_gradients(single, t)
        one.step()
        for optimizer in many:
            optimizer.step()
    assert same(values(packed), values(single))


def test_blocks_do_not_change_the_result(make, monkeypatch):
    whole, blocked = leaves(), leaves()
    for params, size in ((whole, 1 << 30), (blocked, 1024)):
        monkeypatch.setattr(slab_module, "BLOCK", size)
        optimizer = make(params)
        for t in range(3):
            give_gradients(params, t)
            optimizer.step()
    assert same(values(whole), values(blocked))


def test_the_array_of_a_parameter_stays_the_same_object(make):
    params = leaves()
    arrays = [p.data for p in params]
    give_gradients(params, 0)
    make(params).step()
    assert all(p.data is a for p, a in zip(params, arrays))


def test_a_transposed_parameter_is_updated_in_place(make):
    (x,), (y,) = leaves([(5, 7)]), leaves([(5, 7)])
    y._data = np.asfortranarray(y.data)
    for p in (x, y):
        give_gradients([p], 1)
        make([p]).step()
    assert same(values([x]), [np.ascontiguousarray(y.data)])


def test_step_counts_as_a_change_in_place():
    (x,) = leaves([(3,)])
    give_gradients([x], 0)
    before = x._version[0]
    AdamW([x]).step()
    assert x._version[0] == before + 1


def test_without_a_gradient_nothing_moves_and_time_stands_still(make):
    """A parameter that sat out has the bias correction of its own number of steps."""
    params, alone = leaves([(3,), (4,)]), leaves([(3,), (4,)])
    together, first = make(params), make(alone[:1])
    start = values(params)
    for t in range(4):
        give_gradients(params, t)
        params[1].grad = None if t < 2 else params[1].grad
        give_gradients(alone, t)
        together.step()
        first.step()
        if t == 1:
            assert same(values(params[1:]), start[1:])
    second = make(alone[1:])
    for t in range(2, 4):
        give_gradients(alone, t)
        second.step()
    assert same(values(params), values(alone))


def test_a_parameter_that_sits_out_in_the_middle(make):
    params, single = leaves([(3,), (4,)]), leaves([(3,), (4,)])
    together, many = make(params), [make([p]) for p in single]
    for t in range(5):
        give_gradients(params, t)
        give_gradients(single, t)
        if t == 2:
            params[0].grad = single[0].grad = None
        together.step()
        for optimizer in many:
            optimizer.step()
    assert same(values(params), values(single))


def test_groups_have_their_own_numbers():
    a, b = leaves([(2,), (3,)])
    optimizer = SGD([{"params": [a], "lr": 1.0, "name": "body"}, {"params": b}], lr=0.5)
    start = values([a, b])
    for p in (a, b):
        p.grad = Tensor(np.ones(p.shape, "f4"))
    optimizer.step()
    np.testing.assert_array_equal(a.data, start[0] - 1)
    np.testing.assert_array_equal(b.data, start[1] - np.float32(0.5))
    assert "body: 1 tensors, 2 parameters, lr=1.0" in repr(optimizer)
    optimizer.add_param_group({"params": leaves([(1,)]), "lr": 0.25})
    assert [g["lr"] for g in optimizer.param_groups] == [1.0, 0.5, 0.25]


def test_numbers_become_python_numbers_and_dtypes_stay():
    (x,) = leaves([(3,)])
    optimizer = Adam([x], lr=np.float64(0.1), betas=[np.float32(0.5), 0.75])
    assert type(optimizer.param_groups[0]["lr"]) is float
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.75)
    give_gradients([x], 0)
    optimizer.step()
    assert x.dtype == np.float32
    state = optimizer.state_dict()
    assert state["state.0.m"].dtype == state["state.0.v"].dtype == np.float32


def test_resumed_state_goes_on_bit_for_bit(make):
    params, resumed = leaves(), leaves()
    one, two = make(params), make(resumed)
    for t in range(3):
        give_gradients(params, t)
        if t == 0:
            params[1].grad = None
        one.step()
    for p, q in zip(params, resumed):
        q.data = p.data.copy()
    saved = one.state_dict()
    assert all(isinstance(array, np.ndarray) for array in saved.values())
    two.load_state_dict(saved)
    for t in range(3, 6):
        for some in (params, resumed):
            give_gradients(some, t)
        one.step()
        two.step()
    assert same(values(params), values(resumed))
    again = two.state_dict()
    assert sorted(again) == sorted(one.state_dict())
    assert type(two.param_groups[0]["lr"]) is float


def test_saved_state_is_a_copy():
    (x,) = leaves([(3,)])
    optimizer = AdamW([x])
    give_gradients([x], 0)
    optimizer.step()
    saved = optimizer.state_dict()
    before = saved["state.0.m"].copy()
    give_gradients([x], 1)
    optimizer.step()
    np.testing.assert_array_equal(saved["state.0.m"], before)


def test_loading_is_strict():
    x, y = leaves([(3,), (4,)])
    adam, sgd = Adam([x]), SGD([y], momentum=0.9)
    for optimizer, p in ((adam, x), (sgd, y)):
        give_gradients([p], 0)
        optimizer.step()
    with pytest.raises(ValueError, match=r"missing .*momentum.* unexpected .*betas"):
        sgd.load_state_dict(adam.state_dict())
    with pytest.raises(ValueError, match=r"state.0.m has shape \(3,\), the .* \(4,\)"):
        Adam([y]).load_state_dict(adam.state_dict())
    with pytest.raises(ValueError, match=r"missing \['state.0.m'\], unex"):
        two_groups = adam.state_dict()
        two_groups["state.9.m"] = two_groups.pop("state.0.m")
        Adam([x]).load_state_dict(two_groups)


def test_refusals_are_sentences():
    x, y = leaves([(3,), (4,)])
    with pytest.raises(ValueError, match="nothing to optimise, the list is empty"):
        SGD(iter([]))
    with pytest.raises(ValueError, match=r"shape \(3,\) stands in group 'a' and again"):
        SGD([{"params": [x], "name": "a"}, {"params": [y, x], "name": "b"}])
    with pytest.raises(ValueError, match="again in group 0"):
        SGD([x, x])
    with pytest.raises(TypeError, match="expected an iterable of Tensors, got one"):
        SGD(x)
    with pytest.raises(
        TypeError, match=r"got one Sequential; pass its .parameters\(\)"
    ):
        SGD(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(TypeError, match="got a Tensor of int64"):
        SGD([tensor([1, 2])])
    with pytest.raises(TypeError, match="the result of an operation"):
        SGD([x * 2.0])
    with pytest.raises(TypeError, match="got <class 'tuple'>"):
        SGD([("weight", x)])
    with pytest.raises(ValueError, match=r"lr=-1.0 should be >= 0"):
        Adam([x], lr=-1)
    with pytest.raises(ValueError, match=r"should lie in \[0, 1\)"):
        Adam([x], betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="a group holds 'params'"):
        Adam([{"params": [x], "learning_rate": 1.0}])
    with pytest.raises(ValueError, match="nesterov=True needs momentum > 0"):
        SGD([x], nesterov=True)


def test_a_cast_after_the_first_step_is_refused():
    (x,) = leaves([(3,)])
    optimizer = AdamW([x])
    give_gradients([x], 0)
    optimizer.step()
    x.data = x.data.astype("f8")
    give_gradients([x], 1)
    with pytest.raises(TypeError, match=r"build the optimizer after model.to"):
        optimizer.step()


def test_zero_grad_forgets():
    params = leaves([(3,), (4,)])
    give_gradients(params, 0)
    SGD(params).zero_grad()
    assert [p.grad for p in params] == [None, None]


def test_steps_make_no_garbage_cycles():
    params = leaves([(3,), (4,)])
    optimizer = AdamW(params)
    give_gradients(params, 0)
    optimizer.step()
    gc.collect()
    give_gradients(params, 1)
    optimizer.step()
    assert gc.collect() == 0


@pytest.mark.parametrize("make", [Adam, AdamW])
def test_without_memory_old_spikes_are_forgotten(make):
    """betas (0, 0): every step is lr g / (|g| + eps), also after a gradient of 1e6."""
    x = tensor(np.zeros(1), requires_grad=True)
    optimizer = make([x], lr=1.0, betas=(0.0, 0.0), eps=1e-30, weight_decay=0.0)
    for g in (1e6, 1e-6, -1e-6):
        before, x.grad = x.numpy().copy(), tensor(np.array([g]))
        optimizer.step()
        np.testing.assert_allclose(x.numpy() - before, -np.sign(g), rtol=1e-12)


def test_a_model_is_not_its_parameters_and_betas_are_two():
    with pytest.raises(TypeError, match=r"got one Linear; pass .*parameters"):
        SGD(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="two numbers"):
        Adam([tensor([1.0], requires_grad=True)], betas=(0.9,))


def test_nothing_but_frozen_parameters_is_told():
    """After peft.attach the base is frozen, and model.parameters() has nothing else."""
    net = nn.Linear(2, 2).requires_grad_(False)
    with pytest.warns(
        UserWarning, match="none of the 2 parameters .* adapter.parameters"
    ):
        SGD(net.parameters())


# --- a refusal has moved nothing -----------------------------------------------------


def trained(kind=AdamW, **options):
    params = leaves([(3,), (70000,), (2, 2)])  # small ones in a pack, a large one alone
    optimizer = kind(
        [{"params": params[:1]}, {"params": params[1:], "lr": 0.01}], lr=0.1, **options
    )
    give_gradients(params, 0)
    optimizer.step()
    return params, optimizer


def everything(params, optimizer):
    state = {k: v.tobytes() for k, v in optimizer.state_dict().items()}
    return [p.numpy().tobytes() for p in params], state


def wrong_dtype(params, optimizer):
    params[2].grad = tensor(np.zeros((2, 2), "f2"))


def wrong_shape(params, optimizer):
    params[2].grad = tensor(np.zeros((4, 1), params[2].dtype))


def wrong_rate(params, optimizer):
    optimizer.param_groups[1]["lr"] = math.nan


def no_number(params, optimizer):
    optimizer.param_groups[1]["lr"] = "0.1"


STEPS = [
    (
        wrong_dtype,
        TypeError,
        r"its gradient float16, but it was float\d+ at its first step",
    ),
    (wrong_shape, ValueError, r"shape \(2, 2\) has a gradient of shape \(4, 1\)"),
    (wrong_rate, ValueError, "lr=nan should be >= 0"),
    (no_number, ValueError, "lr='0.1' should be >= 0, a finite number"),
]


@pytest.mark.parametrize("spoil, kind, words", STEPS)
def test_a_step_that_raises_has_moved_nothing(spoil, kind, words):
    params, optimizer = trained()
    give_gradients(params, 1)
    before = everything(params, optimizer)
    lr = optimizer.param_groups[1]["lr"]
    spoil(params, optimizer)
    with pytest.raises(kind, match=words):
        optimizer.step()
    optimizer.param_groups[1]["lr"] = lr
    assert everything(params, optimizer) == before


def test_a_first_step_that_raises_leaves_no_state():
    params = leaves([(3,), (2, 2)])
    optimizer = AdamW(params)
    give_gradients(params, 0)
    wrong_shape([None, None, params[1]], optimizer)
    with pytest.raises(ValueError, match="a gradient of shape"):
        optimizer.step()
    assert not any(key.startswith("state") for key in optimizer.state_dict())


SPOILED = [
    (lambda s: s.update({"state.2.v": np.zeros((4, 1))}), "state.2.v has shape"),
    (lambda s: s.update({"state.2.v": np.zeros((2, 2), "i4")}), "state.2.v is int32"),
    (lambda s: s.update({"groups.1.lr": np.array(-1.0)}), "lr=-1.0 should be >= 0"),
    (lambda s: s.pop("groups.1.lr"), r"missing \['groups.1.lr'\]"),
    (
        lambda s: s.update({"class": np.array(list(b"Adam"))}),
        "was saved by Adam, whose",
    ),
]


@pytest.mark.parametrize("spoil, words", SPOILED)
def test_a_state_that_is_refused_has_changed_nothing(spoil, words):
    params, optimizer = trained()
    saved = trained()[1].state_dict()
    saved = {k: v + 1 if k.endswith(".m") else v for k, v in saved.items()}
    spoil(saved)
    before = everything(params, optimizer)
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(saved)
    assert everything(params, optimizer) == before


@pytest.mark.parametrize("kinds", [(Adam, AdamW), (AdamW, Adam)])
def test_the_moments_of_another_kind_are_refused(kinds):
    one, other = (trained(kind)[1] for kind in kinds)
    with pytest.raises(ValueError, match=f"was saved by {kinds[0].__name__}, whose"):
        other.load_state_dict(one.state_dict())


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_float16_is_refused_where_its_squares_are_lost(kind):
    half = tensor(np.ones(3, "f2"), requires_grad=True)
    with pytest.raises(TypeError, match=r"is float16, where g² .* model\.float\(\)"):
        kind([half])
    layer = nn.Linear(2, 2, rng=0)
    optimizer = kind(layer.parameters())
    layer.to("float16")
    layer(np.ones((1, 2), "f2")).sum().backward()
    before = layer.weight.numpy().copy()
    with pytest.raises(TypeError, match="is float16, where"):
        optimizer.step()
    np.testing.assert_array_equal(layer.weight.numpy(), before)
    plain = SGD(layer.parameters(), lr=0.5)
    plain.step()
    np.testing.assert_array_equal(layer.weight.numpy(), before - np.float16(0.5))
