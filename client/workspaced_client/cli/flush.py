"""`workspacectl flush`: the whole store, written again from memory."""

from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit, emit_json


def flush(options: Options) -> None:
    """Make the daemon write the whole store again, from memory."""
    with connected(options) as client:
        revision = client.store.flush()
    if options.as_json:
        emit_json({"revision": revision})
    elif not options.quiet:
        emit(f"Wrote the whole store again, at revision {revision}.")
