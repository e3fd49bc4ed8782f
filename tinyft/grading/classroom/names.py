"""Students' names of any bytes and length, as texts and as names of files."""

import hashlib

LONGEST = 120  # characters of a file's name that are kept
UNSAFE = set('<>:"/\\|?*')


def shown(name):
    """A name as a text of one line, each name another text; odd bytes are escaped."""
    return "".join(
        c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode()
        for c in name
    )


def file_name(name):
    """A name for a report's file: the student's own where that is safe and short."""
    text = shown(name)
    plain = "".join("_" if c in UNSAFE else c for c in text)[:LONGEST].strip(". ")
    if plain == name:
        return plain
    data = name.encode("utf-8", "surrogatepass")
    return f"{plain[: LONGEST - 20]}-{hashlib.sha256(data).hexdigest()[:12]}"
