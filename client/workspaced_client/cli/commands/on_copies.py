"""The rows of the commands on copies of the store, and on the formats of other programs."""

from __future__ import annotations

from workspaced_client.cli.commands.row import (
    BACKUPS,
    DIRECTORIES,
    FILES,
    WORKSPACES,
    Argument,
    Command,
    Family,
    Option,
)
from workspaced_client.cli.commands.shared import DRY_RUN, YES

_OF_COPIES = "Copies, import and export"

ROWS = (
    Command(
        "backup",
        "Copy the store, and verify the copy.",
        group=_OF_COPIES,
        run="backups:backup",
        arguments=(
            Argument(
                "FILE", "The new file.", optional=True, default="among the daemon's backups", completes=FILES
            ),
        ),
        text="The daemon also makes copies by itself: see `workspacectl backups`.",
        examples=("backup", "backup ~/workspaces.json"),
    ),
    Command(
        "backups",
        "List the daemon's copies of the store, newest first.",
        group=_OF_COPIES,
        run="backups:backups",
        text="It makes one in each hour with a change. It keeps hourly copies for a day, and daily copies for a month.",
        examples=("backups",),
    ),
    Command(
        "restore",
        "Replace the content of the store with a backup, in one commit.",
        group=_OF_COPIES,
        run="backups:restore",
        arguments=(
            Argument(
                "BACKUP",
                "A name from `workspacectl backups`, or the path of a store's file.",
                completes=BACKUPS,
            ),
        ),
        options=(YES, DRY_RUN),
        text="Shows the changes, then asks. The daemon keeps a copy of the old content.",
        examples=("restore ~/workspaces.json --dry-run", "restore workspaces-20260102T030405Z-r17.json"),
    ),
    Command(
        "import",
        "Import workspaces and projects from files, from other programs, or from the disk.",
        group=_OF_COPIES,
        run="import_:import_",
        arguments=(
            Argument(
                "FILE",
                "An older app's store, a .code-workspace file, an export, or another program's list.",
                parameter="files",
                many=True,
                completes=FILES,
            ),
        ),
        options=(
            Option(
                "--scan",
                value="DIR",
                completes=DIRECTORIES,
                help="Look for git repositories at and below DIR: each becomes a workspace with one project.",
            ),
            Option(
                "--from",
                value="PROGRAM",
                parameter="source",
                choices=("vscode", "project-manager", "jetbrains", "zoxide", "ghq"),
                help="Take the list of a program, at FILE or in its default places: vscode, project-manager, "
                "jetbrains, zoxide or ghq.",
            ),
            Option(
                "--into",
                value="WORKSPACE",
                completes=WORKSPACES,
                help="Bind everything to this one workspace. It is created if it does not exist.",
            ),
            YES,
            DRY_RUN,
        ),
        text="""\
Shows the changes, then asks, and applies them in one commit. Overwrites nothing in the store, and imports nothing a
second time.

A scan skips hidden directories, node_modules and the like. It does not follow symbolic links, and does not look for
repositories inside repositories.""",
        examples=(
            "import ~/old-app --dry-run",
            "import shop.code-workspace",
            "import --from vscode --dry-run",
            "import --scan ~/code",
            "import --scan ~/code/tools --into tools",
        ),
    ),
    Command(
        "export",
        "Write workspaces to a file, for VS Code or another program.",
        group=_OF_COPIES,
        run="export:export",
        arguments=(
            Argument("WORKSPACE", "Names or ids.", parameter="workspaces", many=True, completes=WORKSPACES),
        ),
        options=(
            Option(
                "--format",
                "-f",
                value="FORMAT",
                parameter="format_",
                required=True,
                choices=("code-workspace", "json", "helios-v1"),
                help="VS Code's format (code-workspace), the JSON of `list --json` (json), or the store of an older "
                "app, version 1 (helios-v1).",
            ),
            Option("--all", parameter="everything", help="All workspaces."),
            Option(
                "--output",
                "-o",
                value="FILE",
                completes=FILES,
                default="stdout",
                help="The file to write.",
            ),
            Option("--force", help="Replace FILE if it exists."),
        ),
        text="`workspacectl import` reads each format back.",
        examples=(
            "export shop --format code-workspace -o shop.code-workspace",
            "export --all --format helios-v1 -o workspaces.json",
        ),
    ),
    Family(
        "recovery",
        "Show a recovery from damage, and bring back more workspaces.",
        group=_OF_COPIES,
        text="Every command warns of a recovery until you acknowledge it, or nothing is missing any more.",
    ),
    Command(
        "recovery show",
        "Show the last recovery, and the content of the damaged files.",
        run="recovery:show",
        text="After damage, the daemon recovers what it can, and keeps copies of the damaged files. This command shows "
        "when that was, why, and where the copies are. Every command warns of it until you acknowledge it, or nothing "
        "is missing any more.",
        examples=("recovery show",),
    ),
    Command(
        "recovery salvage",
        "Bring back complete workspaces from damaged files.",
        run="recovery:salvage",
        arguments=(
            Argument(
                "WORKSPACE",
                "Names or ids.",
                parameter="workspaces",
                many=True,
                default="all that can be saved",
            ),
        ),
        options=(
            Option(
                "--from",
                value="FILE",
                parameter="from_",
                many=True,
                completes=FILES,
                default="all that the daemon kept",
                help="A damaged file to read. Repeat it for several.",
            ),
            YES,
            Option("--dry-run", help="Only show the workspaces."),
        ),
        text="Reads the copies that the daemon kept after damage, however long ago, or the files that you name. Shows "
        "the workspaces, then asks. Never overwrites a workspace in the store, and brings back none a second time.",
        examples=("recovery salvage --dry-run", "recovery salvage alpha"),
    ),
    Command(
        "recovery ack",
        "Acknowledge a recovery, and so end the warnings about it.",
        run="recovery:acknowledge",
        text="The copies of the damaged files stay, and `workspacectl recovery salvage` still reads them.",
        examples=("recovery ack",),
    ),
)
