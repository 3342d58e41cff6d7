"""`mingqu version`."""

from __future__ import annotations

import json

import click

import mingqu
from mingqu.cli.option import json_option


@click.command()
@json_option
def version(as_json: bool) -> int:
    """Print the version."""
    click.echo(json.dumps({"version": mingqu.__version__}) if as_json else f"mingqu {mingqu.__version__}")
    return 0
