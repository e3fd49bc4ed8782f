"""Gradescope's autograder.zip: this tinyft, the graders, a secret, two scripts.

Gradescope runs `run_autograder` as root in a container of its own for each submission.
Everything that an answer must not read or write is root's alone before one is run.
"""

import zipfile
from pathlib import Path

from tinyft.grading import exercise, files, places
from tinyft.grading.workspace import PRIVATE, course

SETUP = """#!/usr/bin/env bash
# Python 3.11 or newer and what the grader needs, in an environment of its own.
set -euo pipefail
root=${AUTOGRADER:-/autograder}
python=${PYTHON:-}
if [ -z "$python" ]; then
    apt-get update
    apt-get install -y python3.12-venv || apt-get install -y python3.11-venv
    python=$(command -v python3.12 || command -v python3.11)
fi
"$python" -m venv "$root/venv"
"$root/venv/bin/python" -m pip install "numpy>=2" "rich>=13" "typer>=0.12" "pytest>=8"
"""

RUN = """#!/usr/bin/env bash
# Grades /autograder/submission; results.json is written whatever happens.
root=${AUTOGRADER:-/autograder}
python=${PYTHON:-$root/venv/bin/python}
export TINYFT_HOME=$root/source PYTHONPATH=$root/source
student=$("$python" - "$root/submission_metadata.json" <<'END'
import json, sys
try:
    users = json.load(open(sys.argv[1], encoding="utf-8"))["users"]
    print("+".join(sorted(str(user["email"]) for user in users)))
except (OSError, ValueError, KeyError, TypeError):
    print("")
END
)
chmod 700 "$root/source" "$root/submission" "$root/results"
cd "$root/source"
secret=()
if [ -f secret.txt ]; then secret=(--secret secret.txt); fi
"$python" -m tinyft grade TASKS --submission "$root/submission" "${secret[@]}" \\
    --student "$student" --gradescope "$root/results/results.json"
exit 0
"""


def autograder(path, wanted=(), secret=b""):
    """Write autograder.zip; returns the names in it."""
    source = course()
    tasks = exercise.choose(wanted, exercise.find_tasks(source))
    names = " ".join(task.label for task in tasks) if wanted else ""
    found = {"setup.sh": SETUP, "run_autograder": RUN.replace("TASKS ", names + " ")}
    found |= {"secret.txt": secret.hex() + "\n"} if secret else {}
    for inner in _package():
        found[inner.as_posix()] = (places.PACKAGE_PARENT / inner).read_bytes()
    for task in tasks:
        found |= dict(_graders(task))

    def fill(file):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in found.items():
                entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
                mode = 0o755 if name in ("setup.sh", "run_autograder") else 0o644
                entry.external_attr = (0o100000 | mode) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)

    files.write(path, fill)
    return sorted(found)


def _graders(task):
    """(name, text) of what grades a task: stub, test, driver, its chapter's table."""
    inner = Path("exercises", task.chapter)
    yield (inner / f"{task.name}.py").as_posix(), exercise.start_text(task)
    for path in (task.test, task.driver, task.folder / "hints.toml"):
        if path.exists():
            yield (inner / path.name).as_posix(), exercise.read_source(path)


def _package():
    """The package's own files, relative to its parent; not the material in a wheel."""
    for path in sorted(places.PACKAGE.rglob("*")):
        private = places.MATERIAL in path.parents or PRIVATE & set(path.parts)
        if path.is_file() and path.suffix != ".pyc" and not private:
            yield path.relative_to(places.PACKAGE_PARENT)
