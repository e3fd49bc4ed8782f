"""What was handed in: every entry of a folder is somebody's, and has a row.

    ada/                    a folder: exercises/09_l2sp/closed_form.py, 09_l2sp/..., or
                            the bare files, at any depth
    ada.zip                 the same, opened here; nothing is unpacked to the disk
    ada_closed_form.py      one file of one student; with one task also ada.py

What cannot be matched is told with what lies there.  Links are not followed.
"""

import os
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tinyft.grading.exercise import GradingError
from tinyft.grading.judging.runner import LARGEST

NOISE = {".git", ".svn", ".DS_Store", "__MACOSX", "__pycache__", "Thumbs.db"}
MOST, DEEPEST = 5000, 8  # entries and levels looked at in one hand-in
ARCHIVE = 64 << 20  # bytes of a zip
SHOWN = 6  # names told of what lies there
COPY = re.compile(r"[ _-]*(\(\d+\)|copy|kopie)?$")


@dataclass
class HandIn:
    """One student's hand-in: what was found for each task, or why it was not."""

    student: str
    place: Path
    files: dict = field(default_factory=dict)  # {task label: bytes}
    reasons: dict = field(default_factory=dict)  # {task label: why there are none}
    problem: str = ""  # why the whole cannot be graded


def hand_ins(folder, tasks):
    """Every hand-in of a folder, by student's name; GradingError when there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise GradingError(
            f"{folder} is not a folder: name the one that holds a folder "
            "for every student"
        )
    entries = sorted(one for one in folder.iterdir() if one.name not in NOISE)
    found = {}
    for one in entries:
        for name, part in _parts(one, tasks):
            _add(found, name, one, part)
    if not found:
        raise GradingError(
            f"{folder} holds no submission: it needs one subfolder for every student"
        )
    return [found[name] for name in sorted(found)]


def _parts(entry, tasks):
    """[(student's name, task or None)] of one entry of the folder."""
    if entry.is_dir() or entry.is_symlink() or entry.suffix.lower() != ".py":
        whole = entry.suffix.lower() == ".zip" and not entry.is_dir()
        return [(entry.stem if whole else entry.name, None)]
    for task in sorted(tasks, key=lambda task: -len(task.name)):
        match = re.fullmatch(rf"(.+?)[ _-]+{task.name}", COPY.sub("", entry.stem))
        if match:
            return [(match[1], task)]
    return [(entry.stem, tasks[0] if len(tasks) == 1 else None)]


def _add(found, name, entry, task):
    """Put an entry under its student; a second one of a name keeps its whole name."""
    old = found.get(name)
    if old and (task is None or task.label in old.files or old.place.is_dir()):
        name = entry.name
    one = found.setdefault(name, HandIn(name, entry))
    if task:
        one.files[task.label] = entry


def read(one, tasks):
    """Fill in a hand-in's files and reasons; whatever is wrong is a sentence."""
    place = one.place
    if place.is_symlink():
        one.problem = f"{place.name} is a link: hand in the files themselves"
    elif one.files:
        for label, path in list(one.files.items()):
            _take(one, label, lambda path=path: _file(path, path.parent))
        _missing(one, tasks, "only single files were handed in")
    elif place.is_dir():
        _choose(one, tasks, listing(place), lambda name: _file(place / name, place))
    elif place.suffix.lower() == ".zip":
        _archive(one, tasks)
    else:
        one.problem = (
            f"{place.name} is not matched: hand in a folder, a .zip, or a file named "
            "STUDENT_TASK.py"
        )
    return one


def listing(folder):
    """Paths of the files below a folder, as text; links are listed, never followed."""
    found, waiting = [], [(folder, 0)]
    while waiting and len(found) < MOST:
        here, depth = waiting.pop(0)
        for entry in sorted(os.scandir(here), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                if depth < DEEPEST and entry.name not in NOISE:
                    waiting.append((entry.path, depth + 1))
            elif entry.name not in NOISE:
                found.append(os.path.relpath(entry.path, folder).replace(os.sep, "/"))
    return found[:MOST]


def match(task, names, alone):
    """The name that is meant for a task, or None; alone: no other task has its name."""
    paths = [(name, PurePosixPath(name)) for name in names]
    inner = [n for n, p in paths if p.parts[-2:] == (task.chapter, f"{task.name}.py")]
    same = [n for n, p in paths if p.name == f"{task.name}.py"]
    near = [n for n, p in paths if _plain(p) == f"{task.name}.py"]
    for found in (inner, *([same, near] if alone else [])):
        if found:
            return min(found, key=lambda name: (name.count("/"), name))
    return None


def _plain(path):
    """A name without capitals and without what a second download adds."""
    stem = COPY.sub("", path.name.removesuffix(path.suffix)).lower()
    return re.sub(r"[ -]", "_", stem) + path.suffix.lower()


def _choose(one, tasks, names, content):
    """Match every task to a name; content(name) gives the bytes or says why not."""
    counts = [task.name for task in tasks]
    for task in tasks:
        name = match(task, names, counts.count(task.name) == 1)
        if name:
            _take(one, task.label, lambda name=name: content(name))
    _missing(one, tasks, f"there is {_some(names)}")


def _take(one, label, content):
    """The bytes of a file, or why they are not taken."""
    one.files.pop(label, None)
    try:
        one.files[label] = content()
    except (GradingError, OSError, RuntimeError, zipfile.BadZipFile) as error:
        said = getattr(error, "strerror", None) or str(error)
        one.reasons[label] = f"{label.split('/')[-1]}.py cannot be read: {said}"


def _missing(one, tasks, instead):
    for task in tasks:
        if task.label not in one.files:
            said = f"{task.name}.py was not handed in: {instead}"
            one.reasons.setdefault(task.label, said)


def _some(names):
    told = ", ".join(sorted(names)[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{told}{more}" if names else "nothing"


def _file(path, inside):
    """The bytes of a regular file that really lies in its student's folder."""
    if path.is_symlink() or Path(inside).resolve() not in path.resolve().parents:
        raise GradingError("it is a link to another place: hand in the file itself")
    if not path.is_file():
        raise GradingError("it is not a file")
    with open(path, "rb") as file:
        return _bounded(file)


def _bounded(file):
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise GradingError("it is larger than 1 MiB: hand in the answer alone")
    return data


def _archive(one, tasks):
    """A zip, read in memory: sizes are bounded, and no name in it becomes a path."""
    try:
        if one.place.stat().st_size > ARCHIVE:
            raise GradingError("it is larger than 64 MiB")
        with zipfile.ZipFile(one.place) as archive:
            regular = [i for i in archive.infolist()[:MOST] if not i.is_dir()]
            names = [i.filename for i in regular if not _is_noise(i.filename)]
            _choose(one, tasks, names, lambda name: _entry(archive, name))
    except (
        GradingError,
        OSError,
        ValueError,
        RuntimeError,
        zipfile.BadZipFile,
    ) as error:
        one.problem = f"{one.place.name} cannot be opened: {error}"


def _is_noise(name):
    return bool(NOISE & set(PurePosixPath(name).parts))


def _entry(archive, name):
    info = archive.getinfo(name)
    if info.external_attr >> 28 == 0xA:  # a symbolic link, as Unix packs it
        raise GradingError("it is a link to another place: hand in the file itself")
    with archive.open(info) as file:
        return _bounded(file)
