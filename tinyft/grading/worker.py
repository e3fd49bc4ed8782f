"""The process in which answers run: one job in on standard input, events out to a file.

job: {test, scratch, results, nonce, strict, done, limits, candidates}.  Every line of
the results carries the nonce, which the answer is never told, so that neither printing
nor leaving Python early can pass for a result; a line without it counts for nothing.
"""

import json
import os
import sys
from pathlib import Path

import pytest

from tinyft.grading import context, guard
from tinyft.grading.candidate import decode
from tinyft.grading.plugin import NAME, Grading, Leave

# no config and no conftest of the surroundings; nothing that a check has no use for
FLAGS = "-q --tb=no --no-header --noconftest --import-mode=importlib".split()
for _plugin in (
    "cacheprovider unraisableexception threadexception faulthandler junitxml doctest "
    "logging warnings pastebin stepwise"
).split():
    FLAGS += ["-p", f"no:{_plugin}"]


def grade(job, write):
    """Run the job's checks in this process; write(line) takes each event."""
    nonce = job.pop("nonce")

    def report(**event):
        write("\n" + json.dumps({"nonce": nonce} | event) + "\n")

    def protect():
        if job["limits"]:
            guard.limit(**job["limits"])
            guard.install(job["scratch"])

    candidates = [decode(one) for one in job["candidates"]]
    grading = Grading(candidates, report, job["done"], protect, job.get("first"))
    grading.trusted = job["strict"] or bool(job.get("first"))  # self-test, mutants
    before = context.strict
    context.strict = job["strict"]
    try:
        code = pytest.main(arguments(job), plugins=[_Register(grading)])
    finally:
        context.strict = before
    if code in (0, 1, 5):  # right, wrong, no check; not: stopped in the middle
        report(event="done")


def arguments(job):
    """pytest's command line: no config and no conftest of the surroundings."""
    scratch = Path(job["scratch"])
    empty = scratch / "pytest.ini"
    empty.write_text("[pytest]\n", encoding="utf-8")
    places = ["-c", empty, "--rootdir", scratch, "--basetemp", scratch / "tmp"]
    plugin = ["-p", "tinyft.grading.plugin"]
    return [*FLAGS, *plugin, *map(str, places), job["test"]]


class _Register:
    """Hands the grading to pytest under its name, before the plugin makes its own."""

    def __init__(self, grading):
        self.grading = grading

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config):
        config.pluginmanager.register(self.grading, NAME)
        if self.grading.first:
            config.pluginmanager.register(Leave(self.grading.failed))


def main(line=None):
    """Read the job, grade, and end at once: no exit handler of an answer runs."""
    job = json.loads(line or sys.stdin.readline())
    handle = os.open(job.pop("results"), os.O_WRONLY | os.O_APPEND)
    errors = job.pop("errors", None)
    if errors:
        os.chdir(job["scratch"])
        descriptor = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, 2)
        os.close(descriptor)

    def write(line):
        data = line.encode()
        while data:
            data = data[os.write(handle, data) :]

    grade(job, write)
    os._exit(0)
