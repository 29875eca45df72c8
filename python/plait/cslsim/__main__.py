"""``python -m plait.cslsim``: the simulator's commands alone."""

import sys

import typer

from plait.cslsim.cli import register
from plait.errors import PlaitError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
register(app)

if __name__ == "__main__":
    try:
        app()
    except PlaitError as error:
        sys.exit(f"error: {error}")
