"""The commands of `workspacectl`, and the options of them all."""

import os
from collections.abc import Callable
from typing import Annotated

import typer

from workspaced_client._sync.api import CLONE_TIMEOUT_SECONDS
from workspaced_client.cli import (
    backups,
    clone,
    doctor,
    export,
    flush,
    history,
    import_,
    projects,
    recovery,
    service,
    sessions,
    shell_init,
    status,
    update,
    watch,
    which,
    workspaces,
)
from workspaced_client.cli.base.failures import WrongUsage
from workspaced_client.cli.base.options import (
    COPY_TIMEOUT_SECONDS,
    DEFAULT_TIMEOUT_SECONDS,
    GlobalOptionsAnywhere,
    Options,
    PlainCommand,
    PlainGroup,
    options_of,
    parse_seconds,
)
from workspaced_client.cli.base.output import emit
from workspaced_protocol import __version__

_HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    cls=GlobalOptionsAnywhere,
    context_settings=_HELP_OPTIONS,
    invoke_without_command=True,
    # Plain text: it appears at once, and can be piped.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="These options may also follow the command. With --json, an error is a JSON object on the last "
    "line of stderr. Exit codes: 0 success; 1 refused, failed, or a problem found; 2 wrong usage; 3 no daemon or "
    "no service manager reached; 130 interrupted; 141 output closed.",
)
_recovery = typer.Typer(
    cls=PlainGroup, context_settings=_HELP_OPTIONS, invoke_without_command=True, rich_markup_mode=None
)
_service = typer.Typer(
    cls=PlainGroup, context_settings=_HELP_OPTIONS, invoke_without_command=True, rich_markup_mode=None
)


@app.callback()
def workspacectl(
    context: typer.Context,
    socket: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="The daemon's socket, if not the default one.  [env: WORKSPACED_SOCKET]",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help=f"How long to wait for each answer.  [default: {DEFAULT_TIMEOUT_SECONDS:g}; "
            f"for backups {COPY_TIMEOUT_SECONDS:g}, for clone {CLONE_TIMEOUT_SECONDS:g}]",
            parser=parse_seconds,
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only results and warnings.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Manage your workspaces through the daemon workspaced."""
    # A shell does not expand the tilde of --socket=~/…
    context.obj = Options(os.path.expanduser(socket) if socket else None, timeout, as_json, quiet)
    if version:
        emit(f"workspacectl {__version__}")
        raise typer.Exit
    _require_command(context)


@_recovery.callback()
def recovery_(context: typer.Context) -> None:
    """Show a recovery from damage, and bring back more workspaces.

    Every command warns of a recovery until you acknowledge it, or nothing is missing any more.
    """
    _require_command(context)


@_service.callback()
def service_(context: typer.Context) -> None:
    """Run the daemon as a service of systemd or launchd."""
    _require_command(context)


def _require_command(context: typer.Context) -> None:
    if context.invoked_subcommand is not None:
        return
    if options_of(context).as_json:
        raise WrongUsage("No command was given.", hint=f"Try: {context.command_path} --help")
    emit(context.get_help())
    raise typer.Exit(2)


def _add(group: typer.Typer, name: str, command: Callable[..., None], *examples: str) -> None:
    lines = (
        "\b",
        "Examples:" if examples[1:] else "Example:",
        *(f"  workspacectl {each}" for each in examples),
    )
    also = "Also takes --socket, --timeout, --json and --quiet: see workspacectl --help."
    group.command(name, cls=PlainCommand, epilog="\n".join((*lines, "", also)))(command)


_add(app, "status", status.status, "status", "status --clients")
_add(
    app,
    "list",
    workspaces.list_,
    "list --state active",
    "list --sort recent",
    "list --name 'shop*' --tag web",
)
_add(app, "show", workspaces.show, "show alpha", "show alpha --json")
_add(app, "create", workspaces.create, "create alpha", "create alpha ~/src/alpha --tag web")
_add(
    app,
    "update",
    update.update,
    "update alpha --tag web --tag customer",
    "update alpha --meta editor.size=13 --meta editor.theme=null",
)
_add(app, "rename", workspaces.rename, "rename alpha beta")
_add(app, "move", workspaces.move, "move alpha", "move alpha ~/src/beta")
_add(app, "open", workspaces.open_, "open alpha")
_add(app, "close", workspaces.close, "close alpha")
_add(app, "delete", workspaces.delete, "delete alpha", "delete alpha --yes")
_add(app, "bind", projects.bind, "bind alpha", "bind alpha ~/src/alpha/web")
_add(
    app,
    "clone",
    clone.clone,
    "clone alpha https://example.com/web.git",
    "clone alpha git@example.com:web.git --into ~/src/web",
)
_add(app, "unbind", projects.unbind, "unbind alpha web", "unbind alpha ~/src/alpha/web")
_add(app, "check", projects.check, "check", "check alpha beta")
_add(app, "path", workspaces.path, "path alpha", "path alpha --json")
_add(app, "which", which.which, "which", "which ~/src/alpha/web/index.html --json")
_add(app, "watch", watch.watch, "watch", "watch 'workspace.*' --json")
_add(app, "history", history.history, "history", "history alpha --limit 5", "history --before 17 --json")
_add(app, "undo", history.undo, "undo", "undo 17")
_add(app, "shell-init", shell_init.shell_init, "shell-init bash")
_add(app, "sessions", sessions.sessions, "sessions", "sessions alpha")
_add(app, "flush", flush.flush, "flush")
_add(app, "backup", backups.backup, "backup", "backup ~/workspaces.json")
_add(app, "backups", backups.backups, "backups")
_add(
    app,
    "restore",
    backups.restore,
    "restore ~/workspaces.json --dry-run",
    "restore workspaces-20260102T030405Z-r17.json",
)
_add(
    app,
    "import",
    import_.import_,
    "import ~/old-app --dry-run",
    "import shop.code-workspace",
    "import --scan ~/code",
    "import --scan ~/code/tools --into tools",
)
_add(
    app,
    "export",
    export.export,
    "export shop --format code-workspace -o shop.code-workspace",
    "export --all --format helios-v1 -o workspaces.json",
)
_add(app, "doctor", doctor.doctor, "doctor", "doctor --data-dir ~/old-data")
_add(_recovery, "show", recovery.show, "recovery show")
_add(_recovery, "salvage", recovery.salvage, "recovery salvage --dry-run", "recovery salvage alpha")
_add(_recovery, "ack", recovery.acknowledge, "recovery ack")
app.add_typer(_recovery, name="recovery")
_add(_service, "install", service.install, "service install", "service install --dry-run")
_add(_service, "uninstall", service.uninstall, "service uninstall")
_add(_service, "start", service.start, "service start")
_add(_service, "stop", service.stop, "service stop")
_add(_service, "restart", service.restart, "service restart")
_add(_service, "status", service.status, "service status")
_add(_service, "logs", service.logs, "service logs", "service logs --follow --lines 10")
app.add_typer(_service, name="service")
