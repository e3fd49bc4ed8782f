"""Patterns: where the text and the gap stand, what is refused, and that nothing is lost."""

import pytest

from tinyft import data, objectives

TEXT = "And God said, Let there be light: and there was light. He was great and good."
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@pytest.fixture(scope="module")
def tokenizer():
    return data.BPETokenizer.train(TEXT * 3, 330, SPECIALS)


def test_a_prompt_is_the_template_with_its_places_filled(tokenizer):
    pattern = objectives.Pattern("[CLS]So: {text}\n{mask} it is[SEP]", tokenizer)
    ids, mask, at = pattern.encode(["And God said"])
    want = "[CLS]So: And God said\n[MASK] it is[SEP]"
    assert tokenizer.decode(ids.numpy()[0]) == want
    assert ids.numpy()[0].tolist() == tokenizer.encode(want, special=True).tolist()
    assert mask.numpy().all() and ids.numpy()[0, at.numpy()[0, 0]] == tokenizer.mask_id


def test_rows_are_padded_and_every_gap_is_found(tokenizer):
    pattern = objectives.Pattern("{mask}{text}{mask}"[6:], tokenizer)
    ids, mask, at = pattern.encode(["light", "And God said, Let there"], masks=2)
    for row, real, gaps in zip(ids.numpy(), mask.numpy(), at.numpy()):
        assert (row[~real] == tokenizer.pad_id).all() and real[gaps].all()
        assert gaps[1] == gaps[0] + 1 and (row[gaps] == tokenizer.mask_id).all()
        assert (row == tokenizer.mask_id).sum() == 2
    assert not mask.numpy()[0].all()


def test_a_text_cannot_smuggle_in_a_gap(tokenizer):
    pattern = objectives.Pattern("{text}{mask}", tokenizer)
    ids, _, at = pattern.encode(["[MASK] {mask} [PAD]"])
    assert (ids.numpy() == tokenizer.mask_id).sum() == 1 and at.shape == (1, 1)
    assert tokenizer.decode(ids.numpy()[0]) == "[MASK] {mask} [PAD][MASK]"


@pytest.mark.parametrize("template", ["{text}\n{mask}[SEP]", "[CLS]{mask} so: {text}"])
@pytest.mark.parametrize("length", [9, 12, 20])
def test_what_is_too_long_loses_the_end_of_the_text_and_not_the_gap(
    tokenizer, template, length
):
    pattern = objectives.Pattern(template, tokenizer, length)
    long = TEXT + " ünicode, naïve" * 30
    ids = pattern.encode([long]).ids.numpy()[0]
    before, after = template.replace("{mask}", "[MASK]").split("{text}")
    shown = tokenizer.decode(ids)
    assert shown.startswith(before) and shown.endswith(after)
    kept = shown[len(before) : len(shown) - len(after)]
    assert long.startswith(kept) and len(ids) <= length
    more = template.replace("{mask}", "[MASK]").replace("{text}", long[: len(kept) + 9])
    assert (
        len(tokenizer.encode(more, special=True)) > length - 1
    )  # and no more than that


@pytest.mark.parametrize(
    "template, words",
    [
        ("{text}", r"no place for the answer; write \{mask\} once"),
        ("{mask}", r"no place for the text; write \{text\} once"),
        ("{text}{mask} or {mask}", "2 places for the answer"),
        ("{text} {text}{mask}", "2 places for the text"),
        ("{txt}{mask}", r"did you mean \{text\}"),
        ("{text}{masks}", r"did you mean \{mask\}"),
        ("{text}[MASK]{mask}", "spells the special token"),
        (None, "a template is a str"),
    ],
)
def test_a_template_without_its_places_is_refused(tokenizer, template, words):
    with pytest.raises(ValueError, match=words):
        objectives.Pattern(template, tokenizer)


def test_texts_that_say_nothing_are_refused(tokenizer):
    pattern = objectives.Pattern("{text}{mask}", tokenizer, 6)
    for texts, words in (
        ([], "list of one str or more"),
        ("And", "list of one str or more"),
        (["And", " \n"], "nothing to classify"),
        ([3], "nothing to classify"),
    ):
        with pytest.raises(ValueError, match=words):
            pattern.encode(texts)
    with pytest.raises(ValueError, match="masks=0"):
        pattern.encode(["And"], masks=0)
    with pytest.raises(ValueError, match="alone is longer than length=3"):
        objectives.Pattern("{text} it was so{mask}", tokenizer, 3).encode(["And"])


def test_a_word_is_refused_where_the_space_before_it_belongs_to_it(tokenizer):
    spaced = objectives.Pattern("{text} He was {mask}.", tokenizer)
    with pytest.raises(ValueError, match="space into the word"):
        spaced.check_words(["great"])
    objectives.Pattern("{text} He was{mask}.", tokenizer).check_words([" great"])
    objectives.Pattern("{text}\n{mask}", tokenizer).check_words(["And"])


def test_show_gives_the_tokens(tokenizer):
    pattern = objectives.Pattern("[CLS]{text}{mask}", tokenizer)
    shown = pattern.show("God said", masks=2)
    assert shown[0] == "[CLS]" and shown[-2:] == ["[MASK]"] * 2
    assert "".join(shown[1:-2]) == "God said"
