"""Every wrong use of an adapter is one sentence that says what to do."""

import numpy as np
import pytest

from tinyft import models, nn, peft
from tinyft.nn.select import refuse_tied


@pytest.fixture
def model():
    return models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=9)


def two_layers():
    return nn.Sequential({"one": nn.Linear(4, 3, rng=0), "two": nn.Linear(3, 2, rng=0)})


@pytest.mark.parametrize(
    "options, words",
    [
        ({"r": 0}, "positive integer, got 0"),
        ({"r": -2}, "positive integer, got -2"),
        ({"r": 2.5}, "positive integer, got 2.5"),
        ({"alpha": 0}, "alpha must be positive"),
        ({"alpha": -1}, "alpha must be positive"),
        ({"r": True}, "positive integer, got True"),
        ({"alpha": float("inf")}, "alpha must be positive, got inf; give a finite"),
        ({"alpha": "16"}, "alpha must be positive, got '16'"),
        ({"alpha": 1e308}, r"alpha = 1e\+308 is too large for a float32"),
        ({"alpha": 10**400}, "is too large for a float32"),
        ({"dropout": "0.1"}, r"dropout must be in \[0, 1\), got '0.1'"),
        ({"dropout": float("nan")}, r"dropout must be in \[0, 1\), got nan"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"dropout": -0.1}, r"dropout must be in \[0, 1\)"),
    ],
)
def test_options(options, words):
    with pytest.raises(ValueError, match=words):
        peft.LoRA(**options)


def test_rank_above_the_matrix():
    with pytest.raises(ValueError, match=r"'one': rank 4 is above .* 3×4 .* at most 3"):
        peft.attach(two_layers(), peft.LoRA(r=4), "one")


def test_pattern_that_matches_nothing_lists_near_misses(model):
    with pytest.raises(ValueError, match=r"matches no module; nearest.*attn\.q"):
        peft.attach(model, peft.LoRA(r=2), r"attention\.q")


def test_pattern_that_names_a_container_lists_its_children(model):
    with pytest.raises(ValueError, match=r"MultiHeadAttention.*cannot sit.*q, k, v, o"):
        peft.attach(model, peft.LoRA(r=2), "attn")


def test_broken_pattern(model):
    with pytest.raises(ValueError, match="not a regular expression"):
        peft.attach(model, peft.LoRA(r=2), "attn.(q")


def test_tied_weight_names_both(model):
    with pytest.raises(ValueError, match=r"embed.weight and head.weight"):
        peft.attach(model, peft.LoRA(r=2), "embed")


def test_same_name_twice(model):
    peft.attach(model, peft.LoRA(r=2), r"attn\.q")
    with pytest.raises(ValueError, match="'default' is already there"):
        peft.attach(model, peft.LoRA(r=2), r"attn\.v")


def test_not_a_method(model):
    with pytest.raises(TypeError, match=r"expected a method such as peft.LoRA"):
        peft.attach(model, "lora", "q")


def test_a_failed_attach_changes_nothing(model):
    with pytest.raises(ValueError):
        peft.attach(model, peft.LoRA(r=2), "nothing_like_it")
    assert all(p.requires_grad for p in model.parameters())
    assert not peft.attached(model)


def test_merge_refuses_nan_and_changes_nothing():
    model = two_layers()
    adapter = peft.attach(model, peft.LoRA(r=2), "one|two", rng=1)
    before = [p.numpy().copy() for p in model.parameters()]
    adapter.deltas["two"].B.data = adapter.deltas["two"].B.data + np.nan
    with pytest.raises(ValueError, match=r"two.weight holds NaN.*nothing was merged"):
        peft.merge(model)
    peft.detach(adapter)
    peft.attach(model, peft.LoRA(r=2), "one", rng=1)
    model.one.parameter("weight").data = before[0] * np.nan
    with pytest.raises(ValueError, match=r"base's one.weight holds NaN.*nothing was"):
        peft.merge(model)
    model.one.parameter("weight").data = before[0]
    for p, was in zip(model.parameters(), before):
        np.testing.assert_array_equal(p.numpy(), was)


def test_merge_twice_unmerge_twice_and_detach_while_merged():
    model = two_layers()
    with pytest.raises(ValueError, match="no active adapter"):
        peft.merge(model)
    with pytest.raises(ValueError, match="not merged"):
        peft.unmerge(model)
    adapter = peft.attach(model, peft.LoRA(r=2), "one", rng=1)
    peft.merge(model)
    with pytest.raises(ValueError, match="merged already"):
        peft.merge(model)
    with pytest.raises(ValueError, match="is merged; call unmerge"):
        peft.detach(adapter)
    with pytest.raises(ValueError, match="another adapter is merged"):
        peft.attach(model, peft.LoRA(r=2), "two", "second")
    peft.unmerge(model)
    peft.detach(adapter)
    with pytest.raises(ValueError, match="not attached any more"):
        peft.detach(adapter)


def test_unmerge_after_training_the_merged_weight():
    model = two_layers()
    peft.attach(model, peft.LoRA(r=2), "one", rng=1)
    peft.merge(model)
    model.one.weight.data = model.one.weight.data + 1
    with pytest.raises(ValueError, match="was changed or moved after merge"):
        peft.unmerge(model)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: peft.LoRA(r=8, lora_alpha=16), "no option 'lora_alpha'; use alpha"),
        (lambda: peft.LoRA(rank=8), "no option 'rank'; use r"),
        (lambda: peft.DoRA(use_dora=True), "'use_dora'; use the method peft.DoRA"),
        (lambda: peft.LoRA(alfa=8), r"'alfa'; use alpha\. The options: r, alpha, "),
        (lambda: peft.VeRA(alpha=8), r"no option 'alpha'\. The options: r, d_initial"),
        (lambda: peft.Prefix(num_virtual_tokens=3), "use length"),
        (lambda: peft.IA3(1, 2), "takes at most 1 options .feedforward., got 2"),
        (
            lambda: peft.attach(two_layers(), peft.LoRA(1), target_modules=["one"]),
            "attach has no option 'target_modules'; use target",
        ),
        (
            lambda: peft.attach(
                two_layers(), peft.LoRA(1), "one", modules_to_save=["two"]
            ),
            "use also, an argument of attach",
        ),
    ],
)
def test_other_spellings_are_answered_with_ours(call, words):
    with pytest.raises(TypeError, match=words):
        call()


# --- further methods and options ---------------------------------------------------


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: peft.DoRA(r=0), "DoRA: the rank r must be a positive integer"),
        (lambda: peft.PiSSA(alpha=0), "PiSSA: alpha must be positive"),
        (lambda: peft.VeRA(r=0), "r must be a positive integer"),
        (lambda: peft.VeRA(dropout=1), r"dropout must be in \[0, 1\)"),
        (
            lambda: peft.LoRA(bias="some"),
            "bias must be one of 'none', 'lora_only', 'all'",
        ),
        (lambda: peft.LoRA(alpha=float("nan")), "alpha must be positive, got nan"),
    ],
)
def test_options_of_the_others(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_lora_bias_where_there_is_none():
    model = nn.Sequential({"fc": nn.Linear(4, 3, bias=False)})
    with pytest.raises(ValueError, match=r"LoRA\(lora_bias=True\): 'fc' has no bias"):
        peft.attach(model, peft.LoRA(2, lora_bias=True), "fc")


def test_no_target():
    with pytest.raises(TypeError, match=r"which modules.*pass target"):
        peft.attach(two_layers(), peft.LoRA(2))


def test_patterns_of_a_method_without_a_rank():
    with pytest.raises(ValueError, match=r"BitFit.*no r, so rank_pattern"):
        peft.attach(two_layers(), peft.BitFit(), rank_pattern={"one": 2})
    with pytest.raises(ValueError, match=r"VeRA.*no alpha"):
        peft.attach(two_layers(), peft.VeRA(2), "one", alpha_pattern={"one": 2})


def test_layers_and_exclusions_that_leave_nothing(model):
    for options in ({"exclude": "q"}, {"also": r"attn\.q"}, {"layers": []}):
        with pytest.raises(
            ValueError, match="cannot sit, or which other options exclude"
        ):
            peft.attach(model, peft.LoRA(2), r"attn\.q", **options)
    with pytest.raises(ValueError, match=r"exclude '\(' is not a regular expression"):
        peft.attach(model, peft.LoRA(2), r"attn\.q", exclude="(")


@pytest.mark.parametrize(
    "target, options, words",
    [
        (["attn.q", "atn.v"], {}, r"target \['atn.v'\] matches no module.*attn\.v"),
        (r"attn\.q", {"exclude": ["atn.q"]}, r"exclude \['atn.q'\].*nearest.*attn\.q"),
        (r"attn\.q", {"also": ["norm", "nrm1"]}, r"also \['nrm1'\].*nearest.*norm1"),
        (r"attn\.q", {"layers": [0, 7]}, r"layers \[7\].*numbers.*are \[0, 1\]"),
        (
            r"attn\.q",
            {"rank_pattern": {"attn.w": 1}},
            r"'attn.w' matches none.*attn\.q",
        ),
        (r"attn\.q", {"alpha_pattern": {"(": 1}}, r"'\(' is not a regular expression"),
        (r"attn\.q", {"name": ""}, "an adapter's name is a string, got ''"),
    ],
)
def test_each_name_names_something(model, target, options, words):
    with pytest.raises(ValueError, match=words):
        peft.attach(model, peft.LoRA(2), target, **options)
    assert not peft.attached(model)


@pytest.mark.parametrize(
    "target, options, words",
    [
        (5, {}, "target: expected a pattern or a list of names, got 5"),
        (["q", 5], {}, "target: expected a pattern or a list of names"),
        ("q", {"exclude": 5}, "exclude: expected a pattern"),
        ("q", {"also": [5]}, "also: expected a pattern"),
        ("q", {"layers": "0"}, "layers: expected a number or a list of them, got '0'"),
        ("q", {"rank_pattern": [("q", 2)]}, "rank_pattern is a dict"),
        ("q", {"rng": "x"}, "rng must be a numpy.random.Generator or an integer seed"),
    ],
)
def test_options_of_another_type(model, target, options, words):
    with pytest.raises(TypeError, match=words):
        peft.attach(model, peft.LoRA(2), target, **options)
    assert not peft.attached(model)


def test_no_model_and_no_name(model):
    for call in (peft.attached, peft.report, peft.merge, peft.unmerge):
        with pytest.raises(TypeError, match=r"expected a model.*got a str"):
            call("model")
    with pytest.raises(TypeError, match=r"expected a model.*got a str"):
        peft.attach("model", peft.LoRA(2), "q")
    with pytest.raises(TypeError, match=r"an adapter's name, a string, got \['a'\]"):
        peft.switch(model, ["a"])
    with pytest.raises(ValueError, match=r"peft.save\(names='t5'\): expected one of"):
        peft.attach(model, peft.LoRA(2), r"attn\.q")
        peft.save(model, "never_written", names="t5")


@pytest.mark.parametrize(
    "feedforward, words",
    [
        ("dwon", "'dwon' matches no module; nearest names: .*down"),
        (["down", "dwon"], r"\['dwon'\] matches no module"),
        ("(", "not a regular expression"),
    ],
)
def test_feedforward_sites_that_are_none(model, feedforward, words):
    with pytest.raises(ValueError, match=words):
        peft.attach(model, peft.IA3(feedforward), "up|down")


@pytest.mark.parametrize(
    "weights, options, words",
    [
        ([1], {}, "1 weights for 2 adapters"),
        (0.5, {}, "1 weights for 2 adapters"),
        (["a", "b"], {}, "weights are finite numbers, got"),
        ([1, float("nan")], {}, "weights are finite numbers, got"),
        (None, {"how": "mean"}, "how is 'cat' or 'svd', got 'mean'"),
        (None, {"rank": 2}, "rank is of how='svd'"),
        (None, {"how": "svd", "rank": 0}, "rank must be a positive integer, got 0"),
        (None, {"name": "a"}, "'a' is already there"),
    ],
)
def test_combinations_that_are_none(weights, options, words):
    model = two_layers()
    parts = [peft.attach(model, peft.LoRA(1), "one", name) for name in "ab"]
    with pytest.raises(ValueError, match=words):
        peft.combine(parts, weights, **options)
    assert list(peft.attached(model)) == ["a", "b"]


def test_numpy_numbers_promote_nothing_and_are_saved(tmp_path):
    model = two_layers()
    alpha = np.float64(5)
    parts = [peft.attach(model, peft.LoRA(1, alpha), "one", name) for name in "ab"]
    for how in ("cat", "svd"):
        made = peft.combine(parts, np.array([0.7, 0.3]), how=how, name=how)
        assert {str(p.dtype) for p in made.parameters()} == {"float32"}
    assert model(np.ones((2, 4), "float32")).dtype == "float32"
    peft.save(model, tmp_path / "a", "a")


def test_combinations_of_what_is_no_adapter():
    for adapters in ([], ["a", "b"], None):
        with pytest.raises(
            ValueError, match="list of adapters of one model, as attach"
        ):
            peft.combine(adapters)


def test_also_that_names_nothing_or_a_tied_weight(model):
    with pytest.raises(
        ValueError, match=r"also 'haed' matches no module; nearest.*head"
    ):
        peft.attach(model, peft.LoRA(2), r"attn\.q", also="haed")
    with pytest.raises(ValueError, match=r"embed.weight and head.weight"):
        peft.attach(model, peft.LoRA(2), r"attn\.q", also="head")
    assert all(p.requires_grad for p in model.parameters())


def test_merging_what_can_not(model):
    peft.attach(model, peft.pfeiffer(3))
    with pytest.raises(
        ValueError, match=r"Bottleneck at blocks\.0\.mlp.*cannot be merged"
    ):
        peft.merge(model)


def test_a_vera_file_without_its_matrices(tmp_path):
    import json

    model = two_layers()
    peft.attach(model, peft.VeRA(2), "one")
    folder = peft.save(model, tmp_path / "a")
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text()) | {"save_projection": False}
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match="save_projection=true"):
        peft.load(two_layers(), folder)


def test_a_fusion_file_without_its_adapters(tmp_path):
    def gpt2():
        return models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=9)

    model = gpt2()
    peft.attach(model, peft.pfeiffer(3), name="a")
    peft.attach(model, peft.Fusion(("a",)), name="fusion")
    folder = peft.save(model, tmp_path / "f", "fusion")
    with pytest.raises(
        ValueError, match=r"adapts blocks\.0\.mlp \(MLP\).*Fusion cannot"
    ):
        peft.load(gpt2(), folder)


def test_report_as_text_and_html():
    model = nn.Sequential(
        {"a<b": nn.Linear(4, 3, rng=0), "two": nn.Linear(3, 2, rng=0)}
    )
    peft.attach(model, peft.LoRA(2), ["a<b"], also="two")
    report = peft.report(model)
    base, lora, full = 4 * 3 + 3 + 3 * 2 + 2, 2 * (4 + 3), 3 * 2 + 2
    assert [row[1:] for row in report.rows] == [
        ("LoRA", "a<b", lora, 4 * lora, "on"),
        ("Full", "two", full, 4 * full, "on"),
    ]
    assert (report.trainable, report.total) == (lora + full, base + lora + full)
    text, page = str(report), report._repr_html_()
    share = f"{100 * (lora + full) / (base + lora + full):.2f} %"
    assert share in text and share in page and "default" in text.splitlines()[1]
    assert "<td>a&lt;b</td>" in page and "<td>a<b" not in page


def test_evaluating_leaves_deltas_in_the_mode_they_had(model):
    adapter = peft.attach(model, peft.LoRA(r=2, dropout=0.5), r"attn\.q", rng=1)
    model.train()
    with model.evaluating():
        assert not any(d.training for d in adapter.deltas.values())
    assert all(d.training for d in adapter.deltas.values())


def test_a_model_without_any_site_for_the_method_says_where_it_sits():
    with pytest.raises(
        ValueError, match=r"no module .* can hold it; BitFit sits on: any"
    ):
        peft.attach(models.llama_tiny(0, vocab=11), peft.BitFit())


def test_detach_given_the_model_says_what_it_takes(model):
    peft.attach(model, peft.LoRA(r=2), r"attn\.q")
    with pytest.raises(TypeError, match=r"takes the adapter .* not a Transformer"):
        peft.detach(model)


def test_every_tied_weight_is_refused_not_the_first_alone():
    model = nn.Sequential(*(nn.Linear(3, 3, rng=i) for i in range(4)))
    model[1].weight, model[3].weight = model[0].weight, model[2].weight
    for path in ("0", "2"):
        with pytest.raises(
            ValueError, match=rf"{path}\.weight is tied, one array under"
        ):
            peft.attach(model, peft.LoRA(r=1), [path])
    with pytest.raises(ValueError, match=r"2\.weight is tied"):
        refuse_tied("here", model, (name for name in ["0.bias", "2.weight"]))
