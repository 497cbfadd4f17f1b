"""`workspacectl flush`: both of the store's files, written again from memory."""

from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit, emit_json


def flush(options: Options) -> None:
    """Make the daemon write both of its files again, from memory."""
    with connected(options) as client:
        revision = client.store.flush()
    if options.as_json:
        emit_json({"revision": revision})
    elif not options.quiet:
        emit(f"Wrote both files again, at revision {revision}.")
