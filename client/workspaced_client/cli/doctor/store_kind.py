"""Doctor's check of the kinds of store in a data directory: a start refuses two, and another one than the settings ask for."""

import os
from pathlib import Path
from typing import Final

from workspaced_client.cli.doctor.finding import Finding, problem
from workspaced_protocol.datadir import MIGRATION, SIGNS

_NAME: Final = "store"
_A_STORE: Final = {"json": "a JSON store", "sqlite": "a SQLite store", "etcd": "an etcd store"}


def check_kind(data_dir: Path, choice: str) -> Finding | None:
    """Return what a start would refuse, None if nothing; `choice` is the setting `store`, empty where it is wrong."""
    if os.path.lexists(data_dir / MIGRATION):
        return None  # of a stopped migration: the next start moves the other store away
    found = {
        kind: there
        for kind, names in SIGNS.items()
        if (there := [name for name in names if os.path.lexists(data_dir / name)])
    }
    if choice in found or not found:
        return None
    if len(found) > 1:
        files = " and ".join(there[0] for there in found.values())
        advice = (
            f"Choose one by the setting `store`, {' or '.join(found)}, or move the files of the other away: no daemon "
            "starts until then."
        )
        return problem(_NAME, f"{data_dir} holds two stores ({files}).", advice)
    if choice not in SIGNS:
        return None  # `auto` takes what is there
    (kind,) = found
    advice = f"Leave the setting out to serve that store, or make it {_A_STORE[choice]}: workspaced migrate --to {choice}"
    told = f"{data_dir} holds {_A_STORE[kind]}, but the setting `store` is {choice}."
    return problem(_NAME, told, advice)
