"""Which adapters act: names, reports, blocks, and what refuses to change."""

import copy
import pickle

import numpy as np
import pytest

import tinyft
from tinyft import models, nn, peft


def two(merged=False):
    rng = np.random.default_rng(0)
    model = nn.Sequential({"fc": nn.Linear(4, 3, rng=rng, dtype="float64")})
    for i, name in enumerate("ab"):
        adapter = peft.attach(model, peft.LoRA(2), "fc", name, rng=i)
        for p in adapter.parameters():
            p.data = p.data + 0.5 * rng.normal(size=p.shape)
    if merged:
        peft.merge(model)
    return model, rng.normal(size=(2, 4))


def run(model, x):
    with tinyft.no_grad():
        return model(x).numpy()


def test_active_and_states():
    model, _ = two()
    a, b = peft.attached(model).values()
    assert peft.active(model) == ["a", "b"] and (a.state, b.state) == ("on", "on")
    peft.switch(model, "b")
    assert peft.active(model) == ["b"] and (a.state, b.state) == ("off", "on")
    peft.merge(model)
    assert peft.active(model) == ["b"] and (a.state, b.state) == ("off", "merged")
    with peft.disabled(model):
        assert peft.active(model) == []
    peft.unmerge(model)
    assert peft.switch(model, None) is model and peft.active(model) == []


def test_repr_and_report_say_what_acts():
    model, _ = two()
    a, b = peft.attached(model).values()
    assert repr(b) == "Adapter('b': LoRA on 1 sites, 14 parameters, on; 'a' also on)"
    peft.switch(model, "a")
    assert repr(a).endswith("parameters, on)") and repr(b).endswith("off; 'a' also on)")
    peft.merge(model)
    assert [row[5] for row in peft.report(model).rows] == ["merged", "off"]
    assert "acts" in str(peft.report(model)).splitlines()[0]
    some = models.gpt2_tiny(0, vocab=11)
    adapter = peft.attach(some, peft.LoRA(2), r"attn\.q")
    next(iter(adapter.deltas.values())).enabled = False
    assert adapter.state == "partly on" and peft.active(some) == ["default"]


def test_an_adapter_that_was_off_stays_out_of_a_merge_and_cannot_join_it():
    model, x = two()
    peft.switch(model, "a")
    want = run(model, x)
    peft.merge(model)
    with pytest.raises(
        ValueError, match=r"enable\(True\) of adapter 'b': the model is merged"
    ):
        peft.attached(model)["b"].enable()
    with pytest.raises(
        ValueError, match=r"switch\('b'\): the model is merged with 'a'"
    ):
        peft.switch(model, "b")
    peft.detach(peft.attached(model)["b"])  # it is not in the weights
    np.testing.assert_allclose(run(model, x), want, rtol=1e-12)
    peft.unmerge(model)
    np.testing.assert_array_equal(run(model, x), want)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: peft.attach(m, peft.LoRA(1), "fc", "c"),
        lambda m: peft.detach(peft.attached(m)["a"]),
        lambda m: peft.merge(m),
        lambda m: peft.unmerge(m),
        lambda m: peft.bake(m),
        lambda m: peft.switch(m, "a"),
        lambda m: peft.attached(m)["a"].enable(True),
    ],
)
@pytest.mark.parametrize("merged", [False, True])
def test_nothing_changes_inside_disabled(change, merged):
    model, x = two(merged)
    before = run(model, x)
    with (
        peft.disabled(model),
        pytest.raises(ValueError, match=r"not inside peft.disabled"),
    ):
        change(model)
    np.testing.assert_array_equal(run(model, x), before)


def test_nothing_changes_inside_rows():
    model, _ = two()
    with (
        peft.rows(model, ["a", None]),
        pytest.raises(ValueError, match=r"inside peft\.rows"),
    ):
        peft.detach(peft.attached(model)["a"])
    assert len(model.fc._deltas) == 2


def test_rows_of_the_base_are_refused_while_merged():
    model, x = two(merged=True)
    with (
        pytest.raises(ValueError, match="the model is merged"),
        peft.rows(model, [None] * 2),
    ):
        run(model, x)


def test_an_error_inside_disabled_puts_all_back():
    model, x = two(merged=True)
    before = run(model, x)
    with pytest.raises(KeyError), peft.disabled(model):
        raise KeyError("x")
    np.testing.assert_array_equal(run(model, x), before)
    peft.unmerge(model)


def test_a_base_that_is_loaded_inside_disabled_is_not_lost():
    """The change is to the base, so the merged weights do not belong to it any more."""
    model, _ = two(merged=True)
    with peft.disabled(model):
        state = {k: v.numpy() + 1 for k, v in model.state_dict().items()}
        model.load_state_dict(state)
    with pytest.raises(ValueError, match="was changed or moved after merge"):
        peft.unmerge(model)


def test_bake_gives_a_plain_model_that_trains_again():
    model, x = two()
    model.fc.parameter("bias").requires_grad_(False)
    plain = nn.Sequential({"fc": nn.Linear(4, 3, dtype="float64")})
    live, names = run(model, x), list(model.state_dict())
    assert peft.bake(model) is model and not peft.attached(model)
    plain.load_state_dict(model.state_dict())
    np.testing.assert_allclose(run(plain, x), live, rtol=1e-12)
    assert list(model.state_dict()) == names and model.fc.weight.requires_grad
    with pytest.raises(ValueError, match="bake: no adapter"):
        peft.bake(model)
    with pytest.raises(ValueError, match="not merged"):
        peft.unmerge(model)


def test_bake_of_a_merged_model_and_of_one_that_is_off():
    model, x = two(merged=True)
    merged = run(model, x)
    np.testing.assert_array_equal(run(peft.bake(model), x), merged)
    model, x = two()
    peft.switch(model)
    with pytest.raises(ValueError, match="no active adapter"):
        peft.bake(model)


def test_training_while_merged_is_told():
    model, x = two(merged=True)
    with pytest.raises(RuntimeError, match="adapters merged"):
        model(x).sum().backward()


def test_an_adapter_that_a_fusion_mixes_stays():
    model = models.gpt2_tiny(0, vocab=11, dim=12, heads=3)
    part = peft.attach(model, peft.pfeiffer(3), name="part")
    fusion = peft.attach(model, peft.Fusion(("part",)), name="fusion")
    with pytest.raises(ValueError, match="'fusion' mixes 'part'; detach that first"):
        peft.detach(part)
    peft.detach(fusion), peft.detach(part)


def test_a_copy_and_a_pickle_of_an_adapted_model_stand_alone():
    model, x = two()
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(run(again, x), run(model, x))
        assert peft.attached(again)["a"].model is again
        peft.switch(again, None)
        assert peft.active(model) == ["a", "b"]


def test_blocks_inside_each_other():
    model, x = two()
    live = run(model, x)
    with peft.disabled(model):
        base = run(model, x)
        with peft.rows(model, ["a", None]):
            assert not np.allclose(run(model, x)[0], base[0])
            with peft.disabled(model):
                np.testing.assert_array_equal(run(model, x), base)
    np.testing.assert_array_equal(run(model, x), live)


def test_a_part_of_a_model_that_is_merged():
    model = models.gpt2_tiny(0, "float64", vocab=11).eval()
    ids = np.arange(6).reshape(2, 3)
    base = run(model, ids)
    adapter = peft.attach(model, peft.LoRA(2), r"attn\.q", rng=0)
    for p in adapter.parameters():
        p.data = p.data + 0.3
    peft.merge(model.blocks[0])
    with pytest.raises(ValueError, match="the model is merged"):
        adapter.enable(False)
    for part in (model, model.blocks):
        with peft.disabled(part):
            np.testing.assert_array_equal(run(model, ids), base)


@pytest.mark.parametrize(
    "method", [peft.LoRA(2, dropout=0.5), peft.VeRA(2, dropout=0.5)]
)
def test_dropout_that_the_closed_form_would_lose_is_refused(method):
    model = nn.Sequential({"fc": nn.Linear(4, 3, rng=0)})
    peft.attach(model, method, "fc", "first", rng=0)
    closed = peft.attach(model, peft.IA3(feedforward="fc"), "fc", "closed", rng=0)
    x = np.ones((2, 4), "f4")
    with pytest.raises(ValueError, match=r"dropout of 0\.5 acts on the input of the"):
        run(model, x)
    assert run(model.eval(), x).shape == (2, 3)  # nothing is dropped here
    closed.enable(False)
    assert run(model.train(), x).shape == (2, 3)  # and here it acts


def test_a_state_that_does_not_fit_changes_nothing_of_an_adapter():
    model, _ = two()
    adapter = peft.attached(model)["a"]
    before = {k: v.numpy().copy() for k, v in adapter.state_dict().items()}
    good = {k: v + 1 for k, v in before.items()}
    last = list(good)[-1]
    bad = [good | {last: np.ones((5, 7))}, good | {"x": np.ones(1)}, {last: good[last]}]
    for state, error in zip(bad, (ValueError, KeyError, KeyError)):
        with pytest.raises(error, match="adapter 'a'"):
            adapter.load_state_dict(state)
        now = adapter.state_dict()
        assert all((now[k].numpy() == v).all() for k, v in before.items())
    adapter.load_state_dict(good)
    assert all((adapter.state_dict()[k].numpy() == v).all() for k, v in good.items())
