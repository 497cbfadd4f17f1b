"""The contract between workspaced and its clients: names, shapes, codes and bytes, with no I/O."""

__version__ = "0.1.0"

PROTOCOL_VERSION = 1
"""The protocol version of this release; `daemon.hello` refuses all others."""
