"""One file to grade: its bytes, the path it is shown under, and whose data it gets."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Candidate:
    """One file to grade: its name in reports, its bytes, and whose seed it gets."""

    name: str
    path: Path
    data: bytes
    student: str = ""
    label: str = ""
    forbidden: tuple = ()

    @property
    def seed(self):
        """An integer from the student's ID and the task: same data every time."""
        text = f"{self.student}:{self.label}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:6], "big")


def encode(candidate):
    """A candidate as JSON data."""
    data = base64.b64encode(candidate.data).decode()
    return vars(candidate) | {"path": str(candidate.path), "data": data}


def decode(data):
    """The candidate of `encode`."""
    fields = dict(data, path=Path(data["path"]), data=base64.b64decode(data["data"]))
    return Candidate(**fields | {"forbidden": tuple(fields["forbidden"])})
