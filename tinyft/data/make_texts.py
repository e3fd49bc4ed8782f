"""Make shakespeare.txt, bible.txt and pydoc.txt, once, from three public sources.

    python -m tinyft.data.make_texts PLAY VERSES [FOLDER]

PLAY    asyoulik.txt of the Canterbury corpus (Arnold and Bell 1997): the whole of "As
        You Like It"; Debian's source package `snappy` carries it as test data.
VERSES  what Debian's `bible-kjv` prints, one verse a line, for
        bible -f gen1:1-50:26 ruth1:1-4:22 prov1:1-31:31 eccl1:1-12:14
pydoc.txt is taken from the running Python (`pydoc_data.topics`; 3.11.7 made the copy in
this folder). Licences: LICENCES.md beside this file.
"""

import re
import sys
from pathlib import Path

BOOKS = {"Ge": "Genesis", "Ruth": "Ruth", "Prv": "Proverbs", "Eccl": "Ecclesiastes"}


def tidy(lines):
    """Join lines, without trailing blanks and with one empty line at most in a row."""
    text = "\n".join(line.rstrip() for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def play(raw):
    """Put the speaker (before the first tab) on a line of its own, lose other tabs."""
    body = raw[raw.index("ACT I") :]
    lines = []
    for line in body.split("\n"):
        head, _, tail = line.partition("\t")
        scene = head.startswith(("SCENE", "ACT"))
        lines += [f"{head} {tail}"] if scene or not head else ["", head, tail]
    return tidy(["AS YOU LIKE IT", ""] + [" ".join(line.split()) for line in lines])


def verses(raw):
    """Turn `Ge1:1 In the ...` lines into chapters: a heading, then one verse a line."""
    lines, last = [], None
    for line in filter(None, raw.splitlines()):
        found = re.match(r"([0-9]?[A-Za-z]+)(\d+):\d+ (.*)", line)
        if found is None:
            raise ValueError(f"make_texts: '{line}' does not read as 'Ge1:1 words'.")
        book, chapter, words = found.groups()
        if (book, chapter) != last:
            lines += ["", f"{BOOKS[book]} {chapter}", ""]
            last = (book, chapter)
        lines.append(words)
    return tidy(lines)


def topics():
    """Return Python's help topics in the order of their names."""
    from pydoc_data.topics import topics as texts

    return tidy("\n\n".join(texts[name] for name in sorted(texts)).split("\n"))


def main(play_path, verses_path, folder=Path(__file__).parent):
    """Write the three texts into `folder` as UTF-8 with Unix line ends."""
    texts = {
        "shakespeare.txt": play(Path(play_path).read_text("utf-8")),
        "bible.txt": verses(Path(verses_path).read_text("utf-8")),
        "pydoc.txt": topics(),
    }
    for name, text in texts.items():
        (Path(folder) / name).write_bytes(text.encode("utf-8"))


if __name__ == "__main__":
    main(*sys.argv[1:])
