"""The command line of the daemon: what each command does, and one line with its exit code for each error."""

import sys
from collections.abc import Callable, Sequence
from functools import partial

import trio

from workspaced.app import DiskFails, DiskHangs, run
from workspaced.arguments import parser
from workspaced.exits import (
    EX_CONFIG,
    EX_IOERR,
    EX_SOFTWARE,
    EX_TEMPFAIL,
    EXIT_INTERRUPTED,
    fail,
    print_output,
)
from workspaced.greeting import announce
from workspaced.process import log
from workspaced.process.awake_clock import AwakeClock
from workspaced.process.streams import say
from workspaced.rpc.socket_file import SocketUnusable
from workspaced.settings.loading import BadConfiguration, load_settings
from workspaced.settings.model import FIELDS, Settings
from workspaced.store.contract import StoreUnusable, UnfitSettings, WrittenByNewerRelease
from workspaced.store.joining import extra_needed, joined_at
from workspaced.store.lock import LockHeld
from workspaced.store.unfinished import Kind


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `workspaced` with these arguments, or those of the process; return its exit code."""
    options, surplus = parser().parse_known_args(arguments)
    if surplus:
        options.parser.error(f"unrecognized arguments: {' '.join(surplus)}")
    if options.command == "sample":
        from workspaced.settings.text import sample  # loaded late: `run` prints no settings

        return print_output(sample().removesuffix("\n"))
    given: dict[str, object] = {
        name: value for name, value in vars(options).items() if value is not None and name in FIELDS
    }
    load = partial(load_settings, given, options.config)
    try:
        configuration = load()
    except BadConfiguration as error:
        return fail(EX_CONFIG, str(error))
    if options.command == "show":
        from workspaced.settings.text import as_json, as_table  # loaded late, as above

        describe = as_json if options.json else as_table
        return print_output(describe(configuration))
    settings = configuration.settings
    with log.to_stderr(settings.log_level, settings.log_format):
        for variable in configuration.unknown_variables:
            log.passed_over(variable)
        actions: dict[str, Callable[[], int]] = {
            "run": partial(_run_daemon, settings, lambda: load().settings),
            "migrate": lambda: _migrate(settings, options.to),
            "etcd": lambda: _inspect_etcd(settings, as_json=options.json),
        }
        code, told = _outcome_of(actions[options.command])
    return fail(code, told) if told else code  # after the log, which is written by now


def _run_daemon(settings: Settings, load: Callable[[], Settings]) -> int:
    trio.run(partial(run, settings, partial(announce, settings), load, owns_process=True), clock=AwakeClock())
    return 0


def _migrate(settings: Settings, to: Kind) -> int:
    from workspaced.store.migration import migrate  # loaded late: `run` migrates nothing

    migrate(settings.data_dir, to, partial(say, sys.stdout), settings.etcd)
    if settings.store not in ("auto", to):
        say(
            sys.stdout,
            f"Before that, take the setting `store` out, or change it to {to}: `workspaced config show` tells where "
            f"{settings.store} comes from.",
        )
    return 0


def _inspect_etcd(settings: Settings, *, as_json: bool) -> int:
    with extra_needed():
        from workspaced.store.etcd import (
            inspecting,  # loaded late: only a store in etcd needs its HTTP client
        )
    joined = joined_at(settings.data_dir)
    address = settings.etcd.within(joined).address
    findings = [*inspecting.inspect(address, None if joined is None else joined.store_id)]
    code = print_output(inspecting.as_json(findings) if as_json else inspecting.as_text(findings))
    return code or (EX_IOERR if any(each.status == "problem" for each in findings) else 0)


def _outcome_of(action: Callable[[], int]) -> tuple[int, str]:
    """Do something; return its exit code, or that of its error with the line that tells of it."""
    try:
        return action(), ""
    except LockHeld as error:
        return EX_TEMPFAIL, error.message
    except (WrittenByNewerRelease, UnfitSettings) as error:
        return EX_CONFIG, error.message
    except (StoreUnusable, SocketUnusable, DiskHangs, DiskFails) as error:
        return EX_IOERR, str(error)
    except KeyboardInterrupt:  # of a migration: a daemon takes the signals itself
        told = "interrupted: one whole store serves, and the next start moves away what is left beside it."
        return EXIT_INTERRUPTED, told
    except Exception as error:  # noqa: BLE001 - the traceback goes to the log, a sentence to the user
        log.crashed(error)
        return EX_SOFTWARE, "stopped by a defect: please report it, with the traceback in the log above."
