"""Make shakespeare.txt, bible.txt, kjv.txt.xz and pydoc.txt, once, from public sources.

    python -m tinyft.data.make_texts PLAY VERSES [FOLDER]

PLAY    asyoulik.txt of the Canterbury corpus (Arnold and Bell 1997): the whole of "As
        You Like It"; Debian's source package `snappy` carries it as test data.
VERSES  what Debian's `bible-kjv` prints, one verse per line: bible -f gen1:1-rev22:21;
        bible.txt has four of its books, kjv.txt.xz all of them
pydoc.txt is taken from the running Python (`pydoc_data.topics`; 3.11.7 made the copy in
this folder). Licences: LICENCES.md beside this file.
"""

import lzma
import re
import sys
from pathlib import Path

BOOKS = dict(
    pair.split("=")
    for pair in """Ge=Genesis Exo=Exodus Lev=Leviticus Num=Numbers Deu=Deuteronomy
    Josh=Joshua Jdgs=Judges Ruth=Ruth 1Sm=1_Samuel 2Sm=2_Samuel 1Ki=1_Kings 2Ki=2_Kings
    1Chr=1_Chronicles 2Chr=2_Chronicles Ezra=Ezra Neh=Nehemiah Est=Esther Job=Job
    Psa=Psalms Prv=Proverbs Eccl=Ecclesiastes SSol=Song_of_Solomon Isa=Isaiah
    Jer=Jeremiah Lam=Lamentations Eze=Ezekiel Dan=Daniel Hos=Hosea Joel=Joel Amos=Amos
    Obad=Obadiah Jonah=Jonah Mic=Micah Nahum=Nahum Hab=Habakkuk Zep=Zephaniah Hag=Haggai
    Zec=Zechariah Mal=Malachi Mat=Matthew Mark=Mark Luke=Luke John=John Acts=Acts
    Rom=Romans 1Cor=1_Corinthians 2Cor=2_Corinthians Gal=Galatians Eph=Ephesians
    Phi=Philippians Col=Colossians 1Th=1_Thessalonians 2Th=2_Thessalonians
    1Tim=1_Timothy 2Tim=2_Timothy Titus=Titus Phmn=Philemon Heb=Hebrews Jas=James
    1Pet=1_Peter 2Pet=2_Peter 1Jn=1_John 2Jn=2_John 3Jn=3_John Jude=Jude
    Rev=Revelation""".split()
)
FOUR = ("Ge", "Ruth", "Prv", "Eccl")  # the books of bible.txt


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


def verses(raw, books=FOUR):
    """Turn `Ge1:1 In the ...` lines into chapters: a heading, then one verse per line.

    books: the abbreviations of those to keep.
    """
    lines, last = [], None
    for line in filter(None, raw.splitlines()):
        found = re.match(r"([0-9]?[A-Za-z]+)(\d+):\d+ (.*)", line)
        if found is None:
            raise ValueError(f"make_texts: '{line}' does not read as 'Ge1:1 words'.")
        book, chapter, words = found.groups()
        if book not in books:
            continue
        if (book, chapter) != last:
            lines += ["", f"{BOOKS[book].replace('_', ' ')} {chapter}", ""]
            last = (book, chapter)
        lines.append(words)
    return tidy(lines)


def topics():
    """Return Python's help topics in the order of their names."""
    from pydoc_data.topics import topics as texts

    return tidy("\n\n".join(texts[name] for name in sorted(texts)).split("\n"))


def main(play_path, verses_path, folder=Path(__file__).parent):
    """Write the four texts into `folder` as UTF-8 with Unix line ends."""
    raw = Path(verses_path).read_text("utf-8")
    texts = {
        "shakespeare.txt": play(Path(play_path).read_text("utf-8")),
        "bible.txt": verses(raw),
        "kjv.txt.xz": verses(raw, BOOKS),
        "pydoc.txt": topics(),
    }
    for name, text in texts.items():
        content = text.encode("utf-8")
        packed = lzma.compress(content, preset=9) if name.endswith(".xz") else content
        (Path(folder) / name).write_bytes(packed)


if __name__ == "__main__":
    main(*sys.argv[1:])
