"""tinyft watch: re-grades on save, keys, confirmation, no terminal, the terminal back."""

import contextlib
import os
import subprocess
import sys
import time

import pytest
from rich.console import Console

from tinyft.grading.judging import runner
from tinyft.grading.learner import keys as keyboard
from tinyft.grading.learner.watch import watch


class Script:
    """Keys pressed one after the other; a callable is done in between, "" is a pause."""

    usable = True

    def __init__(self, *steps):
        self.steps = list(steps)

    def get(self, seconds):
        """The next key."""
        step = self.steps.pop(0)
        return (step() or "") if callable(step) else step


@pytest.fixture
def play(chapter, monkeypatch, tmp_path):
    """play(*steps) runs watch with these keys and returns what it showed."""
    monkeypatch.setenv("TINYFT_HOME", str(chapter.root))
    monkeypatch.chdir(chapter.root)

    def run(*steps):
        with open(tmp_path / "screen.txt", "w+", encoding="utf-8") as file:
            console = Console(file=file, width=100)
            script = contextlib.nullcontext(Script(*steps))
            watch(console=console, source=lambda: script)
            file.seek(0)
            return file.read()

    run.task, run.texts = chapter.task, chapter.texts
    return run


def save(play, text):
    def now():
        play.task.answer.write_text(text, encoding="utf-8")

    return now


def test_it_begins_with_the_next_open_task_and_its_file(play):
    said = play("q")
    assert "not implemented yet: scale, equation (9.4)" in said
    assert os.path.join("exercises", "09_scale", "scale.py") in said
    assert "h hint   n next   l list   x reset   q quit" in said


def test_it_grades_again_on_save_only(play):
    wrong = play.texts.solution.replace("2 * n * lam", "n * lam")
    right = play.texts.solution
    said = play("", save(play, wrong), "", save(play, right), "", "q")
    assert said.count("0 of 3 points") == 1 and said.count("1 of 3 points") == 1
    assert "n·λ instead of 2n·λ" in said
    assert said.count("3 of 3 points") == 1 and "that was the last open task" in said


def test_a_file_that_is_away_for_a_moment_is_no_save(play):
    text = play.task.answer.read_bytes()
    said = play(lambda: play.task.answer.unlink(), "", "q")
    assert said.count("0 of 3 points") == 1
    play.task.answer.write_bytes(text)


def test_keys(play):
    said = play("h", "l", "z", "n", "q")
    assert "1. Look at (9.4)." in said and "0 of 1 tasks done" in said
    assert said.count("0 of 3 points") == 2  # n comes round to the only open task
    play.task.answer.write_text(play.texts.solution, encoding="utf-8")
    assert "every task has full marks" in play("n", "q")


def test_reset_asks_first(play):
    play.task.answer.write_text("mine", encoding="utf-8")
    said = play("x", "n", "q")
    assert "y / n" in said and "left as it is" in said
    assert play.task.answer.read_text() == "mine"
    said = play("x", "y", "", "q")
    assert "your text is kept in" in said
    assert "NotImplementedError" in play.task.answer.read_text()


def test_an_error_is_a_sentence_and_the_loop_goes_on(play):
    (play.task.folder / "hints.toml").write_text("[scale]\n")
    assert "09_scale/scale has no hints" in play("h", "q")


def test_ctrl_c_ends_it_in_peace(play):
    def ctrl_c():
        raise KeyboardInterrupt

    assert "progress is kept" in play(ctrl_c)


def test_without_a_terminal_it_goes_on_without_keys(chapter, tmp_path):
    environment = runner.worker_environment() | {"TINYFT_HOME": str(chapter.root)}
    command = [sys.executable, "-u", "-m", "tinyft", "watch"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as running:
        try:
            _until(running.stdout, "so no keys: Ctrl-C stops")
            chapter.task.answer.write_text(chapter.texts.solution, encoding="utf-8")
            _until(running.stdout, "3 of 3 points")
        finally:
            running.kill()


def _until(stream, text):
    for line in stream:
        if text in line:
            return
    raise AssertionError(f"{text!r} was not said")


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")
def test_a_real_terminal_is_left_as_it_was():
    import pty
    import termios

    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as stream:
        before = termios.tcgetattr(theirs)
        with keyboard.keys(stream) as key:
            assert not termios.tcgetattr(theirs)[3] & (termios.ICANON | termios.ECHO)
            assert key.get(0) == ""
            for sent, got in ((b"H", "h"), (b"\x1b[A", ""), (b"\x04", "q")):
                os.write(ours, sent)
                assert key.get(5) == got
        assert termios.tcgetattr(theirs) == before
    os.close(ours)


def test_no_terminal_no_keys():
    with open(os.devnull) as stream, keyboard.keys(stream) as key:
        began = time.monotonic()
        assert not key.usable and key.get(0.01) == ""
        assert time.monotonic() - began >= 0.01
    with keyboard.keys(object()) as key:
        assert not key.usable


def test_keys_on_windows(monkeypatch):
    from types import SimpleNamespace

    typed = list("\xe0HN")
    fake = SimpleNamespace(kbhit=lambda: bool(typed), getwch=lambda: typed.pop(0))
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    key = keyboard.WindowsKeys()
    assert [key.get(0.05), key.get(0.05), key.get(0.05)] == ["", "n", ""]
    typed.append(keyboard.CTRL_C)
    with pytest.raises(KeyboardInterrupt):
        key.get(0.05)
