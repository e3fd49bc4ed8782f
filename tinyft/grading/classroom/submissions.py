"""A folder of submissions: graded, resumed, made into tables.

    OUT/reports/ada.json     the Report of one student, whole or not there
    OUT/grades.csv           a row for every hand-in;  OUT/items.csv  for every task

A report carries a fingerprint of what was graded and by what; as long as it holds,
the student is not graded again.  Nothing a submission does stops the others.
"""

import base64
import hashlib
import json
from pathlib import Path

from tinyft.grading import exercise, files
from tinyft.grading.check.explain import clean
from tinyft.grading.classroom import executors, handed, items, names, report
from tinyft.grading.exercise import GradingError
from tinyft.grading.results import Report, report_from
from tinyft.grading.sandbox import box

UNFENCED = (
    "no fence stands on this machine, so an answer could read and change what this user "
    "may. Use Linux with bubblewrap, or root in a container (docs/grading.md), or say "
    "--no-fence to grade without one"
)


def fence(none_too=False):
    """The fence behind which other people's answers run; GradingError without one."""
    found = box.choose()
    if found in ("none", "browser") and not none_too:
        raise GradingError(UNFENCED)
    return found


def grade_one(folder, wanted=(), student="", secret=b"", no_fence=False):
    """Grade one submission's files: a Report."""
    tasks = exercise.choose(wanted, exercise.find_tasks())
    folder = Path(folder)
    if not folder.is_dir():
        raise GradingError(f"{folder} is not a folder: name the one with the answers")
    one = handed.HandIn(student, folder.resolve())
    given, _ = _given(one, tasks)
    chosen = fence(no_fence)
    return report.grade_tasks(tasks, student, given, fence=chosen, secret=secret)


def grade_all(folder, out, tasks, heard=None, **how):
    """Grade every hand-in that has no valid report in OUT: [Report], by student.

    heard(student, report, fresh) is called as each is there.  how: jobs, executor,
    secret, no_fence.
    """
    how = {"jobs": report.JOBS, "executor": "threads", "secret": b""} | how
    chosen = fence(how.get("no_fence", False))
    own = course_fingerprint(tasks) + hashlib.sha256(how["secret"]).hexdigest()
    found, work, marks, problems = {}, {}, {}, {}

    def tell(name, one, fresh):
        found[name] = one
        if heard:
            heard(name, one, fresh)

    for one in handed.hand_ins(folder, tasks):
        name = one.student
        given, problems[name] = _given(one, tasks)
        marks[name] = fingerprint(name, given, own)
        known = read_report(report_path(out, name), marks[name])
        if known:
            tell(name, known, False)
        else:
            work[name] = job_of(name, given, tasks, how["secret"], chosen)
    graded = executors.each(how["executor"], how["jobs"], grade_job, work)
    for name, result in graded:
        one, mark = _result(name, result, marks[name])
        one.problem = one.problem or problems[name]
        tell(name, _kept(out, one, mark), True)
    return [found[name] for name in sorted(found)]


def _given(one, tasks):
    """({task label: bytes or reason}, problem) of a hand-in, whatever it is."""
    try:
        handed.read(one, tasks)
    except Exception as error:
        one.problem = f"{one.place.name}: {type(error).__name__}: {error}"
    one.problem = clean(one.problem)
    if one.problem:
        return {task.label: one.problem for task in tasks}, one.problem
    return one.reasons | one.files, ""


def _result(name, result, mark):
    """(Report, fingerprint) of what a job gave; a failure is tried again next time."""
    if isinstance(result, BaseException):
        said = f"{type(result).__name__}: {result}"
        return Report([], name, problem=clean(said)), ""
    found = report_from(result)
    return found, "" if found.problem else mark


def _kept(out, one, mark):
    """The report, written."""
    text = files.as_json({"fingerprint": mark} | one.as_json())
    files.write(report_path(out, one.student), text)
    return one


def report_path(out, student):
    """Where the report of a student lies."""
    return Path(out) / "reports" / f"{names.file_name(student)}.json"


def job_of(student, given, tasks, secret, chosen):
    """What is graded, as plain data: it may be sent to another machine."""
    return {
        "student": student,
        "tasks": [task.label for task in tasks],
        "course": course_fingerprint(tasks),
        "secret": secret.hex(),
        "fence": chosen,
        "files": {
            label: x if isinstance(x, str) else [base64.b64encode(x).decode()]
            for label, x in given.items()
        },
    }


def grade_job(job):
    """Grade a job with this machine's course: the Report as plain data."""
    tasks = exercise.choose(job["tasks"], exercise.find_tasks())
    if course_fingerprint(tasks) != job["course"]:
        raise GradingError("this worker has another version of the course")
    given = {
        label: x if isinstance(x, str) else base64.b64decode(x[0])
        for label, x in job["files"].items()
    }
    here = fence(none_too=job["fence"] == "none")
    secret = bytes.fromhex(job["secret"])
    how = {"jobs": 1, "fence": here, "secret": secret}
    return report.grade_tasks(tasks, job["student"], given, **how).as_json()


def read_report(path, mark):
    """The Report written before with this fingerprint, or None."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return report_from(data) if data.get("fingerprint") == mark != "" else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def course_fingerprint(tasks):
    """A digest of the graders: names, tests, drivers and rules of the tasks."""
    digest = hashlib.sha256()
    for task in tasks:
        digest.update(f"{task.label} {sorted(task.rules().items())}".encode())
        digest.update(task.test.read_bytes())
    return digest.hexdigest()


def fingerprint(student, given, own):
    """A digest of a student's ID, the files handed in, and the graders."""
    digest = hashlib.sha256(f"{student} {own}".encode("utf-8", "surrogatepass"))
    for label, x in sorted(given.items()):
        data = x.encode("utf-8", "surrogatepass") if isinstance(x, str) else x
        digest.update(f"{label} {len(data)} {type(x).__name__} ".encode() + data)
    return digest.hexdigest()


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
    return [names.shown(one.student), one.score, one.out_of, *marks, told]
