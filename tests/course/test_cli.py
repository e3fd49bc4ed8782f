"""The command line: exit codes, sentences instead of tracebacks, doctor."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

import tinyft
from tinyft import cli
from tinyft.backend import diagnose
from tinyft.course import doctor

REPOSITORY = str(Path(tinyft.__file__).parents[1])


def tinyft_command(monkeypatch, *arguments):
    """Exit code of `tinyft ...`, run in this process."""
    monkeypatch.setattr(sys, "argv", ["tinyft", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_version(monkeypatch, capsys):
    assert tinyft_command(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"tinyft {tinyft.__version__}\n"


def test_an_error_of_the_user_is_one_sentence(monkeypatch, capsys, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "09_l2sp.ipynb").write_text("{}")
    monkeypatch.setenv("TINYFT_HOME", str(tmp_path))
    assert tinyft_command(monkeypatch, "course", "l2ps") == 1
    said = capsys.readouterr().err
    assert "no chapter 'l2ps'; did you mean l2sp" in said.replace("\n", " ")


def test_an_error_of_ours_keeps_its_traceback(monkeypatch):
    def broken(*_, **options):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("tinyft.course.run.screen.course", broken)
    monkeypatch.setattr(sys, "argv", ["tinyft", "course"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


CHECK = """from tinyft.grading import compare


def test_one(student):
    compare(student.one(), 1.0)
"""


@pytest.fixture
def exercise(tmp_path, monkeypatch):
    """One tiny task in a workspace of its own; returns the learner's file."""
    folder = tmp_path / "exercises" / "01_tiny"
    (folder / "solutions").mkdir(parents=True)
    solution = "def one():\n    # YOUR CODE\n    return 1.0\n    # END YOUR CODE\n"
    (folder / "solutions" / "one.py").write_text(solution)
    (folder / "test_one.py").write_text(CHECK)
    (folder / "hints.toml").write_text('[one]\nhints = ["It is one."]\n')
    monkeypatch.setenv("TINYFT_HOME", str(tmp_path))
    return folder / "one.py"


def test_the_loop_of_a_learner(exercise, monkeypatch, capsys):
    def run(*arguments):
        code = tinyft_command(monkeypatch, *arguments)
        return code, capsys.readouterr().out

    assert run("reset", "one", "--yes")[0] == 0
    assert "NotImplementedError" in exercise.read_text()
    code, said = run("grade", "tiny")
    assert code == 1 and "not implemented yet: one" in said
    code, said = run("hint", "01_tiny/one")
    assert code == 0 and "1. It is one." in said
    exercise.write_text("def one():\n    return 1.0\n")
    assert run("grade")[0] == 0
    code, said = run("list")
    assert code == 0 and "1 of 1 tasks done" in said
    code, said = run("grade", "--selftest")
    assert code == 1 and "at least 5" in said  # the tiny task names no wrong answers


def _ctrl_c(*_):
    raise KeyboardInterrupt


def test_the_commands_around_the_loop(exercise, monkeypatch, capsys, tmp_path):
    def run(*arguments):
        code = tinyft_command(monkeypatch, *map(str, arguments))
        return code, " ".join(capsys.readouterr().out.split())

    assert run("reset", "one", "--yes")[0] == 0
    code, said = run("start", tmp_path / "mine")
    assert code == 0 and "files written" in said
    code, said = run("release", tmp_path / "out", "--gradescope", tmp_path / "a.zip")
    assert code == 0 and "no solution" in said and "a.zip" in said
    code, said = run("grade", "--mutants")
    assert code == 0 and "1 mutants: 1 killed, 0 survive" in said  # 1.0 → 2.0
    exercise.write_text("def one():\n    return 1.0\n")
    code, said = run("solution", "one")
    assert code == 0 and "return 1.0" in said
    folder = tmp_path / "in" / "ada"
    folder.mkdir(parents=True)
    (folder / "one.py").write_text(exercise.read_text())
    where = ("--submissions", tmp_path / "in", "--out", tmp_path / "grades")
    code, said = run("grade", *where, "--jobs", 1)
    assert code == 0 and "1 graded now" in said
    marks = tmp_path / "results.json"
    code, _ = run("grade", "--submission", folder, "--gradescope", marks)
    assert code == 0 and '"score": 1' in marks.read_text()
    (folder / "one.py").write_text("def one():\n    return 3.0\n")
    code, _ = run("grade", "tiny", "--submission", folder, "--csv", tmp_path / "c.csv")
    assert code == 1 and "The difference is 2" in (tmp_path / "c.csv").read_text()
    monkeypatch.setattr("tinyft.grading.learner.keys.NoKeys.get", _ctrl_c)
    code, said = run("watch", "tiny", "--student", "ada")
    assert code == 0 and "Ctrl-C stops" in said


def test_reset_asks_first(exercise, monkeypatch, capsys):
    exercise.write_text("mine")
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    assert tinyft_command(monkeypatch, "reset", "one") == 1
    assert exercise.read_text() == "mine"
    capsys.readouterr()


def test_an_unknown_checkpoint_is_told(monkeypatch, capsys):
    module = types.ModuleType("tinyft.training.pretrain")
    module.NAMES, made = ["gpt_text"], []
    module.pretrain = lambda name, out=None: made.append((name, out))
    monkeypatch.setitem(sys.modules, "tinyft.training.pretrain", module)
    assert tinyft_command(monkeypatch, "pretrain", "gtp") == 1
    assert (
        "there is no checkpoint 'gtp'; there are: gpt_text" in capsys.readouterr().err
    )
    assert tinyft_command(monkeypatch, "pretrain", "gpt_text", "--out", "x") == 0
    assert made == [("gpt_text", Path("x"))]


def test_python_m_tinyft_is_the_same():
    run = subprocess.run(
        [sys.executable, "-m", "tinyft", "--version"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert (run.returncode, run.stdout) == (0, f"tinyft {tinyft.__version__}\n")


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_without_the_extra_it_says_how_to_add_it(package):
    code = f"import sys; sys.modules[{package!r}] = None; import tinyft.cli"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert f"need {package}" in run.stderr
    assert 'python -m pip install "tinyft[course]"' in run.stderr


def test_doctor_finds_what_is_here(monkeypatch, capsys):
    assert tinyft_command(monkeypatch, "doctor") == 0
    said = capsys.readouterr().out
    for part in ("Python", "NumPy", "BLAS", "backend", "extra course"):
        assert part in said


def test_doctor_requires_a_gpu_when_told(monkeypatch, capsys):
    for usable, code in ((False, 1), (True, 0)):
        answer = usable, "as the test says"
        monkeypatch.setattr(diagnose, "gpu_status", lambda answer=answer: answer)
        monkeypatch.setattr(doctor, "card", list)  # no probes: tests/device/ has them
        assert tinyft_command(monkeypatch, "doctor", "--require-gpu") == code
        assert tinyft_command(monkeypatch, "doctor") == 0
    capsys.readouterr()


def test_doctor_names_what_is_missing(monkeypatch):
    known = doctor.version
    gone = {"nbclient", "torch"}
    monkeypatch.setattr(doctor, "version", lambda n: None if n in gone else known(n))
    name, value, state, remedy = doctor.extra("course")
    assert (name, value, state) == ("extra course", "without nbclient", "missing")
    assert remedy == 'python -m pip install "tinyft[course]"'
    assert doctor.extra("peers")[2] == "note"  # the course runs without it
    assert not doctor.can_run(doctor.examine())


def test_doctor_without_threadpoolctl(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert doctor.running_blas() == (None, None)
    assert "with threadpoolctl installed" in doctor.blas()
