"""The files of this folder and their SHA-256, verified whenever one is read.

A changed file (an editor, a line-end conversion, a broken download) would change every
number of the course without a word; here it is an error. Licences: LICENCES.md.
"""

import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent

SHA256 = {
    "digits.npz": "b2dab7b501728c22e9119ad76740b2e17c77a231e42d1e592380d90886f1a05e",
    "shakespeare.txt": (
        "02f3e2cf05d39df1467e24062321c512b07213f070524e888f712c3417697892"
    ),
    "bible.txt": "0db2753b1aac8a4542dbf1349a79e070d805455c1ee40587a46d1a99894c291c",
    "kjv.txt.xz": "d5f09efad1b3840f465e66bd06683e6a1664a4dab46216d92cfb58d456a1e309",
    "pydoc.txt": "e35f79432077d71262b91fbb53c2a8d74ddc80491e82aae3e77546b3a4b101dd",
}


class DataError(ValueError):
    """Data that is missing, changed, empty or out of range; the message says which."""


def read(name, folder=FOLDER):
    """Return the bytes of a shipped file after comparing its SHA-256 with the table.

    Raises DataError when the file is missing or differs from the published one.
    """
    path = Path(folder) / name
    if not path.is_file():
        raise DataError(
            f"The data file {path} is missing from this installation. "
            "Install tinyft again: python -m pip install --force-reinstall tinyft."
        )
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise DataError(
            f"The data file {path} is not the published one: its SHA-256 starts with "
            f"{found[:12]}, expected {SHA256[name][:12]}. Something changed it (an "
            "editor, or a line-end conversion); restore it from the repository."
        )
    return content
