"""The command line: it runs a command and turns errors into sentences."""

import contextlib
import inspect
import sys

from tinyft.commands import learn, plan, prove, teach  # noqa: F401  (they register)
from tinyft.commands.app import app
from tinyft.grading.words import language, told


def main():
    """Run the command; an error that the user can mend is one sentence."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal whose encoding has no λ
    try:
        _translate()
        app()
    except KeyboardInterrupt:
        _stop("stopped", 130)
    except Exception as error:
        if not _for_the_user(error):
            raise
        _stop(str(error.args[0] if isinstance(error, LookupError) else error), 1)


def _translate():
    """The commands' help in the learner's language; see grading/words.py."""
    for command in app.registered_commands if language() else ():
        command.help = told(inspect.getdoc(command.callback))
        command.rich_help_panel = told(command.rich_help_panel)


def _for_the_user(error):
    named = type(error).__name__ in ("CourseError", "GradingError")
    return named or isinstance(error, (LookupError, OSError, ModuleNotFoundError))


def _stop(sentence, code):
    from rich.console import Console

    with contextlib.suppress(LookupError):  # of the language itself
        sentence = told(sentence)
    console = Console(stderr=True)
    console.print(sentence, style="red", markup=False, highlight=False)
    sys.exit(code)
