"""The judge's process: runs a task's checks with pytest, asks answers for their values.

job: {parts, scratch, strict, done, limits}, parts of {test, settings, candidates}.
Events go out as lines of JSON; a judge that dies costs the check that it was in.
"""

import json
import os
import socket
import sys
from pathlib import Path

import pytest

from tinyft.grading.candidate import decode
from tinyft.grading.check import context
from tinyft.grading.check.grading import Grading, Leave
from tinyft.grading.check.plugin import NAME
from tinyft.grading.sandbox import alone, limits
from tinyft.grading.sandbox.session import Warm

# no config and no conftest of the surroundings; nothing that a check has no use for
FLAGS = (
    "-q --tb=no --no-header --noconftest --import-mode=importlib --assert=plain "
    "--capture=no --continue-on-collection-errors"
).split()
for _plugin in (
    "cacheprovider unraisableexception threadexception faulthandler junitxml doctest "
    "logging warnings pastebin stepwise debugging setuponly setupplan recwarn legacypath "
    "monkeypatch tmpdir subtests"
).split():
    FLAGS += ["-p", f"no:{_plugin}"]


def grade(job, write, opener):
    """Run the job's checks in this process; write(line) takes each event."""

    def report(**event):
        write(json.dumps(event) + "\n")

    parts = [
        (part["test"], part["settings"], [decode(one) for one in part["candidates"]])
        for part in job["parts"]
    ]
    grading = Grading(parts, opener, report, job["done"])
    if job["limits"]:
        grading.protect = lambda: limits.limit(**job["limits"])
    before = context.strict
    context.strict = job["strict"]
    try:
        code = pytest.main(arguments(job), plugins=[_Register(grading)])
    finally:
        context.strict = before
    if code in (0, 1, 5):  # right, wrong, no check; not: stopped in the middle
        report(event="done", lost=opener.lost)


def arguments(job):
    """pytest's command line: no config and no conftest of the surroundings."""
    scratch = Path(job["scratch"])
    empty = scratch / "pytest.ini"
    empty.write_text("[pytest]\n", encoding="utf-8")
    places = ["-c", empty, "--rootdir", scratch, "--basetemp", scratch / "tmp"]
    plugin = ["-p", "tinyft.grading.check.plugin"]
    tests = [part["test"] for part in job["parts"]]
    return [*FLAGS, *plugin, *map(str, places), *tests]


class _Register:
    """Hands the grading to pytest under its name, before the plugin makes its own."""

    def __init__(self, grading):
        self.grading = grading

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config):
        config.pluginmanager.register(self.grading, NAME)
        config.pluginmanager.register(Leave(self.grading))


def main(line, events, control=None):
    """Grade the job of a line; events and control are descriptors."""
    job = json.loads(line)
    os.chdir(job["scratch"])

    def write(line):
        data = line.encode()
        while data:
            data = data[os.write(events, data) :]

    if control is None:
        settings = job["parts"][0]["settings"]
        how = settings["imports"], settings["forbidden"], job["scratch"]
        opener = alone.cold(*how)
    else:
        opener = Warm(socket.socket(fileno=control), job["scratch"])
    grade(job, write, opener)
    os._exit(0)


def main_once():
    """The one job on standard input; events to standard output."""
    events, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    main(sys.stdin.buffer.read(), events)
