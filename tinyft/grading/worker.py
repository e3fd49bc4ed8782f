"""The process in which answers run: one job in on standard input, events out to a file.

job: {test, scratch, results, nonce, strict, done, limits, candidates}.  Every line of
the results carries the nonce, which the answer is never told, so that neither printing
nor leaving Python early can pass for a result; a line without it counts for nothing.
"""

import base64
import json
import os
import sys
from pathlib import Path

import pytest

from tinyft.grading import context, guard
from tinyft.grading.plugin import NAME, Candidate, Grading


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
    grading = Grading(candidates, report, job["done"], protect)
    before = context.strict
    context.strict = job["strict"]
    try:
        pytest.main(arguments(job), plugins=[_Register(grading)])
    finally:
        context.strict = before
    report(event="done")


def encode(candidate):
    """A candidate as JSON data."""
    data = base64.b64encode(candidate.data).decode()
    return vars(candidate) | {"path": str(candidate.path), "data": data}


def decode(data):
    """The candidate of `encode`."""
    fields = dict(data, path=Path(data["path"]), data=base64.b64decode(data["data"]))
    return Candidate(**fields | {"forbidden": tuple(fields["forbidden"])})


def arguments(job):
    """pytest's command line: no config and no conftest of the surroundings."""
    scratch = Path(job["scratch"])
    empty = scratch / "pytest.ini"
    empty.write_text("[pytest]\n", encoding="utf-8")
    flags = "-q --tb=no --no-header --noconftest --import-mode=importlib".split()
    plugins = "-p no:cacheprovider -p tinyft.grading.plugin".split()
    places = ["-c", empty, "--rootdir", scratch, "--basetemp", scratch / "tmp"]
    return [*flags, *plugins, *map(str, places), job["test"]]


class _Register:
    """Hands the grading to pytest under its name, before the plugin makes its own."""

    def __init__(self, grading):
        self.grading = grading

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config):
        config.pluginmanager.register(self.grading, NAME)


def main():
    """Read the job, grade, and end at once: no exit handler of an answer runs."""
    job = json.loads(sys.stdin.readline())
    handle = os.open(job.pop("results"), os.O_WRONLY | os.O_APPEND)

    def write(line):
        data = line.encode()
        while data:
            data = data[os.write(handle, data) :]

    grade(job, write)
    os._exit(0)
