"""One language for names: what a pattern means, and the two mistakes that are errors."""

import pytest

from tinyft import models, nn, peft
from tinyft.nn.select import matches, near_misses, select
from tinyft.transfer import L2SP, freeze, layer_groups

PATHS = [
    "",
    "conv1",
    "bn1",
    "layer1",
    "layer1.0",
    "layer1.0.conv1",
    "layer1.1.conv1",
    "fc",
]


@pytest.mark.parametrize(
    "target, found",
    [
        ("fc", ["fc"]),
        ("^conv1", ["conv1"]),
        (r".+\.conv1", ["layer1.0.conv1", "layer1.1.conv1"]),
        (r".*\bconv1", ["conv1", "layer1.0.conv1", "layer1.1.conv1"]),
        (r"conv\d", ["conv1", "layer1.0.conv1", "layer1.1.conv1"]),
        (r"1\.conv1", ["layer1.1.conv1"]),
        (["1.conv1", "fc"], ["layer1.1.conv1", "fc"]),
        (r"0\.(conv1|conv2)", ["layer1.0.conv1"]),
        ("layer1", ["layer1"]),
    ],
)
def test_what_a_target_names(target, found):
    assert select("call", target, PATHS) == found


@pytest.mark.parametrize("target", ["conv1", "fc|conv1", "(conv1|fc)", ["conv1"]])
def test_a_plain_name_that_could_mean_one_or_several(target):
    with pytest.raises(ValueError) as error:
        select("call", target, PATHS)
    said = str(error.value)
    assert "call 'conv1' could mean conv1 alone, or also 2" in said
    for spelling in ('"^conv1"', r'r".+\.conv1"', r'r".*\bconv1"'):
        assert spelling in said


def test_each_spelling_of_the_error_works():
    assert [
        len(select("call", pattern, PATHS))
        for pattern in ("^conv1", r".+\.conv1", r".*\bconv1")
    ] == [1, 2, 3]


@pytest.mark.parametrize(
    "target, words",
    [
        ("con1", "'con1' matches no module; nearest names: conv1"),
        (["fc", "bm1"], r"\['bm1'\] matches no module; nearest names: bn1"),
        ("zzz", "nearest names: conv1, bn1, layer1"),
        ("(", r"'\(' is not a regular expression"),
        ([], r"\[\] matches no module"),
        ("", "'' matches no module"),
    ],
)
def test_a_part_that_names_nothing(target, words):
    with pytest.raises(ValueError, match=words):
        select("call", target, PATHS)


def test_a_list_is_of_endings_as_in_peft():
    assert matches("a.fc", ["fc"]) and not matches("a.xfc", ["fc"])
    assert not matches("a.fc", "f") and matches("a.fc", "f.")


def test_near_misses_are_what_to_write():
    assert near_misses(r"attn\.w", ["blocks.0.attn.q"])[0] == "attn.q"


# --- the same rule wherever a name is asked for --------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda m: freeze(m, "conv1"),
        lambda m: freeze(m, ["conv1"]),
        lambda m: freeze(m, r"bn1\.weight"),
        lambda m: layer_groups(m, ["conv1|bn1", ".*"]),
        lambda m: L2SP(m, 0.1, head="bn1"),
        lambda m: peft.attach(m, peft.LoRA(1), "conv1"),
        lambda m: peft.attach(m, peft.LoRA(1), ["conv1"]),
        lambda m: peft.attach(m, peft.LoRA(1), "fc", also="bn1"),
        lambda m: peft.attach(m, peft.LoRA(1), r"conv\d", exclude="conv1"),
        lambda m: peft.attach(m, peft.IA3("conv1"), r"conv\d"),
    ],
)
def test_no_call_takes_conv1_of_a_resnet_for_all_of_them(call):
    model = models.resnet_tiny(0, widths=(2, 2, 2))
    with pytest.raises(ValueError, match=r'could mean .* alone, or also.*Write "\^'):
        call(model)
    assert all(p.requires_grad for p in model.parameters())
    assert not peft.attached(model)


def test_the_stem_alone_and_all():
    model = models.resnet_tiny(0, widths=(2, 2, 2))
    assert freeze(model, "^conv1") == ["conv1.weight"]
    every = freeze(model, r".*\bconv1")
    assert len(every) == 4 and "layer3.0.conv1.weight" in every


def test_what_other_options_exclude_is_not_ambiguous():
    model = nn.Sequential(
        {"fc": nn.Linear(2, 2), "inner": nn.Sequential({"fc": nn.Linear(2, 2)})}
    )
    adapter = peft.attach(model, peft.LoRA(1), ["fc"], exclude=r"inner\.fc")
    assert list(adapter.deltas) == ["fc"]
