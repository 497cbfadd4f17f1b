"""The rows of the commands on the daemon, on this machine and on `workspacectl` itself."""

from __future__ import annotations

from workspaced_client.cli.commands import values
from workspaced_client.cli.commands.row import (
    COMMANDS,
    DIRECTORIES,
    METHODS,
    Argument,
    Command,
    Family,
    Option,
)

_OF_THE_DAEMON = "The daemon"
_OF_THE_SHELL = "Shell and help"

_DRY_RUN = Option("--dry-run", help="Show the files and the commands, and change nothing.")

ROWS = (
    Command(
        "start",
        "Start the daemon, if it does not run.",
        group=_OF_THE_DAEMON,
        run="start:start",
        text="""\
Starts it by its service where that is installed, else in the background, and waits until it answers (for 60 s, or
--timeout). It is needed seldom: commands that need the daemon start it themselves, unless the setting autostart is
false.""",
        examples=("start",),
    ),
    Command(
        "stop",
        "Stop the daemon, however it was started.",
        group=_OF_THE_DAEMON,
        run="stop:stop",
        text="""\
Waits until its data is free (for 30 s, or --timeout). A service is stopped by its manager, together with its socket, so
that no connection starts it again. A daemon that does not end in time is not killed: the error tells how to.""",
        examples=("stop", "stop --timeout 60"),
    ),
    Command(
        "status",
        "Show whether the daemon runs, and its state.",
        group=_OF_THE_DAEMON,
        run="status:status",
        options=(Option("--clients", help="Also show the connected programs and their requests in flight."),),
        examples=("status", "status --clients"),
    ),
    Command(
        "doctor",
        "Check the installation, and show how to fix each problem.",
        group=_OF_THE_DAEMON,
        run="doctor:doctor",
        options=(
            Option(
                "--data-dir",
                value="DIR",
                completes=DIRECTORIES,
                help="The data directory, if not the daemon's or the default one.",
            ),
        ),
        text="Also works without a running daemon. The exit code is 1 if there is a problem, and 0 if there are only "
        "warnings.",
        examples=("doctor", "doctor --data-dir ~/old-data"),
    ),
    Command(
        "flush",
        "Make the daemon write the whole store again, from memory.",
        group=_OF_THE_DAEMON,
        run="flush:flush",
        examples=("flush",),
    ),
    Family("service", "Run the daemon as a service of systemd or launchd.", group=_OF_THE_DAEMON),
    Command(
        "service install",
        "Run the daemon now and at each login.",
        run="service:install",
        options=(
            _DRY_RUN,
            Option("--force", help="Replace service files that workspacectl did not write."),
        ),
        text="""\
Writes the service's files with the paths of this installation, enables and starts the service, and waits until the
daemon answers (for 60 s, or --timeout). Run it again after you have moved or upgraded workspaced: it changes only what
is out of date.

The service sees no variables and no options of this shell: put settings into config.toml.""",
        examples=("service install", "service install --dry-run"),
    ),
    Command(
        "service uninstall",
        "Stop the service and remove its files. The data stays.",
        run="service:uninstall",
        options=(_DRY_RUN, Option("--force", help="Remove service files that workspacectl did not write.")),
        examples=("service uninstall",),
    ),
    Command(
        "service start",
        "Start the service.",
        run="service:start",
        text="Waits until the daemon answers (for 60 s, or --timeout).",
        examples=("service start",),
    ),
    Command(
        "service stop",
        "Stop the service until the next start or login.",
        run="service:stop",
        text="Waits until no daemon holds the data (for 30 s, or --timeout). Also stops the service's socket, so that "
        "no client starts the daemon.",
        examples=("service stop",),
    ),
    Command(
        "service restart",
        "Restart the daemon.",
        run="service:restart",
        text="Waits until it answers (for 60 s, or --timeout). With systemd, new clients wait too.",
        examples=("service restart",),
    ),
    Command(
        "service status",
        "Show the state of the service.",
        run="service:status",
        text="Starts nothing. The exit code is 3 if the service does not run.",
        examples=("service status",),
    ),
    Command(
        "service logs",
        "Print the last lines of the daemon's log.",
        run="service:logs",
        options=(
            Option(
                "--lines",
                "-n",
                value="N",
                parse=values.whole_number,
                preset="50",
                help="The number of lines.",
            ),
            Option("--follow", "-f", help="Also print new lines as they come."),
        ),
        text="With --json, each line is an object with the text in MESSAGE. With systemd, it also has the other fields "
        "of the journal.",
        examples=("service logs", "service logs --follow --lines 10"),
    ),
    Command(
        "mcp",
        "Serve an agent over MCP, on stdin and stdout.",
        group=_OF_THE_DAEMON,
        run="mcp:mcp",
        text="""\
Agents start this command themselves: register it with yours. With Claude Code that is

  claude mcp add --scope user workspaced -- workspacectl mcp

and with Codex

  codex mcp add workspaced -- workspacectl mcp

It needs the extra of the package: uv tool install 'workspaced[mcp]'. It starts the daemon if none runs. What the agent
has claimed ends with it.""",
        examples=("mcp",),
    ),
    Command(
        "call",
        "Call a method of the protocol, and print its result as JSON.",
        group=_OF_THE_DAEMON,
        run="call:call",
        arguments=(
            Argument("METHOD", "Such as workspace.list.", completes=METHODS),
            Argument(
                "PARAMS",
                "Its params, a JSON object or array; - reads them from stdin.",
                optional=True,
                default="none",
            ),
        ),
        text="For scripts. `call rpc.discover` describes the methods and their params, and so does docs/protocol.md. "
        "Errors are JSON on stderr. A session that it begins ends with it: see `workspacectl run`.",
        examples=(
            "call daemon.status",
            'call workspace.get \'{"name": "alpha"}\'',
            "call store.apply - <changes.json",
        ),
    ),
    Command(
        "shell-init",
        "Print shell code for `wcd [WORKSPACE]` and for completion.",
        group=_OF_THE_SHELL,
        run="shell_init:shell_init",
        arguments=(Argument("SHELL", "Your shell: bash, zsh or fish.", choices=("bash", "zsh", "fish")),),
        text="""\
`wcd` changes to a workspace's directory. Where the installer has not led man to the manual, the code does.

Add the line for your shell to its start-up file:

  ~/.bashrc                   eval "$(workspacectl shell-init bash)"
  ~/.zshrc                    eval "$(workspacectl shell-init zsh)"
  ~/.config/fish/config.fish  workspacectl shell-init fish | source""",
        examples=("shell-init bash",),
    ),
    Command(
        "help",
        "Show the commands, or the help of one.",
        group=_OF_THE_SHELL,
        run="help:help_",
        arguments=(
            Argument(
                "COMMAND",
                "Such as create or service install.",
                many=True,
                default="all commands, in one line each",
                completes=COMMANDS,
            ),
        ),
        examples=("help create", "help service install"),
    ),
    Command(
        "version",
        "Print the version.",
        group=_OF_THE_SHELL,
        run="version:version",
        examples=("version",),
    ),
)
