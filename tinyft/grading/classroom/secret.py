"""The secret of the seeds: without it nobody can know a student's data beforehand.

    seed = HMAC-SHA256(secret, "student:task")

The checks are public, so a table of constants would have full marks on a known seed.
`tinyft release` makes the secret; the instructor keeps it.
"""

import os
import secrets
from pathlib import Path

from tinyft.grading.exercise import GradingError

BYTES = 32


def path_beside(target):
    """Where the secret of a release lies: beside it, never in it."""
    target = Path(target)
    return target.with_name(f"{target.stem}-secret.txt")


def make(path):
    """The secret in this file, which is made when it is not there: (secret, made)."""
    path = Path(path)
    if path.exists():
        return read(path), False
    path.parent.mkdir(parents=True, exist_ok=True)
    data = secrets.token_bytes(BYTES)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="ascii") as file:
        file.write(data.hex() + "\n")
    return data, True


def read(path):
    """The secret in a file; GradingError when it holds none."""
    if path is None:
        return b""
    try:
        data = bytes.fromhex(Path(path).read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise GradingError(
            f"{path} holds no secret ({error}): `tinyft release` makes one"
        ) from None
    if len(data) < BYTES:
        raise GradingError(f"{path} holds no secret: it is too short")
    return data
