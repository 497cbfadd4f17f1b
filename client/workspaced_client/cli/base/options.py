"""The values of the options of every command."""

from __future__ import annotations

from workspaced_client.cli.commands.shared import DEFAULT_TIMEOUT_SECONDS


class Options:
    """The values of these options; `socket` and `timeout_seconds` are None for the default ones.

    `autostart` is whether a command may start the daemon that it needs, if the settings allow it, too. `machine` is no option:
    the daemon tells it with its first answer. It is this machine's name in a store that several share, otherwise None.
    """

    __slots__ = ("as_json", "autostart", "machine", "quiet", "socket", "timeout_seconds")

    def __init__(
        self,
        socket: str | None = None,
        timeout_seconds: float | None = None,
        *,
        as_json: bool = False,
        quiet: bool = False,
        autostart: bool = True,
    ) -> None:
        self.socket = socket
        self.timeout_seconds = timeout_seconds
        self.as_json = as_json
        self.quiet = quiet
        self.autostart = autostart
        self.machine: str | None = None

    def patience_seconds(self, default: float = DEFAULT_TIMEOUT_SECONDS) -> float:
        """Return the time to wait for an answer: the user's choice, else `default`."""
        return default if self.timeout_seconds is None else self.timeout_seconds
