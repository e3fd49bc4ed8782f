"""`tinyft watch`: grades again on every save, and a key for everything else.

Saves are seen by looking at the files' times five times a second: no extra package,
and it works on network folders too.  Without a terminal it has no keys and goes on.
"""

from rich.console import Console
from rich.text import Text

from tinyft.grading import exercise, places
from tinyft.grading.classroom import report
from tinyft.grading.exercise import GradingError
from tinyft.grading.learner import loop, screen
from tinyft.grading.learner.keys import keys

PAUSE = 0.2
HELP = "h hint   n next   l list   x reset   q quit"


class Watch:
    """The state between two keys: the tasks, the one in view, their files' times."""

    def __init__(self, wanted=(), student="", console=None):
        self.tasks = exercise.choose(wanted, exercise.find_tasks())
        self.wanted, self.student = wanted, student
        self.console = console or Console()
        self.saved = {task: loop.signature(task.answer) for task in self.tasks}
        self.asked = self.ended = False
        self.task = loop.next_open(loop.standings(wanted)) or self.tasks[0]

    def look(self):
        """Grade what was saved since the last look."""
        for task in self.tasks:
            now = loop.signature(task.answer)
            if now and now != self.saved[task]:  # None: an editor is replacing it
                self.saved[task] = now
                self.task = task
                self.grade()

    def grade(self):
        """Grade the task in view and say what to do next."""
        if self.console.is_terminal:
            self.console.clear()
        found = loop.grade(tasks=[self.task], student=self.student)
        for text, style in report.lines(found):
            self.console.print(Text(text, style=style))
        if found.ok:
            self._after_full_marks()
        else:
            self.console.print(Text("next: ").append_text(self._where()))
        self.console.print(Text(HELP, style="dim"))

    def _after_full_marks(self):
        following = loop.next_open(loop.standings(self.wanted), self.task)
        said = f"full marks. tinyft solution {self.task.label} compares"
        self.console.print(Text(said, style="green"))
        if following:
            self.console.print(Text(f"n goes on to {following.label}"))
        else:
            self.console.print(Text("that was the last open task", style="bold green"))

    def _where(self):
        task = self.task
        return Text(f"{task.label}  {task.title}  ").append_text(
            screen.link(task.answer)
        )

    def press(self, key):
        """Do what a key stands for; an error is a sentence and the loop goes on."""
        if self.asked:
            return self._answer(key)
        action = {
            "h": lambda: screen.hint(self.task.label, self.console, "h again"),
            "n": self.next,
            "l": lambda: screen.list_tasks(self.console),
            "x": self._ask,
            "q": self._end,
        }.get(key)
        return self._try(action) if action else self.console.print(HELP)

    def _try(self, action):
        try:
            action()
        except (GradingError, OSError) as error:
            self.console.print(Text(str(error), style="red"))

    def next(self):
        """Go on to the next open task, after this one and around."""
        following = loop.next_open(loop.standings(self.wanted), self.task)
        if following:
            self.task = following
            self.grade()
        else:
            self.console.print(Text("every task has full marks", style="bold green"))

    def _ask(self):
        self.asked = True
        said = f"put {places.short(self.task.answer)} back to its start? y / n"
        self.console.print(Text(said, style="yellow"))

    def _answer(self, key):
        self.asked = False
        if key == "y":
            self._try(lambda: screen.reset(self.task.label, self.console))
        else:
            self.console.print("left as it is")

    def _end(self):
        self.ended = True


def watch(wanted=(), student="", console=None, source=keys):
    """Grade the next open task, then again on every save, until q or Ctrl-C."""
    state = Watch(wanted, student, console)
    with source() as key:
        state._try(state.grade)
        if not key.usable:
            state.console.print("no terminal, so no keys: Ctrl-C stops", style="dim")
        try:
            while not state.ended:
                pressed = key.get(PAUSE)
                if pressed:
                    state.press(pressed)
                state._try(state.look)
        except KeyboardInterrupt:
            pass
    state.console.print("progress is kept: tinyft watch goes on from here")
