"""One file to grade: its bytes, the path it is shown under, and whose data it gets."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path


class AnswerError(Exception):
    """Something in the learner's file stands in the way; says what to change."""

    def __str__(self):
        return str(self.args[0]) if self.args else ""


@dataclass(frozen=True)
class Candidate:
    """One file to grade: its name in reports, its bytes, and whose seed it gets."""

    name: str
    path: Path
    data: bytes
    student: str = ""
    label: str = ""
    secret: bytes = b""

    @property
    def seed(self):
        """An integer from the student's ID and the task: same data every time.

        With a secret (graded work) nobody knows it who does not have the secret.
        """
        text = f"{self.student}:{self.label}".encode("utf-8", "surrogateescape")
        keyed = hmac.digest(self.secret, text, "sha256") if self.secret else None
        return int.from_bytes((keyed or hashlib.sha256(text).digest())[:6], "big")

    def text(self):
        """The file's text; AnswerError when it has none."""
        return read(self.data, self.path.name)[0]


def read(data, name):
    """(text, note) of a file's bytes; the note tells of a byte-order mark or CRLF."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise AnswerError(f"{name} is saved as UTF-16: save it as UTF-8 (without BOM).")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise AnswerError(
            f"{name}, line {line} holds a byte that is not UTF-8: save it as UTF-8."
        ) from None
    if "\0" in text:
        raise AnswerError(f"{name} holds null bytes, it is not a text: save it again.")
    if not text.strip():
        raise AnswerError(f"{name} is empty: tinyft reset puts the stub back.")
    notes = ["a byte-order mark"] if data.startswith(b"\xef\xbb\xbf") else []
    notes += ["Windows line ends"] if b"\r\n" in data else []
    note = (
        f"{name} has {' and '.join(notes)}: graded all the same; save it as UTF-8, LF."
    )
    return text.replace("\r\n", "\n"), note if notes else ""


def encode(candidate):
    """A candidate as JSON data."""
    fields = {key: getattr(candidate, key) for key in ("name", "student", "label")}
    held = {"data": candidate.data, "secret": candidate.secret}
    held = {key: base64.b64encode(value).decode() for key, value in held.items()}
    return fields | held | {"path": str(candidate.path)}


def decode(data):
    """The candidate of `encode`."""
    held = {key: base64.b64decode(data[key]) for key in ("data", "secret")}
    return Candidate(**data | held | {"path": Path(data["path"])})
