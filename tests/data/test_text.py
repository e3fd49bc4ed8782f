"""The shipped texts, and what happens when a shipped file was changed."""

import lzma

import pytest

from tinyft import data
from tinyft.data import files, make_texts


def parts(domain):
    return [data.load_text(domain, split) for split in ("train", "valid", "test")]


@pytest.mark.parametrize("domain", ["shakespeare", "bible", "pydoc"])
def test_the_parts_are_the_whole_text(domain):
    whole = data.load_text(domain, "all")
    train, valid, test = parts(domain)
    assert train + valid + test == whole and train == data.load_text(domain)
    assert all(part.endswith("\n") for part in (train, valid)) and "\r" not in whole
    assert 0.89 < len(train) / len(whole) <= 0.9  # the cut is at most one line early
    assert 0.46 < len(valid) / len(valid + test) <= 0.5
    assert 100_000 < len(whole) < 500_000


def chapters(text):
    """{heading: verses} of a text of the Bible."""
    pieces = text.strip("\n").split("\n\n")
    return dict(zip(pieces[::2], pieces[1::2]))


def test_every_chapter_is_in_one_part():
    whole = chapters(data.load_text("kjv", "all"))
    assert (
        len(whole) == 1189 and sum(len(v.split("\n")) for v in whole.values()) == 31102
    )
    train, valid, test = map(chapters, parts("kjv"))
    assert train | valid | test == whole
    assert len(train) + len(valid) + len(test) == 1189
    assert len(valid) == 29 and len(test) == 43


def test_what_one_text_of_the_bible_holds_out_the_other_does_not_train_on():
    train = data.load_text("kjv", "train")
    for split in ("valid", "test"):
        held = [v for v in data.load_text("bible", split).split("\n") if len(v) > 40]
        assert len(held) > 80 and not any(verse in train for verse in held)


def test_texts_are_what_they_say():
    assert "All the world's a stage" in data.load_text("shakespeare", "all")
    assert data.load_text("bible").startswith(
        "Genesis 1\n\nIn the beginning God created the heaven and the earth.\n"
    )
    assert "assert_stmt ::=" in data.load_text("pydoc")


def test_licences_name_every_file():
    licences = (files.FOLDER / "LICENCES.md").read_text("utf-8")
    assert all(f"`{name}`" in licences for name in data.SHA256)


def test_unknown_names_are_sentences():
    with pytest.raises(data.DataError, match=r"'hamlet' is not shipped.*bible"):
        data.load_text("hamlet")
    with pytest.raises(data.DataError, match=r"split='dev' is not known.*valid"):
        data.load_text("bible", "dev")


def test_changed_or_missing_file(tmp_path):
    content = files.read("bible.txt")
    (tmp_path / "bible.txt").write_bytes(content.replace(b"\n", b"\r\n"))
    with pytest.raises(data.DataError, match=r"not the published one.*line-end"):
        files.read("bible.txt", tmp_path)
    with pytest.raises(data.DataError, match="is missing from this installation"):
        files.read("pydoc.txt", tmp_path)


def test_how_the_texts_were_made():
    raw = "\tTITLE\n\n\n\nACT I\n\nSCENE I\tA wood.\n\n\t[Exit]\n\nANN\tO sir,\n\tgo!\n"
    want = "AS YOU LIKE IT\n\nACT I\n\nSCENE I A wood.\n\n[Exit]\n\nANN\nO sir,\ngo!\n"
    assert make_texts.play(raw) == want
    raw = "Ge1:1 In the\nGe1:2 And\n\nRuth2:1 So\n"
    assert make_texts.verses(raw) == "Genesis 1\n\nIn the\nAnd\n\nRuth 2\n\nSo\n"
    with pytest.raises(ValueError, match="does not read as"):
        make_texts.verses("In the beginning\n")


def test_make_texts_writes_four_files(tmp_path):
    (tmp_path / "play").write_text("ACT I\n\nANN\tGo!\n", "utf-8")
    (tmp_path / "verses").write_text("Eccl1:2 Vanity\n1Sm2:3 Talk\n", "utf-8")
    make_texts.main(tmp_path / "play", tmp_path / "verses", tmp_path)
    read = {p.name: p.read_bytes().decode("utf-8") for p in tmp_path.glob("*.txt")}
    assert sorted(read) == ["bible.txt", "pydoc.txt", "shakespeare.txt"]
    assert read["bible.txt"] == "Ecclesiastes 1\n\nVanity\n"
    assert read["pydoc.txt"].startswith('The "assert" statement\n')
    packed = (tmp_path / "kjv.txt.xz").read_bytes()
    whole = "Ecclesiastes 1\n\nVanity\n\n1 Samuel 2\n\nTalk\n"
    assert lzma.decompress(packed).decode() == whole
