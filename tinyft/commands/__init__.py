"""The commands: each takes its options apart and calls one function."""

try:
    import rich  # noqa: F401
    import typer  # noqa: F401
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"tinyft's commands need {missing.name}, which is not installed: "
        'python -m pip install "tinyft[course]"'
    ) from None
