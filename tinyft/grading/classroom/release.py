"""`tinyft release`: what students get, and the secret that they do not get."""

from pathlib import Path

from tinyft.grading import workspace
from tinyft.grading.classroom import gradescope, secret
from tinyft.grading.exercise import GradingError


def release(folder=None, wanted=(), archive=None, secret_file=None):
    """Make the students' folder, Gradescope's zip, or both: [sentences on what was made].

    The secret of the seeds lies in secret_file, by default beside what is made; one
    that is there already is used again.
    """
    if folder is None and archive is None:
        raise GradingError(
            "tinyft release needs a folder to make, or --gradescope FILE.zip, or both"
        )
    if folder is not None:
        folder = _new(folder)
    path = Path(secret_file or secret.path_beside(folder or archive))
    if folder is not None and folder.resolve() in path.resolve().parents:
        raise GradingError(f"{path} would be handed out with {folder}: keep it outside")
    key, made = secret.make(path)
    told = []
    if folder is not None:
        written, _ = workspace.start(folder, wanted)
        said = "no solution, grader or hint is among them"
        told.append(f"{len(written)} files for students in {folder}: {said}")
    if archive is not None:
        count = len(gradescope.autograder(archive, wanted, key))
        told.append(f"{count} files in {archive}: upload it to Gradescope")
    new = "is new" if made else "was there and is used again"
    option = f"tinyft grade --submissions DIR --secret {path}"
    told.append(f"the secret of the seeds, {path}, {new}: keep it; {option}")
    return told


def _new(folder):
    folder = Path(folder).expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise GradingError(f"{folder} is not empty: a release is made in a new folder")
    return folder
