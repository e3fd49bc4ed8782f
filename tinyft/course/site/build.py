"""Sphinx over the assembled sources: HTML, and the whole as PDF and EPUB."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tinyft.course.site import browser, reading
from tinyft.course.site.assemble import assemble

NEEDED = (
    "sphinx",
    "myst_nb",
    "pydata_sphinx_theme",
    "sphinx_copybutton",
    "sphinx_design",
)
ADDRESS = "TINYFT_REPOSITORY"  # "owner/name", once there is one


class SiteError(OSError):
    """The site could not be built; the sentence says why."""


def build(out, language="en", pdf=False, epub=False, say=print):
    """Build the site into the folder `out`, and tell by `say` what has been written.

    Raises SiteError where the notebooks are not beside the package, an extra is missing,
    or Sphinx has anything to complain about.
    """
    root = Path(__file__).resolve().parents[3]
    _ready(root)
    repository = os.environ.get(ADDRESS, "")
    with TemporaryDirectory() as folder:
        room = Path(folder)
        assemble(root, room / "html", language, repository)
        _sphinx("html", room / "html", room / "made")
        (room / "made" / "_static" / "webpack-macros.html").unlink(missing_ok=True)
        reading.mend_back_links(room / "made")
        _mend_chinese_search(room / "made" / "_static" / "language_data.js")
        _whole(room / "made")
        _replace(room / "made", out)
        say(f"{out / 'index.html'}: {len(list(out.rglob('*.html')))} pages")
        if pdf or epub:
            assemble(root, room / "paper", language, repository, paper=True)
        if pdf:
            _sphinx("singlehtml", room / "paper", room / "single")
            browser.print_pdf(room / "single" / "index.html", out / "tinyft.pdf")
            say(f"{out / 'tinyft.pdf'}")
        if epub:
            _sphinx("epub", room / "paper", room / "book")
            shutil.copy(next((room / "book").glob("*.epub")), out / "tinyft.epub")
            say(f"{out / 'tinyft.epub'}")


def _ready(root):
    if not (root / "notebooks").is_dir() or not (root / "docs" / "site").is_dir():
        raise SiteError(
            "tinyft site needs a copy of the repository: the notebooks and docs are not "
            f"part of the installed package, and {root} has none"
        )
    missing = [name for name in NEEDED if not _is_there(name)]
    if missing:
        raise SiteError(
            f"tinyft site needs {', '.join(missing)}; python -m pip install "
            '-e ".[docs]" brings all it needs'
        )


def _is_there(name):
    from importlib.util import find_spec

    return find_spec(name) is not None


def _sphinx(builder, sources, to):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-j", "2"]
    command += ["-b", builder, "-d", f"{to}-doctrees", str(sources), str(to)]
    ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if ran.returncode or ran.stderr.strip():
        told = ran.stderr.strip().replace(f"{sources}{os.sep}", "")
        raise SiteError(f"Sphinx ({builder}) complained:\n{told}")


def _mend_chinese_search(script):
    """Sphinx 9.0 names a stemmer that it does not ship; the one it ships is English."""
    text = script.read_text("utf-8")
    if "ChineseStemmer" in text and "ChineseStemmer=" not in text:
        script.write_text(text.replace("ChineseStemmer", "EnglishStemmer"), "utf-8")


def _whole(made):
    """SiteError if a link within the site leads nowhere."""
    folder = made.resolve()
    lost = [
        f"{page}: {link}" for page, link in reading.broken(reading.read(folder), folder)
    ]
    if lost:
        raise SiteError("links of the site lead nowhere:\n" + "\n".join(lost[:20]))


def _replace(made, out):
    """The new site in place of the old one, which goes only when the new one is whole."""
    for rest in ("_sources", ".buildinfo", "objects.inv"):
        path = made / rest
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if out.exists():
        if any(out.iterdir()) and not (out / "index.html").exists():
            raise SiteError(
                f"{out} is not empty and holds no site; name another folder"
            )
        shutil.rmtree(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(made, out)
