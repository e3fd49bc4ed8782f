"""The table of `tinyft fetch`: what there is, how large, its licence, and if it is here."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tinyft import pretrained


def listing(console=None):
    """Print every model and data set that can be fetched."""
    grid = Table(title="tinyft fetch")
    for title in ("name", "what", "to load", "kept", "licence", "here"):
        grid.add_column(title, no_wrap=title in ("name", "to load", "kept"))
    for found in pretrained.catalogue().values():
        sizes = f"{found.megabytes} MB", f"{found.size / 1e6:.0f} MB"
        here = Text("yes", style="green") if found.is_here else Text("-")
        grid.add_row(found.name, found.what, *sizes, found.licence, here)
    console = console or Console()
    console.print(grid)
    console.print(Text(f"tinyft fetch NAME puts it into {pretrained.cache_folder()}"))
