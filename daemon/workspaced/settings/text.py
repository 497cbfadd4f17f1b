"""The configuration as text: the settings in force with their origins, and a sample file."""

import json
from typing import Final, cast

from workspaced.settings.checks import allowed
from workspaced.settings.loading import ENV_PREFIX, Configuration
from workspaced.settings.model import DEFAULT_PATHS, FIELDS, NEED_RESTART, PATHS

_HEAD: Final = f"""\
# The configuration of workspaced: every setting, with its default or an example. To set one, remove its #.
# A variable such as {ENV_PREFIX}LOG_LEVEL overrides this file; an argument such as --log-level overrides both.
# A running daemon applies changes at SIGHUP, except those that need a restart.
"""


def sample() -> str:
    """Return a configuration file with every setting, its default and its allowed values, all commented out."""
    parts = [_HEAD]
    parts += (f"\n# {described(name)}\n#{as_toml(name)}\n" for name in FIELDS)
    return "".join(parts)


def described(name: str) -> str:
    """Return the meaning of a setting, its allowed values, and whether a change needs a restart."""
    metadata = FIELDS[name].metadata
    takes = f"Allowed: {allowed(name)}."
    if name in PATHS:
        takes = "An absolute path, or one that begins with ~/."
        takes += " The default depends on the platform." if name in DEFAULT_PATHS else ""
    restart = " A change needs a restart." if name in NEED_RESTART else ""
    return f"{metadata['description']} {takes}{restart}"


def as_toml(name: str) -> str:
    """Return the line that sets a setting to its default, or to an example where that can't be written."""
    field = FIELDS[name]
    value = field.metadata["examples"][0] if "examples" in field.metadata else field.default
    return f"{name} = {json.dumps(value)}"


def as_table(configuration: Configuration) -> str:
    """Return the settings in force and the origin of each value, in columns."""
    rows = [("SETTING", "VALUE", "FROM")]
    for name, value in configuration.settings.by_name().items():
        given = configuration.given.get(name)
        rows.append((name, _shown(value), "default" if given is None else given.place))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    file = configuration.file
    there = "" if file is None or file.exists() else " (missing)"
    lines = [f"Configuration file: {file or 'none (there is no home directory)'}{there}", ""]
    lines += (f"{name:{widths[0]}}  {value:{widths[1]}}  {origin}" for name, value, origin in rows)
    if configuration.unknown_variables:
        lines += ["", f"Ignored, because they are not settings: {', '.join(configuration.unknown_variables)}"]
    return "\n".join(lines)


def _shown(value: object) -> str:
    """Return a value as the variables have it."""
    if isinstance(value, list):
        return ",".join(map(str, cast("list[object]", value)))
    if value is None:
        return "(none)"
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_json(configuration: Configuration) -> str:
    """Return the same as JSON: `{file (or null), settings: {name: {value, origin, place}}, unknownVariables}`."""
    settings: dict[str, object] = {}
    for name, value in configuration.settings.by_name().items():
        given = configuration.given.get(name)
        origin = {"origin": "default"} if given is None else {"origin": given.origin, "place": given.place}
        settings[name] = {"value": value, **origin}
    return json.dumps(
        {
            "file": None if configuration.file is None else str(configuration.file),
            "settings": settings,
            "unknownVariables": configuration.unknown_variables,
        },
        indent=2,
    )
