"""`tinyft course` on throw-away notebooks: passes, every way to fail, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

import tinyft
from tinyft.course.run import execute
from tinyft.course.run.screen import course

IMPORT = "from tinyft.course import check"
GOOD = "check('one', 1.0, 1.0 + 2**-40, 2**-39, 'λ: half of it')"
REPOSITORY = str(Path(tinyft.__file__).parents[1])


@pytest.fixture
def write(tmp_path):
    """write(name, *cells) makes notebooks/name.ipynb under tmp_path."""

    def write(name, *cells):
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata["kernelspec"] = {
            "name": "no-such-kernel",
            "display_name": "?",
            "language": "python",
        }
        nbformat.write(notebook, folder / f"{name}.ipynb")

    return write


def test_good_chapters_pass_and_everything_is_written(tmp_path, write, capsys):
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    where = "import os, sys\nprint(sys.executable, os.getcwd())"
    write("01_good", IMPORT, GOOD, plot, where)
    out, log = tmp_path / "out", tmp_path / "deep" / "log.json"
    assert course(["good"], json_path=log, out=out, root=tmp_path) is True
    data = json.loads(log.read_text(encoding="utf-8"))
    (row,) = data["checks"]
    assert data["ok"] and data["chapters"][0]["passed"] == 1
    assert (row["chapter"], row["name"], row["ok"]) == ("01_good", "one", True)
    assert row["discrepancy"] == 2**-40 and row["bound"] == 2**-39
    assert data["chapters"][0]["worst"] == 0.5
    assert data["chapters"][0]["seconds"] == data["seconds"] > 0
    executed = nbformat.read(out / "01_good.ipynb", as_version=4)
    assert "image/png" in str(executed.cells[2].outputs)
    said = executed.cells[3].outputs[0]["text"]
    assert said.split() == [sys.executable, str(tmp_path / "notebooks")]
    assert "λ: half of it" in (out / "01_good.html").read_text(encoding="utf-8")
    assert "1/1" in capsys.readouterr().out


def test_a_cell_shows_its_headline_and_folds_the_rest(tmp_path, write):
    headline = "check('the point', 1, 1, headline=True)"
    write("01_fold", IMPORT, f"{GOOD}\n{headline}\n{GOOD}\nprint('end')", GOOD)
    result = chapter(tmp_path)
    assert (
        result.passed == 4 and [c["headline"] for c in result.checks].count(True) == 1
    )
    executed = nbformat.read(tmp_path / "out" / "01_fold.ipynb", as_version=4)
    full, printed, folded = executed.cells[1].outputs
    assert full["data"]["text/plain"].startswith("ok   the point\n")
    assert printed["text"] == "end\n"
    assert "2 more hold, worst at 0.5 of its" in folded["data"]["text/html"]
    (single,) = executed.cells[2].outputs
    assert single["data"]["text/plain"] == "ok   one: holds at 0.5 of its bound"


def chapter(tmp_path, seconds=60):
    (path,) = execute.chapters(tmp_path).values()
    return execute.run_chapter(path, tmp_path / "out", seconds)


def test_a_failing_check_fails_the_chapter(tmp_path, write):
    write("01_bad", IMPORT, GOOD, "check('two', 1.0, 2.0, 0.5, 'no')", "1 / 0")
    result = chapter(tmp_path)
    assert not result.ok and result.problem == "1 of 2 checks failed: two"
    assert (result.passed, execute.ratio(result.checks)) == (1, 2.0)
    assert (tmp_path / "out" / "01_bad.html").exists()


def test_a_raising_cell_fails_the_chapter(tmp_path, write):
    write("01_raise", IMPORT, GOOD, "1 / 0")
    result = chapter(tmp_path)
    assert result.problem == "cell 3 raised ZeroDivisionError: division by zero"
    assert "1 / 0" in result.trace and "\x1b" not in result.trace


def test_a_chapter_without_a_check_fails(tmp_path, write):
    write("01_none", "1 + 1")
    assert "no check() was made" in chapter(tmp_path).problem


def test_an_endless_chapter_is_stopped(tmp_path, write):
    write("01_loop", IMPORT + "\n" + GOOD, "while True: pass")
    result = chapter(tmp_path, seconds=4)
    assert result.problem == "stopped in cell 2 of 2 after the limit of 4 s"
    assert result.passed == 1 and result.seconds < 20


def test_a_kernel_that_dies_is_told(tmp_path, write):
    write("01_dies", IMPORT + "\n" + GOOD, "import os; os._exit(3)")
    assert chapter(tmp_path).problem.startswith("the kernel died in cell 2")


def test_a_broken_notebook_is_told(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "01_broken.ipynb").write_text("{", encoding="utf-8")
    assert "01_broken.ipynb is not a readable notebook" in chapter(tmp_path).problem


NAMES = ["00_autograd", "09_l2sp", "15_lora", "15b_lora_variants"]


@pytest.mark.parametrize(
    "asked, chosen",
    [
        ([], NAMES),
        (["09"], ["09_l2sp"]),
        (["9"], ["09_l2sp"]),
        (["l2sp"], ["09_l2sp"]),
        (["15_lora", "0"], ["00_autograd", "15_lora"]),
        (["15"], ["15_lora"]),
        (["15b"], ["15b_lora_variants"]),
        (["notebooks/09_l2sp.ipynb"], ["09_l2sp"]),
    ],
)
def test_names(asked, chosen):
    assert execute.choose(asked, dict.fromkeys(NAMES)) == chosen


def test_a_chapter_of_two_notebooks_has_both(tmp_path, write):
    write("15b_lora_variants", "1")
    write("15_lora", "1")
    assert list(execute.chapters(tmp_path)) == ["15_lora", "15b_lora_variants"]


def test_an_unknown_name_lists_near_misses():
    with pytest.raises(execute.CourseError, match="'l2ps'; did you mean l2sp"):
        execute.choose(["l2ps"], dict.fromkeys(NAMES))
    with pytest.raises(execute.CourseError, match="there are: 00_autograd, 09_l2sp"):
        execute.choose(["zzz"], dict.fromkeys(NAMES))


def test_nothing_found_is_an_error(tmp_path):
    with pytest.raises(execute.CourseError, match="no chapter was found"):
        course(root=tmp_path)


def test_a_bound_of_zero_has_a_ratio():
    exact = {"discrepancy": 0.0, "bound": 0.0}
    off = {"discrepancy": "inf", "bound": 0.0}
    unknown = {"discrepancy": None, "bound": 1.0}
    assert execute.ratio([exact, unknown]) == 0.0
    assert execute.ratio([exact, off]) == float("inf")
    assert execute.ratio([unknown]) is None


def test_half_a_line_of_the_log_is_left_out(tmp_path):
    log = tmp_path / "log"
    log.write_text('{"name": "a"}\n{"name": "b', encoding="utf-8")
    assert execute.read_checks(log) == [{"name": "a"}]


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT as a terminal does")
def test_ctrl_c_leaves_no_kernel(tmp_path, write):
    mark = "import os\nopen('pid', 'w').write(str(os.getpid()))"
    write("01_loop", mark, "while True: pass")
    environment = os.environ | {"TINYFT_HOME": str(tmp_path), "PYTHONPATH": REPOSITORY}
    command = [sys.executable, "-m", "tinyft", "course", "--out", str(tmp_path / "out")]
    running = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=_hear_ctrl_c,
    )
    pid_file = tmp_path / "notebooks" / "pid"
    _until(lambda: pid_file.exists() and pid_file.read_text())
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130 and b"Traceback" not in err
    kernel = int(pid_file.read_text())
    _until(lambda: not _alive(kernel))


def _hear_ctrl_c():
    """A shell starts what it puts in the background with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.05)


def test_two_chapters_run_side_by_side(tmp_path, write):
    """Each waits for the other's mark: one after the other, neither could end."""
    cell = (
        "import time, pathlib\n"
        "pathlib.Path('{own}').touch()\n"
        "end = time.monotonic() + 60\n"
        "while not pathlib.Path('{other}').exists() and time.monotonic() < end:\n"
        "    time.sleep(0.05)\n"
        "check('both', float(pathlib.Path('{other}').exists()), 1.0, 0, 'a mark')"
    )
    for number, own, other in (("01", "a", "b"), ("02", "b", "a")):
        write(f"{number}_{own}", IMPORT, cell.format(own=own, other=other))
    assert course(out=tmp_path / "out", root=tmp_path, jobs=2)
