"""The files by which people join the project: they parse, and what they name exists."""

import configparser
import re
from pathlib import Path

import pytest

import tinyft

ROOT = Path(__file__).parents[1]
yaml = pytest.importorskip("yaml", reason="jupytext brings PyYAML: the 'course' extra")
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def read(path):
    return yaml.safe_load(path.read_text("utf-8"))


def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.mark.parametrize(
    "path", [p for p in FORMS if p.name != "config.yml"], ids=lambda p: p.stem
)
def test_a_form_asks_for_what_helps(path):
    """Fields have ids of their own and labels; the doctor's output is asked for."""
    form = read(path)
    assert form["name"] and form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids)) and "doctor" in ids
    for field in form["body"]:
        assert field["type"] in ("input", "textarea", "dropdown", "checkboxes")
        assert field["attributes"]["label"]
    assert any(f.get("validations", {}).get("required") for f in form["body"])


def test_there_is_a_form_for_readers_and_one_for_learners():
    assert {"unclear", "refused", "fault"} <= {path.stem for path in FORMS}


def test_the_citation_is_of_this_version():
    about = read(ROOT / "CITATION.cff")
    assert about["cff-version"] == "1.2.0" and about["type"] == "software"
    assert about["version"] == tinyft.__version__
    assert about["license"] == setup()["metadata"]["license"]
    assert about["authors"] and about["title"].startswith("tinyft")


def test_the_changelog_tells_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert tinyft.__version__ in text and "## Unreleased" in text
    notebooks = len(list((ROOT / "notebooks").glob("*.ipynb")))
    assert f"{notebooks} notebooks" in text
    for command in re.search(r"`tinyft (course[^`]*)`", text)[1].split(", "):
        assert f"def {command}(" in _commands(), command


def _commands():
    folder = ROOT / "tinyft" / "commands"
    return "\n".join(path.read_text("utf-8") for path in folder.glob("*.py"))


def test_the_workflow_runs_what_there_is():
    """Its extras are in setup.cfg, its Pythons are those of the classifiers."""
    flow = read(WORKFLOW)
    text = WORKFLOW.read_text("utf-8")
    assert "Not yet run on this service" in text.replace("\n# ", " ")
    for extra in re.findall(r'"\.\[([^\]]+)\]"', text):
        assert set(extra.split(",")) <= set(setup()["options.extras_require"])
    matrix = flow["jobs"]["tests"]["strategy"]["matrix"]
    known = re.findall(r"Python :: (3\.\d+)", setup()["metadata"]["classifiers"])
    assert matrix["python"] == known
    assert [name.partition("-")[0] for name in matrix["os"]] == [
        "ubuntu",
        "macos",
        "windows",
    ]
    runs = [s.get("run", "") for job in flow["jobs"].values() for s in job["steps"]]
    assert ".ci/run" in runs and (ROOT / ".ci" / "run").stat().st_mode & 0o100
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "pytest -n 2 --dist loadfile" in runs
    assert 'install -e ".[test]" && pytest -n 2 --dist loadfile' in readme


def test_pre_commit_runs_the_linters_of_ci():
    hooks = read(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    entries = [hook["entry"] for hook in hooks]
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "ruff check ." in script and "ruff format --check ." in script
    assert entries[:2] == ["ruff check", "ruff format --check"]
    for entry in entries:
        for path in re.findall(r"tests/\S+\.py", entry):
            assert (ROOT / path).is_file()
