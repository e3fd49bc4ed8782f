"""What `tinyft faults` shows: a line per fault, survivors with their change, the count."""

import json
import os

from rich.console import Console

from tinyft.course.faults import survey
from tinyft.course.run import execute

COLOURS = {"check": "green", "survived": "red", "equivalent": "dim"}


def faults(names=(), sample=10, seed=0, core=False, json_path=None, jobs=0):
    """Plant faults for the chapters, print what became of each; True when nine of ten
    were caught in every chapter."""
    console, available = Console(), execute.chapters()
    jobs, found = jobs or min(2, os.cpu_count() or 1), []

    def heard(said):
        style = None if isinstance(said, str) else COLOURS.get(said.outcome, "yellow")
        text = said if isinstance(said, str) else line(said)
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    for name in execute.choose(names, available):
        options = sample, seed, core, jobs
        found.append(survey.survey(available[name], *options, heard))
        heard(summary(found[-1]))
        if json_path:  # after each chapter: a night's work is not lost to the last one
            data = {"seed": seed, "chapters": [one.as_json() for one in found]}
            text = json.dumps(data, indent=1, ensure_ascii=False)
            execute.write_atomically(json_path, text + "\n")
    return all(one.ok for one in found)


def line(trial):
    """One trial as text: its outcome, its place, what caught it, or else its change."""
    fault, why = trial.fault, f" ({trial.fault.why})" if trial.fault.why else ""
    where = f"{fault.file}:{fault.line} {fault.where}{why}"
    text = f"  {trial.outcome:10} {where}"
    at = f"cell {trial.cell}: " if trial.cell else ""
    if trial.outcome != "survived":
        text += f"\n             {at}{trial.said}"
    return text + "".join(f"\n    {row}" for row in fault.diff.splitlines())


def summary(found):
    """The chapter in one line."""
    if found.problem:
        return f"{found.chapter}: {found.problem}"
    caught, ways = found.count(*survey.CAUGHT), []
    for outcome, words in (
        ("check", "by a check"),
        ("exception", "by an exception"),
        ("timeout", "by the clock"),
    ):
        if found.count(outcome):
            ways.append(f"{found.count(outcome)} {words}")
    how = f" ({', '.join(ways)})" if ways else ""
    hand = sum(trial.by_hand for trial in found.trials)
    hands = f"; by hand {found.count(*survey.CAUGHT, by_hand=True)} of {hand}"
    same = found.count("equivalent")
    return (
        f"{found.chapter}: caught {caught} of {len(found.trials)}{how}, "
        f"{found.count('survived')} survived"
        + (f", {same} equivalent" if same else "")
        + (hands if hand else "")
    )
