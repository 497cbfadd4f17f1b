"""`workspacectl help`: the help of all commands, or of one."""

from __future__ import annotations

from workspaced_client.cli.base.help_text import help_of
from workspaced_client.cli.base.output import emit, emit_json
from workspaced_client.cli.base.reading import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from workspaced_client.cli.base.options import Options


def help_(options: Options, command: list[str]) -> None:
    """Print the help of all commands or of one."""
    reading = Reading()
    for word in command:
        reading.take(word)
    if reading.arguments:
        raise reading.wrong(f"“{' '.join(command)}” is no command.")
    text = help_of(reading.row)
    if options.as_json:
        emit_json(text)
    else:
        emit(text)
