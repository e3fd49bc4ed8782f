"""pip as a program: one wheel into a folder, and what its errors mean."""

import os
import subprocess
import sys

# Words of pip's error output: what they mean and what to do.
MEANINGS = {
    "No module named pip": "this Python has no pip; python -m ensurepip adds it",
    "No space left": "the disk is full; make room, or name another folder in TINYFT_CACHE",
    "Disk quota exceeded": "your quota is used up; name another folder in TINYFT_CACHE",
    "Permission denied": "this account may not write there; name another folder in "
    "TINYFT_CACHE",
    "SSLError": "the connection is not trusted (a proxy?); see pip config for certificates",
    "THESE PACKAGES DO NOT MATCH THE HASHES": "pip's own hash check failed; try again",
}
OFFLINE = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "ConnectionResetError",
    "Network is unreachable",
)


class FetchError(OSError):
    """Something could not be fetched; the message says why and what to do."""


def download(requirement, folder):
    """Fetch the wheel of "package==version" into a new folder; its path.

    No dependencies and no source packages, so nothing of it runs. pip's progress is shown
    on a terminal, and pip's settings (index, proxy) hold. Raises FetchError.
    """
    folder.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries", "2"]
    command += ["--only-binary", ":all:", "--no-cache-dir", "--dest", str(folder)]
    command += ["--disable-pip-version-check", "--", requirement]
    shown = None if sys.stdout.isatty() else subprocess.PIPE
    done = subprocess.run(
        command,
        stdout=shown,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=os.environ | {"TMPDIR": str(folder), "TEMP": str(folder)},
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise FetchError(meaning((done.stdout or "") + done.stderr))
    return wheels[0]


def meaning(output):
    """The sentence for what pip has written."""
    for words, sentence in MEANINGS.items():
        if words in output:
            return f"{sentence}."
    if any(words in output for words in OFFLINE):
        return (
            "no package index answers; is there a network? Behind a mirror, say where it "
            "is: pip config set global.index-url URL."
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    if "No matching distribution" in output:
        return (
            "the package index that pip asks does not have it for this Python "
            f"({errors[0].removeprefix('ERROR: ')[:160] if errors else 'no version'})."
        )
    last = (
        errors[-1]
        if errors
        else (output.strip() or "pip says nothing").splitlines()[-1]
    )
    return f"pip failed: {last.removeprefix('ERROR: ')[:200]}."
