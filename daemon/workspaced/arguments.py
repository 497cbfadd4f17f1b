"""The arguments of `workspaced`: the parser, whose texts are those of `--help` and of the manual."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, get_args

import workspaced_protocol
from workspaced.exits import EX_USAGE, print_output
from workspaced.process.streams import say
from workspaced.store.etcd.address import DEFAULT_PREFIX
from workspaced.store.joining import DEFAULT_ENDPOINTS
from workspaced.store.unfinished import Kind
from workspaced_protocol.paths import default_config_file

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

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
        elif code := print_output(message.removesuffix("\n")):
            self.exit(code)


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
        help="json, files that people can read; sqlite, for thousands of workspaces; or etcd, for several machines",
    )
    _add_place(migrate_parser)
    _add_etcd(migrate_parser)
    migrate_parser.set_defaults(command="migrate", parser=migrate_parser)
    etcd_parser = commands.add_parser(
        "etcd",
        parents=[settings],
        help="check the way to etcd, its members, and the store there",
        description="Checks each member of etcd and the way to it, and shows which store is there. Changes nothing, and "
        "needs no running daemon. The exit code is 74 where something is wrong.",
        epilog=_PRECEDENCE,
    )
    etcd_parser.add_argument("--json", action="store_true", help="an array of JSON objects, for programs")
    etcd_parser.set_defaults(command="etcd", parser=etcd_parser)
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
    parser.add_argument(
        "--store", metavar="KIND", help="auto, json, sqlite or etcd (default: auto, what is there)"
    )
    _add_etcd(parser)
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


def _add_etcd(parser: argparse.ArgumentParser) -> None:
    """Add the options for a store in etcd. Files and users belong in the configuration file."""
    parser.add_argument(
        "--etcd-endpoints",
        metavar="URLS",
        help=f"members of etcd (default: {DEFAULT_ENDPOINTS[0]}, or those that served the data directory last)",
    )
    parser.add_argument(
        "--etcd-prefix",
        metavar="PREFIX",
        help=f"the beginning of all keys in etcd (default: {DEFAULT_PREFIX}, or that of the store already joined)",
    )
    parser.add_argument(
        "--machine", metavar="NAME", help="this machine's name for the others (default: the host name)"
    )
