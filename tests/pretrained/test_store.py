"""tinyft fetch: the right files out of a wheel, or a sentence; the cache stays whole."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tinyft import pretrained
from tinyft.pretrained import pip, store
from tinyft.pretrained.pip import FetchError

A, B = b"weights " * 5000, b"{}"
FILES = {
    name: (len(content), hashlib.sha256(content).hexdigest())
    for name, content in (("model.bin", A), ("config.json", B))
}
ENTRY = store.Entry("small", "a model", "MIT", 1, ("one==1", "two==1"), FILES)
SINGLE = ENTRY._replace(name="single", files={"model.bin": FILES["model.bin"]})


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty cache, and a catalogue of two entries."""
    monkeypatch.setenv("TINYFT_CACHE", str(tmp_path / "cache"))
    table = {"small": ENTRY, "single": SINGLE}
    monkeypatch.setattr(store, "catalogue", lambda: table)
    return tmp_path / "cache"


def wheel(folder, name="one", parts=None):
    """A wheel, with a second config.json of another size and code that must not run."""
    path = folder / f"{name}-1-py3-none-any.whl"
    parts = {"model.bin": A, "config.json": B} if parts is None else parts
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"{name}/other/config.json", "[1, 2, 3]")
        for part, content in parts.items():
            archive.writestr(f"{name}/deep/{part}", content)
        info = f"{name}-1.dist-info"
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any")
        archive.writestr(f"{info}/RECORD", "")
    return path


def serve(monkeypatch, tmp_path, **wheels):
    """Let `download` give these wheels: parts, or a FetchError."""
    asked = []

    def download(source, folder):
        asked.append(source)
        found = wheels[source.partition("=")[0]]
        if isinstance(found, Exception):
            raise found
        folder.mkdir()
        return wheel(folder, source.partition("=")[0], found)

    monkeypatch.setattr(store, "download", download)
    return asked


def left(home):
    """What lies in the cache."""
    return sorted(path.relative_to(home).as_posix() for path in home.rglob("*"))


def test_files_are_taken_out_and_checked(monkeypatch, tmp_path, home):
    asked, lines = serve(monkeypatch, tmp_path, one=None), []
    with pytest.raises(
        FileNotFoundError, match=r"fetch it: tinyft fetch small \(1 MB, MIT"
    ):
        store.fetched("small")
    path = store.fetch("small", lines.append)
    assert path == store.fetched("small") == home / "small"
    assert left(home) == ["small", "small/config.json", "small/model.bin"]
    assert (path / "model.bin").read_bytes() == A
    assert (path / "config.json").read_bytes() == B
    assert "1 MB from one==1 (MIT)" in lines[0] and str(path) in lines[-1]
    assert store.fetch("small", lines.append) == path and asked == ["one==1"]
    assert "already here" in lines[-1]


def test_one_file_is_a_path_to_it(monkeypatch, tmp_path, home):
    serve(monkeypatch, tmp_path, one=None)
    assert store.fetch("single", str) == home / "single" / "model.bin"


def test_a_changed_file_is_fetched_again(monkeypatch, tmp_path, home):
    serve(monkeypatch, tmp_path, one=None)
    path = store.fetch("single", str)
    path.write_bytes(A[::-1])
    assert store.fetched("single") == path  # of the right size: only fetch reads it
    store.fetch("single", str)
    assert path.read_bytes() == A
    path.write_bytes(A[:-1])
    with pytest.raises(FileNotFoundError, match="tinyft fetch single"):
        store.fetched("single")


def test_what_a_killed_process_left_goes_the_next_day(monkeypatch, tmp_path, home):
    serve(monkeypatch, tmp_path, one=None)
    for age, name in ((0, ".single.new"), (2 * store.DAY, ".single.old")):
        (home / name).mkdir(parents=True)
        (home / name / "part").write_bytes(A)
        os.utime(home / name, (time.time() - age,) * 2)
    store.fetch("single", str)
    assert left(home)[:2] == [".single.new", ".single.new/part"]
    assert len(left(home)) == 4


BAD = {
    "another content": (
        {"model.bin": A[::-1], "config.json": B},
        "not the published file",
    ),
    "another size": (
        {"model.bin": A[1:], "config.json": B},
        "no file model.bin of 40000",
    ),
    "a file less": ({"model.bin": A}, "no file config.json of 2 bytes"),
    "no network": (FetchError("no package index answers."), "no package index answers"),
}


@pytest.mark.parametrize("first, why", BAD.values(), ids=BAD)
def test_the_second_source_stands_in(first, why, monkeypatch, tmp_path, home):
    asked, lines = serve(monkeypatch, tmp_path, one=first, two=None), []
    store.fetch("small", lines.append)
    assert asked == ["one==1", "two==1"] and store.fetched("small")
    assert any(why in line and "another source" in line for line in lines)


@pytest.mark.parametrize("first, why", BAD.values(), ids=BAD)
def test_no_source_is_a_sentence_that_names_both(
    first, why, monkeypatch, tmp_path, home
):
    serve(monkeypatch, tmp_path, one=first, two=first)
    with pytest.raises(FetchError) as told:
        store.fetch("small", str)
    for part in ("small could not be fetched", "one==1: ", "two==1: ", why):
        assert part in str(told.value)
    assert left(home) == []


def test_a_damaged_wheel(tmp_path):
    path = wheel(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FetchError, match=r"one-1-py3-none-any\.whl is damaged"):
        store.unpack(path, FILES, tmp_path / "files")


def test_a_bomb_is_cut_off_at_its_announced_size(tmp_path):
    """An entry of 40000 bytes whose data go on for 64 MiB."""
    path = wheel(tmp_path, parts={"model.bin": bytes(2**26), "config.json": B})
    sizes = [size.to_bytes(4, "little") for size in (2**26, len(A))]
    path.write_bytes(path.read_bytes().replace(*sizes))
    with pytest.raises(FetchError, match=r"is damaged|not the published"):
        store.unpack(path, FILES, tmp_path / "files")
    assert (tmp_path / "files" / "model.bin").stat().st_size <= len(A)


def test_a_full_disk(monkeypatch, tmp_path, home):
    serve(monkeypatch, tmp_path, one=None)
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    with monkeypatch.context() as m:
        m.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(
            FetchError, match=r"needs 1 MB .*has 0 MB left.*TINYFT_CACHE"
        ):
            store.fetch("small", str)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "unpack", full)
    with pytest.raises(
        FetchError, match=r"^Cannot write .*: the disk is full; make room"
    ):
        store.fetch("small", str)
    assert left(home) == []


def test_a_folder_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TINYFT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(FetchError, match=r"^Cannot write"):
        store.fetch("small", str)


def test_an_unknown_name():
    for call in (store.fetch, store.fetched):
        with pytest.raises(LookupError, match=r"'smol'; there are small, single"):
            call("smol")


@pytest.mark.skipif(shutil.which("pip") is None, reason="needs pip")
def test_pip_fetches_a_wheel_and_runs_nothing(monkeypatch, tmp_path, home):
    (tmp_path / "shop").mkdir()
    wheel(tmp_path / "shop")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shop"))
    monkeypatch.setattr(sys, "executable", _python_with_pip())
    assert (store.fetch("small", str) / "config.json").read_bytes() == B
    with pytest.raises(FetchError, match="does not have it for this Python"):
        pip.download("two==1", tmp_path / "room")


def _python_with_pip():
    for python in (sys.executable, shutil.which("python3") or sys.executable):
        done = subprocess.run([python, "-m", "pip", "--version"], capture_output=True)
        if not done.returncode:
            return python
    return pytest.skip("needs pip")


MEANINGS = {
    "/usr/bin/python: No module named pip": "python -m ensurepip",
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left": "full",
    "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\nERROR: No "
    "matching distribution found for a==1": "no package index answers",
    "ERROR: Could not find a version that satisfies the requirement a==1 (from versions: "
    "2)\nERROR: No matching distribution found": "does not have it for this Python (Could",
    "ERROR: something odd": "pip failed: something odd.",
    "": "pip says nothing",
}


@pytest.mark.parametrize("output, sentence", MEANINGS.items())
def test_what_pips_errors_mean(output, sentence):
    assert sentence in pip.meaning(output)


def test_the_platforms_folders(monkeypatch):
    monkeypatch.delenv("TINYFT_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    home = Path.home()
    for platform, expected in (
        ("linux", home / ".cache" / "tinyft"),
        ("darwin", home / "Library" / "Caches" / "tinyft"),
    ):
        monkeypatch.setattr(sys, "platform", platform)
        assert store.cache_folder() == expected
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", os.sep + "x")
    assert store.cache_folder() == Path(os.sep, "x", "tinyft")


def test_the_catalogue_is_complete(monkeypatch):
    monkeypatch.undo()
    found = pretrained.catalogue()
    asked = (
        "minilm minilm-finetuned smollm2 mobilenetv2 efficientnet-lite0 mnist tomatoes"
    )
    assert set(asked.split()) <= set(found)
    for entry in found.values():
        assert entry.what and entry.licence and entry.megabytes > 0
        assert all(source.count("==") == 1 for source in entry.sources)
        for size, digest in entry.files.values():
            assert size > 0 and len(bytes.fromhex(digest)) == 32
    assert len(found["minilm"].sources) == 2


def test_the_table(monkeypatch, capsys):
    pytest.importorskip("rich", reason="the course's extra")
    from tinyft.course.fetched import listing

    listing()
    shown = capsys.readouterr().out
    assert "small" in shown and "MIT" in shown and "tinyft fetch NAME" in shown


def test_the_command(monkeypatch, tmp_path, capsys):
    pytest.importorskip("typer", reason="the course's extra")
    from tinyft import cli

    serve(monkeypatch, tmp_path, one=None)
    for name, code, said in (
        ("small", 0, "small is here: "),
        ("smol", 1, "there is nothing to fetch by the name 'smol'"),
    ):
        monkeypatch.setattr(sys, "argv", ["tinyft", "fetch", name])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = "".join(capsys.readouterr()).replace("\n", " ")
        assert ended.value.code == code and said in shown
