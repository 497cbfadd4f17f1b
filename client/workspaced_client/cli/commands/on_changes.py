"""The rows of the commands on changes and on the programs that make them."""

from __future__ import annotations

from workspaced_client.cli.commands import values
from workspaced_client.cli.commands.row import PAST_NAMES, TOPICS, WORKSPACES, Argument, Command, Option
from workspaced_client.cli.commands.shared import DRY_RUN, YES

_OF_CHANGES = "Changes"

ROWS = (
    Command(
        "watch",
        "Show events as they happen, until Ctrl-C.",
        group=_OF_CHANGES,
        run="watch:watch",
        arguments=(
            Argument(
                "TOPIC",
                "Such as workspace.created or 'project.*'.",
                parameter="topics",
                many=True,
                default="all",
                completes=TOPICS,
            ),
        ),
        options=(
            Option(
                "--since",
                value="REVISION",
                parse=values.whole_number,
                help="Start after this revision of the store, also of before a restart.",
            ),
        ),
        text="Continues by itself after a restart of the daemon, with what happened meanwhile. With --json, each event "
        "is one line.",
        examples=("watch", "watch 'workspace.*' --json"),
    ),
    Command(
        "log",
        "Show the changes of a workspace or of all, newest first.",
        group=_OF_CHANGES,
        run="log:log",
        aliases=("history",),
        arguments=(
            Argument(
                "WORKSPACE",
                "Its name or its id, also of a deleted one.",
                optional=True,
                default="the one around the current directory, else all",
                completes=PAST_NAMES,
            ),
        ),
        options=(
            Option("--all", parameter="everything", help="The changes of all workspaces."),
            Option(
                "--limit",
                value="NUMBER",
                parse=values.count,
                preset="20",
                help="The most changes to show.",
            ),
            Option(
                "--before",
                value="REVISION",
                parse=values.whole_number,
                help="Only changes before this revision of the store.",
            ),
        ),
        text="`workspacectl undo` takes a change back.",
        examples=("log", "log alpha --limit 5", "log --all --before 17 --json"),
    ),
    Command(
        "undo",
        "Undo a change: its workspace becomes what it was before.",
        group=_OF_CHANGES,
        run="undo:undo",
        arguments=(
            Argument(
                "REVISION",
                "That of a change in `workspacectl log`.",
                optional=True,
                default="the newest change",
                parse=values.whole_number,
            ),
        ),
        options=(YES, DRY_RUN),
        text="Shows the difference, then asks. An undo is a change too: a second `undo` takes the first one back.",
        examples=("undo", "undo 17 --dry-run"),
    ),
    Command(
        "sessions",
        "List the sessions: the programs at work in a workspace.",
        group=_OF_CHANGES,
        run="sessions:sessions",
        arguments=(
            Argument(
                "WORKSPACE",
                "Only sessions in this workspace, by name or id.",
                optional=True,
                completes=WORKSPACES,
            ),
        ),
        examples=("sessions", "sessions alpha"),
    ),
)
