"""A folder of submissions, one subfolder a student: graded, resumed, made into tables.

    DIR/ada/exercises/09_l2sp/closed_form.py     as a workspace,
    DIR/ada/09_l2sp/closed_form.py               or without exercises/,
    DIR/ada/closed_form.py                       or the bare files

    OUT/reports/ada.json     the Report of one student, whole or not there
    OUT/grades.csv           a row for every student;  OUT/items.csv  for every task

A report carries a fingerprint of what was graded and by what; as long as it holds,
the student is not graded again.  Nothing a submission does stops the others.
"""

import hashlib
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tinyft.grading import exercise, files
from tinyft.grading.classroom import items, report
from tinyft.grading.exercise import GradingError
from tinyft.grading.results import Report, report_from
from tinyft.grading.runner import LARGEST


def students(folder):
    """The submissions: {student's ID: folder}, one for every visible subfolder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise GradingError(
            f"{folder} is not a folder: name the one that holds a folder "
            "for every student"
        )
    found = {
        one.name: one
        for one in sorted(folder.iterdir())
        if one.is_dir() and not one.name.startswith((".", "__"))
    }
    if not found:
        raise GradingError(
            f"{folder} holds no submission: it needs one subfolder for every student"
        )
    return found


def files_of(folder, tasks):
    """{task label: the file that was handed in}; what is not there is looked for first."""
    names = [task.name for task in tasks]
    found = {"": folder}
    for task in tasks:
        inner = f"{task.chapter}/{task.name}.py"
        places = [folder / "exercises" / inner, folder / inner]
        if names.count(task.name) == 1:
            places.append(folder / f"{task.name}.py")
        there = [place for place in places if os.path.lexists(place)]
        found[task.label] = (there or places)[0]
    return found


def grade_one(folder, wanted=(), student=""):
    """Grade one submission's files: a Report."""
    tasks = exercise.choose(wanted, exercise.find_tasks())
    if not folder.is_dir():
        raise GradingError(f"{folder} is not a folder: name the one with the answers")
    return report.grade_tasks(tasks, student, files_of(folder, tasks))


def grade_all(folder, out, tasks, jobs=report.JOBS, heard=None):
    """Grade every submission that has no valid report in OUT: [Report], by student.

    heard(student, report, fresh) is called as each is there.
    """
    found, pending = {}, {}
    own = course_fingerprint(tasks)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for name, place in students(folder).items():
            job = pool.submit(_student, name, place, Path(out), tasks, own)
            pending[job] = name
        try:
            for job in as_completed(pending):
                name = pending[job]
                found[name], fresh = job.result()
                if heard:
                    heard(name, found[name], fresh)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [found[name] for name in sorted(found)]


def _student(name, folder, out, tasks, own):
    """(Report, whether it was graded now) of one student."""
    path = out / "reports" / f"{name}.json"
    try:
        chosen = files_of(folder, tasks)
        mark = fingerprint(name, chosen, own)
        known = read_report(path, mark)
        if known:
            return known, False
        graded = report.grade_tasks(tasks, name, chosen, jobs=1)
    except (OSError, ValueError) as error:
        mark, graded = "", Report([], name, problem=f"{type(error).__name__}: {error}")
    files.write(path, files.as_json({"fingerprint": mark} | graded.as_json()))
    return graded, True


def read_report(path, mark):
    """The Report written before with this fingerprint, or None."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return report_from(data) if data.get("fingerprint") == mark != "" else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def course_fingerprint(tasks):
    """A digest of the graders: names, tests and limits of the tasks."""
    digest = hashlib.sha256()
    for task in tasks:
        digest.update(f"{task.label} {sorted(task.settings.items())}".encode())
        digest.update(task.test.read_bytes())
    return digest.hexdigest()


def fingerprint(student, chosen, own):
    """A digest of a student's ID, the files handed in, and the graders."""
    digest = hashlib.sha256(f"{student} {own}".encode())
    for label, path in sorted(chosen.items()):
        if label:
            digest.update(f"{label} ".encode() + _content(path))
    return digest.hexdigest()


def _content(path):
    """What the fingerprint holds of a file; pipes and huge files are not read."""
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST:
            return hashlib.sha256(path.read_bytes()).digest()
        return f"{found.st_mode} {found.st_size}".encode()
    except OSError as error:
        return str(error.errno).encode()


def write_tables(reports, tasks, out):
    """grades.csv, items.csv and items.json in OUT; returns the item statistics."""
    labels = [task.label for task in tasks]
    head = ["student", "score", "out of", *labels, "problem"]
    rows = [_row(one, labels) for one in reports]
    files.write(Path(out) / "grades.csv", report.as_csv([head, *rows]))
    found = items.statistics(reports, labels)
    files.write(Path(out) / "items.csv", report.as_csv(items.rows(found)))
    files.write(Path(out) / "items.json", files.as_json(found))
    return found


def _row(one, labels):
    scores = {task.task: task.score for task in one.tasks}
    problems = [one.problem, *(task.problem for task in one.tasks)]
    marks = [scores.get(label, 0) for label in labels]
    told = "; ".join(filter(None, problems))
    return [one.student, one.score, one.out_of, *marks, told]
