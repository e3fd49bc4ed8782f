"""Linear4bit: the product and its gradients, what stays packed, and what is refused."""

import copy
import gc
import tracemalloc
import weakref

import numpy as np
import pytest

from tinyft import backend, grad, io, models, nn, ops, optim, tensor, training, transfer
from tinyft.nn.packed import product
from tinyft.quantise import dequantise, packed_bytes, quantise
from tinyft.quantise.blocks import CHUNKS

CODES = ["nf4", "even", "int4"]


def layer(out=48, width=80, dtype=None, **options):
    return nn.Linear4bit(width, out, rng=0, dtype=dtype, **options)


def twin(packed, dtype):
    """A Linear with the dequantised weight in this dtype."""
    dense = nn.Linear(packed.in_features, packed.out_features, dtype=dtype)
    dense.weight.data = dequantise(packed.packed, dtype)
    dense.bias.data = packed.bias.data
    return dense


def gpt(**options):
    sizes = {"vocab": 11, "dim": 64, "heads": 4, "length": 16, "layers": 2}
    return models.gpt2_tiny(0, **{**sizes, **options})


IDS = np.random.default_rng(1).integers(0, 11, (2, 8))


# --- the product ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("code", CODES)
def test_the_product_and_its_gradients_are_a_linears_bit_for_bit(code, dtype):
    one = layer(dtype=dtype, code=code)
    two = twin(one, dtype)
    x = np.random.default_rng(1).standard_normal((3, 5, 80)).astype(dtype)
    found = []
    for each in (one, two):
        x_ = tensor(x, requires_grad=True)
        y = each(x_)
        gy = np.cos(np.arange(y.size)).reshape(y.shape).astype(dtype)
        gx, gb = grad([y], [x_, each.bias], [tensor(gy)])
        found.append((y.numpy(), gx.numpy(), gb.numpy()))
    for a, b in zip(*found):
        assert a.dtype == b.dtype == np.dtype(dtype) and np.array_equal(a, b)


def test_without_a_bias_and_in_another_dtype():
    one = nn.Linear4bit(80, 48, bias=False, rng=0)
    x = np.random.default_rng(1).standard_normal((2, 80))  # float64 against float32
    want = x @ dequantise(one.packed).astype("float64").T
    x_ = tensor(x, requires_grad=True)
    y = one(x_)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-12)
    ops.sum(y).backward()
    assert x_.grad.dtype == np.float64


def test_the_bias_of_a_first_layer_trains_though_its_input_does_not():
    """x is data and has no gradient; gb is the sum of gy over the rows all the same."""
    one = layer(dtype="float64")
    gy = np.random.default_rng(0).standard_normal((7, 48))
    (gb,) = grad([one(tensor(np.ones((7, 80))))], [one.bias], [tensor(gy)])
    np.testing.assert_allclose(gb.numpy(), gy.sum(axis=0), rtol=1e-13)


def test_the_gradient_of_x_can_be_differentiated():
    """y is linear in x: the gradient of ‖gx‖² with respect to gy is 2 gy Ŵ Ŵᵀ."""
    one = layer(dtype="float64")
    W = dequantise(one.packed, "float64")
    x = tensor(np.ones((2, 80)), requires_grad=True)
    gy = tensor(np.random.default_rng(0).standard_normal((2, 48)), requires_grad=True)
    (gx,) = grad([one(x)], [x], [gy], create_graph=True)
    (found,) = grad([ops.sum(gx * gx)], [gy])
    np.testing.assert_allclose(found.numpy(), 2 * gy.data @ W @ W.T, rtol=1e-12)


def test_a_wrong_width_says_both_shapes():
    with pytest.raises(ValueError, match=r"\(2, 81\) and the packed weight \(48, 80\)"):
        layer()(np.ones((2, 81), "float32"))


# --- memory ---------------------------------------------------------------------------


def test_no_dense_matrix_outlives_a_product(monkeypatch):
    made = []

    def watched(*args):
        W = dequantise(*args)
        made.append(weakref.ref(W.base if W.base is not None else W))
        return W

    monkeypatch.setattr(product, "dequantise", watched)
    one, x = layer(), tensor(np.ones((2, 80), "float32"), requires_grad=True)
    y = one(x)
    assert len(made) == 1 and made[0]() is None  # forward's: the tape has none
    ops.sum(y).backward()
    assert len(made) == 2 and made[1]() is None
    one(np.ones((2, 80), "float32"))
    gc.collect()
    assert len(made) == 3 and all(ref() is None for ref in made)


def test_a_constant_input_unpacks_once(monkeypatch):
    """Nothing before the first layer wants a gradient: no second unpacking."""
    calls = []

    def counted(*args):
        calls.append(1)
        return dequantise(*args)

    monkeypatch.setattr(product, "dequantise", counted)
    ops.sum(layer()(np.ones((2, 80), "float32"))).backward()
    assert len(calls) == 1


@pytest.mark.parametrize("double", [True, False])
def test_resident_bytes_are_the_formula_within_two_percent(double):
    """Measured by the allocator, and by nbytes: within 2 % of 4 + 8/64 + 32/(64·256)
    bits a weight, or of 4.5, plus the bias."""
    bits = 4 + 8 / 64 + 32 / (64 * 256) if double else 4.5
    nn.Linear4bit(64, 64, double=double)  # the tables are made once
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    one = nn.Linear4bit(768, 1024, double=double, rng=0)
    gc.collect()
    resident = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    want = 768 * 1024 * bits / 8 + 4 * 1024
    assert abs(one.nbytes() / want - 1) < 0.02
    assert abs(resident / want - 1) < 0.02


def test_the_peak_of_a_step_is_one_dense_matrix():
    """Forward and backward of 6 layers: one Ŵ at a time (its scales, in float32, are 1/64
    of it), the piece that is looked up, and two activations: a frozen weight keeps no x."""
    net = nn.Sequential(*(nn.Linear4bit(1024, 1024, rng=i) for i in range(6)))
    x = tensor(np.ones((4, 1024), "float32"), requires_grad=True)
    ops.sum(net(x)).backward()  # tables are made
    x.grad = None
    for p in net.parameters():
        p.requires_grad_(False)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    ops.sum(net(x)).backward()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    dense = 4 * 1024 * 1024
    activations = 2 * 4 * 4 * 1024  # what goes in and what comes out
    piece = 8 * CHUNKS[True]  # indices and levels of the piece that is looked up
    want = dense * (1 + 1 / 64) + piece + activations
    assert abs(peak / want - 1) < 0.02
    assert peak < 1.2 * dense  # six would be a dense copy each


def test_the_models_bytes_and_count():
    model = gpt()
    numbers, rest = model.count(), model.nbytes()
    shapes = {}
    for path, m in model.named_modules():
        if type(m) is nn.Linear and m.parameter("weight") is not model.embed.weight:
            shapes[path] = m.weight.shape
    done = nn.quantise_linears(model)
    assert done == list(shapes) and len(done) == 12
    packed = sum(packed_bytes(shape) for shape in shapes.values())
    dense = 4 * sum(a * b for a, b in shapes.values())
    assert model.nbytes() == rest - dense + packed
    assert model.count() == numbers
    assert model.count(trainable=False) == dense // 4
    assert "4 bits: nf4, blocks of 64" in repr(model)
    assert f"of {numbers:,} trainable" in repr(model)


# --- state ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_the_state_is_packed_and_comes_back(code, tmp_path):
    one, two = layer(code=code), nn.Linear4bit(80, 48, code=code, rng=5)
    state = one.state_dict()
    kinds = {name: str(value.dtype) for name, value in state.items()}
    assert kinds[f"codes_{code}"] == "uint8"
    assert "weight" not in kinds and "like" not in kinds
    io.save(tmp_path / "one.safetensors", state)
    size = (tmp_path / "one.safetensors").stat().st_size
    assert (
        size < packed_bytes((48, 80), 64, code == "nf4", code == "int4") + 4 * 48 + 999
    )
    x = np.random.default_rng(0).standard_normal((3, 80)).astype("float32")
    assert not np.array_equal(one(x).numpy(), two(x).numpy())
    two.load_state_dict(io.load(tmp_path / "one.safetensors"))
    assert np.array_equal(one(x).numpy(), two(x).numpy())


@pytest.mark.parametrize(
    "other", [{"code": "even"}, {"code": "int4"}, {"double": False}, {"block": 32}]
)
def test_a_state_of_another_format_is_refused(other):
    with pytest.raises((KeyError, ValueError), match="load_state_dict"):
        layer(**other).load_state_dict(layer().state_dict())


def test_a_dense_state_is_refused():
    with pytest.raises(KeyError, match="codes_nf4"):
        layer().load_state_dict(nn.Linear(80, 48).state_dict())


def test_a_run_goes_on_from_a_checkpoint(tmp_path):
    def model():
        net = gpt()
        nn.quantise_linears(net)
        return net

    one, two = model(), model()
    ops.sum(one(IDS) ** 2).backward()
    step = optim.SGD([p for p in one.parameters() if p.requires_grad], lr=0.1)
    step.step()
    training.save_checkpoint(tmp_path / "run.safetensors", one)
    for m in two.modules():
        if isinstance(m, nn.Linear4bit):
            m.pack(np.ones(m.weight.shape, "float32"))
    training.load_checkpoint(tmp_path / "run.safetensors", two)
    assert np.array_equal(one(IDS).numpy(), two(IDS).numpy())


def test_to_changes_the_product_and_not_the_constants():
    one = layer()
    state = {n: t.numpy().copy() for n, t in one.state_dict().items() if n != "bias"}
    assert one.to("float64").weight.dtype == np.float64 == one.bias.dtype
    assert one.weight_spec() == ((48, 80), np.dtype("float64"), "cpu")
    assert np.array_equal(one.weight.numpy(), dequantise(one.packed, "float64"))
    assert one.to("float16").weight.dtype == np.float16
    for name, array in one.to("float32").state_dict().items():
        if name != "bias":
            assert array.dtype == state[name].dtype
            assert np.array_equal(array.numpy(), state[name])


def test_copies_are_independent():
    one = layer()
    two = copy.deepcopy(one)
    two.pack(np.ones((48, 80), "float32"))
    assert two.weight.numpy().min() == 1 and one.weight.numpy().min() < 0
    assert (two.form.block, two.form.code) == (one.form.block, one.form.code)


def test_a_layer_of_given_arrays():
    W = np.random.default_rng(0).standard_normal((6, 32)).astype("float32")
    packed, b = quantise(W, 16), np.arange(6.0)
    one = nn.Linear4bit.of(packed, b, "float64")
    x = np.random.default_rng(1).standard_normal((2, 32))
    want = x @ dequantise(packed, "float64").T + b
    np.testing.assert_allclose(one(x).numpy(), want, rtol=1e-13, atol=1e-13)


def test_recomputed_layers_give_the_same_gradients():
    x = np.random.default_rng(0).standard_normal((2, 80)).astype("float32")
    found = []
    for on in (False, True):
        net = nn.recompute(nn.Sequential(layer(), nn.ReLU(), layer(9, 48)), on)
        x_ = tensor(x, requires_grad=True)
        ops.sum(net(x_) ** 2).backward()
        found.append(x_.grad.numpy())
    assert np.array_equal(*found)


# --- what is refused ------------------------------------------------------------------


def test_the_weight_does_not_train():
    one = layer()
    with pytest.raises(ValueError, match="cannot train"):
        one.weight.requires_grad_(True)
    with pytest.raises(ValueError, match="cannot train"):
        one.weight.requires_grad = True
    with pytest.raises(
        ValueError, match=r"weight is kept in 4 bits.* and cannot train"
    ):
        one.requires_grad_(True)
    with pytest.raises(ValueError, match=r"layer\.pack"):
        one.weight.data = one.weight.data
    with pytest.raises(TypeError, match=r"layer\.pack"):
        one.weight = nn.Parameter(np.ones((48, 80), "float32"))
    with pytest.raises(ValueError, match=r"\(48, 80\), got \(80, 48\)"):
        one.pack(np.ones((80, 48), "float32"))
    assert one.requires_grad_(False).weight.requires_grad is False


@pytest.mark.parametrize("pattern", [r"mlp\.up", r"up\.weight", ".*", r"blocks\.1"])
def test_unfreeze_names_the_packed_weight(pattern):
    model = gpt()
    nn.quantise_linears(model, r"mlp\.(up|down)")
    before = {n: p.requires_grad for n, p in model.named_parameters()}
    for call in (transfer.unfreeze, transfer.train_only):
        with pytest.raises(ValueError, match=r"mlp\.up\.weight is kept in 4 bits"):
            call(model, pattern)
    assert before == {n: p.requires_grad for n, p in model.named_parameters()}
    assert transfer.freeze(model, r"mlp\.up") == [
        f"blocks.{i}.mlp.up.bias" for i in (0, 1)
    ]
    assert transfer.freeze(model, r"blocks\.0\.mlp\.up\.weight") == []
    transfer.unfreeze(model, r"up\.bias")


def test_a_tied_weight_is_refused_or_passed_over():
    model = gpt(tied=True)
    with pytest.raises(ValueError, match=r"head\.weight is tied, one array"):
        nn.quantise_linears(model, "head")
    assert "head" not in nn.quantise_linears(model)
    assert type(model.head) is nn.Linear
    free = gpt(tied=False)
    assert "head" in nn.quantise_linears(free)


@pytest.mark.parametrize("pattern", ["embed", ".*", ["embed", "blocks.0.attn.q"]])
def test_an_embedding_is_refused_by_name(pattern):
    with pytest.raises(ValueError, match="'embed', a Embedding, is not a Linear layer"):
        nn.quantise_linears(gpt(), pattern)


def test_other_patterns_that_make_no_sense():
    model = gpt()
    with pytest.raises(ValueError, match="nearest names"):
        nn.quantise_linears(model, "qq")
    with pytest.raises(ValueError, match="no Linear layer"):
        nn.quantise_linears(model, "norm1")
    nn.quantise_linears(model, r"attn\.q")
    with pytest.raises(ValueError, match="is in 4 bits already"):
        nn.quantise_linears(model, r"attn\.(q|k)")
    with pytest.raises(ValueError, match="no layer that is named is in 4 bits"):
        nn.dequantise_linears(model, r"attn\.k")
    with pytest.raises(TypeError, match="expected a model"):
        nn.quantise_linears(model.state_dict())


def test_a_refusal_changes_nothing():
    model = gpt()
    model.blocks[1].mlp.down.weight.data[3, 5] = np.nan
    with pytest.raises(ValueError, match=r"'blocks.1.mlp.down': .* holds NaN or Inf"):
        nn.quantise_linears(model)
    assert not any(isinstance(m, nn.Linear4bit) for m in model.modules())
    with pytest.raises(ValueError, match="power of two"):
        nn.quantise_linears(model, r"attn\.q", block=60)
    assert not list(model.named_packed())


def test_there_and_back():
    model = gpt()
    names = [name for name, _ in model.named_parameters()]
    nn.quantise_linears(model)
    y = model(IDS).numpy()
    assert len(nn.dequantise_linears(model)) == 12
    assert np.array_equal(model(IDS).numpy(), y)
    assert [name for name, _ in model.named_parameters()] == names
    assert all(p.requires_grad for p in model.parameters())
    assert backend.is_array(model.blocks[0].attn.q.weight.data)
