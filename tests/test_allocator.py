"""Freed memory is used again: page faults counted in a process of its own."""

import os
import platform
import subprocess
import sys

import pytest

from tinyft.backend import allocator

FAULTS = """
import resource
import numpy as np
import tinyft

def faults(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        a, b = np.ones(1 << 18), np.ones(1 << 18)  # 2 MiB each: no huge pages
        del a, b
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(3)
print(faults(20), tinyft.backend.keep_freed_memory())
"""
PAGES = 20 * (4 << 20) // 4096  # if every array were made of new pages
glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not sys.platform.startswith("linux"),
    reason="mallopt is glibc's",
)


def run(**settings):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    kept.pop("GLIBC_TUNABLES", None)
    command = [sys.executable, "-c", FAULTS]
    ended = subprocess.run(
        command, env=kept | settings, capture_output=True, text=True, check=True
    )
    faults, taken = ended.stdout.split()
    return int(faults), taken == "True"


@glibc
def test_arrays_of_a_step_are_made_of_old_pages():
    faults, taken = run()
    assert taken and faults < PAGES / 100


@glibc
def test_the_users_own_setting_wins():
    faults, taken = run(MALLOC_MMAP_THRESHOLD_="65536")
    assert not taken and faults > PAGES / 2


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert allocator.keep_freed_memory() is False
    allocator.give_back()
