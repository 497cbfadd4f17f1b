"""The command line of the daemon: its arguments, its exit codes, and one line for each error."""

import argparse
import errno
import io
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, get_args

import trio

import workspaced_protocol
from workspaced.app import DiskFails, DiskHangs, run
from workspaced.process import log
from workspaced.process.awake_clock import AwakeClock
from workspaced.process.streams import say
from workspaced.rpc.socket_file import SocketUnusable
from workspaced.settings.loading import BadConfiguration, load_settings
from workspaced.settings.model import FIELDS, Settings
from workspaced.store.contract import StoreUnusable, WrittenByNewerRelease
from workspaced.store.kinds import OtherKind
from workspaced.store.lock import LockHeld
from workspaced.store.unfinished import Kind
from workspaced_protocol.paths import UnusablePath, default_config_file
from workspaced_protocol.paths import socket_path as find_socket_path

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

# command-line.md, Exit codes; the numbers are those of <sysexits.h>.
EXIT_OUTPUT_FAILED: Final = 1
EX_USAGE: Final = 64
EX_SOFTWARE: Final = 70
EX_IOERR: Final = 74
EX_TEMPFAIL: Final = 75
EX_CONFIG: Final = 78
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as a shell reports it
EXIT_OUTPUT_CLOSED: Final = 141  # 128 + SIGPIPE, as a shell reports it

EXIT_CODES: Final = (
    (0, "stopped by SIGTERM or SIGINT, with all queued writes committed"),
    (EXIT_OUTPUT_FAILED, "the output of config or --help could not be written"),
    (EX_USAGE, "wrong arguments"),
    (EX_SOFTWARE, "a defect; the log has the traceback"),
    (
        EX_IOERR,
        "the data can't be read or written, the socket can't be bound, or the disk hung or failed at the stop",
    ),
    (EX_TEMPFAIL, "another daemon, or a migration, owns the data directory; its pid is named"),
    (
        EX_CONFIG,
        "wrong settings, each named; data of a newer release, or of another kind than the setting store",
    ),
    (EXIT_INTERRUPTED, "migrate was interrupted; one whole store serves"),
    (EXIT_OUTPUT_CLOSED, "the reader of that output is gone"),
)
"""What each exit code tells a service manager or a script."""


_PRECEDENCE: Final = (
    "Every setting can also be given in the environment, such as WORKSPACED_DATA_DIR, or in the configuration "
    "file. An argument overrides the environment, and the environment overrides the file. `workspaced config "
    "sample` prints a file with all settings."
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EX_USAGE, f"{self.prog}: {message}; see {self.prog} --help.\n")

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        # argparse itself ignores write errors, such as a help text redirected to a full disk.
        if file is not sys.stdout:
            say(sys.stderr, message.removesuffix("\n"))
        elif code := _print(message.removesuffix("\n")):
            self.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `workspaced` with these arguments, or those of the process; return its exit code."""
    options, surplus = parser().parse_known_args(arguments)
    if surplus:
        options.parser.error(f"unrecognized arguments: {' '.join(surplus)}")
    if options.command == "sample":
        from workspaced.settings.text import sample  # loaded late: `run` prints no settings

        return _print(sample().removesuffix("\n"))
    given: dict[str, object] = {
        name: value for name, value in vars(options).items() if value is not None and name in FIELDS
    }
    load = partial(load_settings, given, options.config)
    try:
        configuration = load()
    except BadConfiguration as error:
        return _fail(EX_CONFIG, str(error))
    if options.command == "show":
        from workspaced.settings.text import as_json, as_table  # loaded late, as above

        describe = as_json if options.json else as_table
        return _print(describe(configuration))
    settings = configuration.settings
    with log.to_stderr(settings.log_level, settings.log_format):
        for variable in configuration.unknown_variables:
            log.passed_over(variable)
        if options.command == "migrate":
            try:
                failure = _failure_of(partial(_migrate, settings, options.to))
            except KeyboardInterrupt:
                told = "interrupted: one whole store serves, and the next start moves away what is left beside it."
                failure = EXIT_INTERRUPTED, told
        else:
            failure = _failure_of(partial(_run_daemon, settings, lambda: load().settings))
    return _fail(*failure) if failure else 0


def _run_daemon(settings: Settings, load: Callable[[], Settings]) -> None:
    trio.run(
        partial(run, settings, partial(_announce, settings), load, owns_process=True), clock=AwakeClock()
    )


def _migrate(settings: Settings, to: Kind) -> None:
    from workspaced.store.migration import migrate  # loaded late: `run` migrates nothing

    migrate(settings.data_dir, to, partial(say, sys.stdout))
    if settings.store not in ("auto", to):
        say(
            sys.stdout,
            f"Before that, take the setting `store` out, or change it to {to}: `workspaced config show` tells where "
            f"{settings.store} comes from.",
        )


def _failure_of(action: Callable[[], None]) -> tuple[int, str] | None:
    """Do something; return the exit code and the line of its error, or None."""
    try:
        action()
    except LockHeld as error:
        return EX_TEMPFAIL, error.message
    except (WrittenByNewerRelease, OtherKind) as error:
        return EX_CONFIG, error.message
    except (StoreUnusable, SocketUnusable, DiskHangs, DiskFails) as error:
        return EX_IOERR, str(error)
    except Exception as error:  # noqa: BLE001 - the traceback goes to the log, a sentence to the user
        log.crashed(error)
        return EX_SOFTWARE, "stopped by a defect: please report it, with the traceback in the log above."
    return None


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; its texts are those of `--help` and of the manual."""
    whole = _Parser(
        prog="workspaced",
        description="Keeps a developer's workspaces and projects for all apps on the machine.",
    )
    whole.add_argument("--version", action="version", version=f"workspaced {workspaced_protocol.__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    settings = _settings_parser()
    run_parser = commands.add_parser(
        "run",
        parents=[settings],
        help="run the daemon in the foreground",
        description="Runs the daemon in the foreground until SIGTERM or SIGINT (Ctrl-C).",
        epilog=_PRECEDENCE,
    )
    run_parser.set_defaults(command="run", parser=run_parser)
    migrate_parser = commands.add_parser(
        "migrate",
        help="make the store one of another kind",
        description="Copies workspaces, history and request keys to a store of another kind, compares them, and moves "
        "the old store's files to quarantine/. The daemon must be stopped. Stopped at any point, one whole store serves.",
        epilog=_PRECEDENCE,
    )
    migrate_parser.add_argument(
        "--to",
        required=True,
        choices=get_args(Kind),
        help="json, files that people can read; or sqlite, for thousands of workspaces",
    )
    _add_place(migrate_parser)
    migrate_parser.set_defaults(command="migrate", parser=migrate_parser)
    config_parser = commands.add_parser("config", help="show the configuration, or a sample of it")
    config_commands = config_parser.add_subparsers(required=True, metavar="COMMAND")
    show_parser = config_commands.add_parser(
        "show",
        parents=[settings],
        help="show every setting, and where its value comes from",
        description="Shows the settings of `workspaced run` with the same arguments, and where each value comes "
        "from.",
        epilog=_PRECEDENCE,
    )
    show_parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    show_parser.set_defaults(command="show", parser=show_parser)
    sample_parser = config_commands.add_parser(
        "sample",
        help="print a configuration file to start from",
        description="Prints a configuration file with every setting, its allowed values and its default.",
        epilog=f"The default configuration file is {default_config_file() or 'in your home directory'}.",
    )
    sample_parser.set_defaults(command="sample", parser=sample_parser)
    return whole


def _settings_parser() -> _Parser:
    """Return the options for settings."""
    parser = _Parser(add_help=False)
    _add_place(parser)
    parser.add_argument(
        "--socket", metavar="PATH", help="where to listen (default: below the user's runtime directory)"
    )
    parser.add_argument("--store", metavar="KIND", help="auto, json or sqlite (default: auto, what is there)")
    parser.add_argument("--log-level", metavar="L", help="debug, info, warning or error (default: info)")
    parser.add_argument(
        "--log-format", metavar="F", help="console or json, one object a line (default: console)"
    )
    return parser


def _add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options that tell where the data is."""
    parser.add_argument(
        "--data-dir", metavar="DIR", help="where the data is kept (default: the user's data directory)"
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="the configuration file (TOML)")


def _announce(settings: Settings, socket_path: Path) -> None:
    if settings.log_format == "json":
        log.ready(settings.data_dir, socket_path)
        return
    stream = sys.stdout
    say(
        stream,
        f"workspaced {workspaced_protocol.__version__} keeps its data in {settings.data_dir}\n"
        f"and listens on {socket_path}" + (_hints(socket_path) if stream and stream.isatty() else ""),
    )


def _hints(socket_path: Path) -> str:
    """Return the commands to try next, for a person at a terminal."""
    # The shell does not find it in a virtual environment that is not activated.
    next_to_python = Path(sys.executable).parent / "workspacectl"
    ctl = (
        "workspacectl" if shutil.which("workspacectl") or not next_to_python.exists() else str(next_to_python)
    )
    if not _is_default_socket(socket_path):
        ctl += f" --socket {shlex.quote(str(socket_path))}"
    return (
        "\n\nTry next, in another terminal:\n"
        f"  {ctl} create my-project     create a workspace for this directory\n"
        f"  {ctl} list                  list all workspaces\n"
        f"  {ctl} status                show the daemon's status\n"
        "Stop it with Ctrl-C."
    )


def _is_default_socket(socket_path: Path) -> bool:
    try:
        return find_socket_path() == str(socket_path)
    except UnusablePath:
        return False


def _print(text: str) -> int:
    """Write the output of a command to stdout, without a time limit; return the exit code."""
    stream = sys.stdout
    if stream is None:  # pyright: ignore[reportUnnecessaryComparison] - so it is after `>&-`
        return 0
    if isinstance(stream, io.TextIOWrapper):  # UTF-8 in every locale, and whatever PYTHONIOENCODING says
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except OSError as error:
        # Otherwise Python flushes the buffer again at exit, and prints a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if error.errno == errno.EPIPE:
            return EXIT_OUTPUT_CLOSED
        return _fail(EXIT_OUTPUT_FAILED, f"The output could not be written: {error.strerror}.")
    return 0


def _fail(code: int, message: str) -> int:
    say(sys.stderr, f"workspaced: {message}")
    return code
