"""Hand-ins of every kind: folders, zips, bare files, odd names, links, noise."""

import io
import os
import zipfile

import pytest

from tinyft.grading.classroom import handed, names
from tinyft.grading.exercise import Task


@pytest.fixture
def tasks(tmp_path):
    return [Task("09_scale", "scale", tmp_path), Task("09_scale", "shift", tmp_path)]


def zipped(**files):
    """The bytes of a zip of {name: text}, "_py" for ".py"."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_py", ".py"), text)
    return out.getvalue()


def put(folder, **files):
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())


def read(folder, tasks):
    """{student: (files, reasons, problem)}."""
    found = [handed.read(one, tasks) for one in handed.hand_ins(folder, tasks)]
    return {one.student: (one.files, one.reasons, one.problem) for one in found}


PLACES = [
    "exercises/09_scale/scale.py",
    "09_scale/scale.py",
    "scale.py",
    "my answers/final/09_scale/scale.py",
    "a/b/scale.py",
    "scale (1).py",
    "Scale-copy.py",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_file_is_found_where_it_may_lie(tmp_path, tasks, place):
    path = tmp_path / "in" / "ada" / place
    path.parent.mkdir(parents=True)
    path.write_text("x = 1")
    files, reasons, problem = read(tmp_path / "in", tasks)["ada"]
    assert files == {"09_scale/scale": b"x = 1"} and not problem
    assert "shift.py was not handed in: there is" in reasons["09_scale/shift"]


def test_the_chapters_folder_comes_before_a_bare_name(tmp_path, tasks):
    put(tmp_path, ada__scale_py="old", ada__x__09_scale__scale_py="new")
    files, _, _ = read(tmp_path, tasks)["ada"]
    assert files["09_scale/scale"] == b"new"


def test_two_tasks_of_one_name_need_their_folders(tmp_path, tasks):
    both = [tasks[0], Task("10_other", "scale", tmp_path)]
    put(tmp_path / "in", ada__scale_py="?", ada__10_other__scale_py="x")
    files, reasons, _ = read(tmp_path / "in", both)["ada"]
    assert files == {"10_other/scale": b"x"}
    assert "09_scale/scale" in reasons


def test_what_lies_there_is_told(tmp_path, tasks):
    put(tmp_path, ada__solution_py="x", **{f"ada__page{i}.txt": "" for i in range(9)})
    _, reasons, _ = read(tmp_path, tasks)["ada"]
    assert "there is page0.txt, page1.txt" in reasons["09_scale/scale"]
    assert "and 4 more" in reasons["09_scale/scale"]


def test_a_zip_is_opened_in_memory(tmp_path, tasks):
    kim = {"../../09_scale/scale.py": "a", "__MACOSX/shift.py": "no"}
    zoe = {"scale.py": "b", "zoe/shift.py": "c"}
    put(tmp_path / "in", **{"kim.zip": zipped(**kim), "zoe.ZIP": zipped(**zoe)})
    before = sorted(os.listdir(tmp_path))
    found = read(tmp_path / "in", tasks)
    assert found["zoe"][0] == {"09_scale/scale": b"b", "09_scale/shift": b"c"}
    assert found["kim"][0] == {"09_scale/scale": b"a"}
    assert sorted(os.listdir(tmp_path)) == before


def broken(at, byte):
    """A zip with one byte of its table of contents changed."""
    data = bytearray(zipped(scale_py="x" * 99))
    data[data.index(b"PK\x01\x02") + at] = byte
    return bytes(data)


@pytest.mark.parametrize(
    "data, said",
    [
        (b"PK", "cannot be opened: File is not a zip file"),
        (b"", "cannot be opened"),
        (zipped(scale_py="x" * (2 << 20)), "is larger than 1 MiB"),
        (broken(8, 1), "cannot be read"),
        (broken(16, 255), "cannot be read"),
    ],
    ids=["no zip", "nothing", "a bomb", "a password", "a wrong sum"],
)
def test_a_zip_that_cannot_be_read_is_told(tmp_path, tasks, data, said):
    put(tmp_path, **{"kim.zip": data})
    files, reasons, problem = read(tmp_path, tasks)["kim"]
    assert not files and said in problem + reasons.get("09_scale/scale", "")


def test_a_link_in_a_zip_is_not_followed(tmp_path, tasks):
    with zipfile.ZipFile(tmp_path / "kim.zip", "w") as archive:
        link = zipfile.ZipInfo("scale.py")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    _, reasons, _ = read(tmp_path, tasks)["kim"]
    assert "is a link to another place" in reasons["09_scale/scale"]


def test_bare_files_are_matched(tmp_path, tasks):
    put(tmp_path, ada_scale_py="a", **{"ada-shift (2).py": "b", "eve.py": "c"})
    found = read(tmp_path, tasks)
    assert found["ada"][0] == {"09_scale/scale": b"a", "09_scale/shift": b"b"}
    assert "eve.py is not matched: hand in a folder" in found["eve"][2]
    alone = read(tmp_path, tasks[:1])
    assert alone["eve"][0] == {"09_scale/scale": b"c"}


def test_every_entry_has_a_row_and_noise_has_none(tmp_path, tasks):
    put(tmp_path, ada__scale_py="a", __ada__scale_py="b", **{"ada.zip": b"PK"})
    put(
        tmp_path,
        **{"x.tar.gz": b"", ".git/x": b"", "__MACOSX/y": b"", ".DS_Store": b""},
    )
    put(tmp_path / ".hidden", scale_py="h")
    assert set(read(tmp_path, tasks)) >= {"ada", "ada.zip", "x.tar.gz", ".hidden"}
    assert not {".git", "__MACOSX", ".DS_Store"} & set(read(tmp_path, tasks))


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="links")
def test_links_are_not_followed(tmp_path, tasks):
    put(tmp_path, ada__scale_py="a", bob__notes__x="", cat__x="")
    (tmp_path / "eve").symlink_to(tmp_path / "ada", target_is_directory=True)
    (tmp_path / "bob" / "scale.py").symlink_to(tmp_path / "ada" / "scale.py")
    (tmp_path / "cat" / "09_scale").symlink_to(tmp_path / "ada")
    found = read(tmp_path, tasks)
    assert "eve is a link: hand in the files themselves" in found["eve"][2]
    assert "is a link to another place" in found["bob"][1]["09_scale/scale"]
    assert not found["cat"][0]


@pytest.mark.skipif(os.name != "posix", reason="a named pipe")
def test_a_pipe_is_not_read(tmp_path, tasks):
    put(tmp_path, ada__x="")
    os.mkfifo(tmp_path / "ada" / "scale.py")
    _, reasons, _ = read(tmp_path, tasks)["ada"]
    assert "it is not a file" in reasons["09_scale/scale"]


NAMES = ["ada", "zoe b (1)", "=1+1", "a,b", "\x1b[31m", "caf\udce9", "λ", "x" * 250]
NAMES += ["a/b", "..", "con:", "a\\x1b", " x ", "\u202eada"]


def test_names_of_any_bytes_and_length():
    shown = [names.shown(name) for name in NAMES]
    files = [names.file_name(name) for name in NAMES]
    assert len(set(shown)) == len(set(files)) == len(NAMES)
    assert all(text.isprintable() for text in shown + files)
    for name in files:
        assert len(name.encode()) < 200 and not set(name) & names.UNSAFE
        assert name.strip(". ") == name and name.encode("utf-8")
    assert files[:2] == NAMES[:2] and files[6] == "λ"
