"""`workspacectl flush`: both of the store's files, written again from memory."""

import typer

from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.options import options_of
from workspaced_client.cli.base.output import emit, emit_json


def flush(context: typer.Context) -> None:
    """Have the daemon write both of its files anew from memory."""
    options = options_of(context)
    with connected(options) as client:
        revision = client.store.flush()
    if options.as_json:
        emit_json({"revision": revision})
    elif not options.quiet:
        emit(f"Both files were written anew, at revision {revision}.")
