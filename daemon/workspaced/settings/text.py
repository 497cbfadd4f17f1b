"""The configuration for people to read: what is in force and why, and a sample file to start from."""

import json
from typing import Final

from workspaced.settings.model import ENV_PREFIX, NEED_RESTART, Configuration, Settings, allowed

_HEAD: Final = f"""\
# The configuration of workspaced: every setting, with its default or an example. Take away the # before one to set it.
# A variable such as {ENV_PREFIX}LOG_LEVEL is stronger than this file, and an argument such as --log-level than both.
# A running daemon takes changes over at SIGHUP, save those that say otherwise.
"""


def sample() -> str:
    """A configuration file with every setting, its default, and what it takes; all of them commented out."""
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        if field.examples:
            value, takes = (
                field.examples[0],
                "An absolute path, or one with a tilde, such as this; if not set, the platform's.",
            )
        else:
            value, takes = field.default, f"It takes {allowed(name)}."
        restart = " To change it takes a restart." if name in NEED_RESTART else ""
        parts.append(f"\n# {field.description} {takes}{restart}\n#{name} = {json.dumps(value)}\n")
    return "".join(parts)


def as_table(configuration: Configuration) -> str:
    """What is in force, and where each value comes from, in columns."""
    rows = [("SETTING", "VALUE", "FROM")]
    for name, value in _values(configuration).items():
        given = configuration.given.get(name)
        rows.append((name, str(value), "default" if given is None else given.place))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    there = "" if configuration.file.exists() else " (there is none)"
    lines = [f"Configuration file: {configuration.file}{there}", ""]
    lines += (f"{name:{widths[0]}}  {value:{widths[1]}}  {origin}" for name, value, origin in rows)
    if configuration.unknown_variables:
        lines += ["", f"Not settings, and passed over: {', '.join(configuration.unknown_variables)}"]
    return "\n".join(lines)


def as_json(configuration: Configuration) -> str:
    """The same for programs: `{file, settings: {name: {value, origin, place}}, unknownVariables}`."""
    settings: dict[str, object] = {}
    for name, value in _values(configuration).items():
        given = configuration.given.get(name)
        origin = {"origin": "default"} if given is None else {"origin": given.origin, "place": given.place}
        settings[name] = {"value": value, **origin}
    return json.dumps(
        {
            "file": str(configuration.file),
            "settings": settings,
            "unknownVariables": configuration.unknown_variables,
        },
        indent=2,
    )


def _values(configuration: Configuration) -> dict[str, object]:
    return configuration.settings.model_dump(mode="json")
