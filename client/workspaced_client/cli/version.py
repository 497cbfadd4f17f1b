"""`workspacectl version`, and `--version`."""

from __future__ import annotations

from workspaced_client.cli.base.output import emit, emit_json
from workspaced_protocol import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from workspaced_client.cli.base.options import Options


def version(options: Options) -> None:
    """Print the version."""
    if options.as_json:
        emit_json(__version__)
    else:
        emit(f"workspacectl {__version__}")
