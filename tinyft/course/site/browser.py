"""Chromium without a window, to print the site."""

import shutil
import subprocess

NAMES = "chromium", "chromium-browser", "google-chrome", "chrome", "msedge"


class BrowserError(OSError):
    """There is no browser, or it did not print; the sentence says which."""


def find():
    """The path of a Chromium, Chrome or Edge; None if this machine has none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def print_pdf(page, to, seconds=300):
    """Print an HTML file as PDF. Raises BrowserError without a browser that can."""
    browser = find()
    if browser is None:
        raise BrowserError(
            "tinyft site --pdf prints with Chromium, and none of "
            f"{', '.join(NAMES)} is installed"
        )
    command = [browser, "--headless", "--disable-gpu", "--no-sandbox"]
    command += [
        "--no-pdf-header-footer",
        f"--print-to-pdf={to}",
        page.resolve().as_uri(),
    ]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise BrowserError(
            f"{browser} took longer than {seconds} s to print"
        ) from error
    if ran.returncode or not to.exists():
        raise BrowserError(f"{browser} did not print {page}: {ran.stderr[-300:]}")
