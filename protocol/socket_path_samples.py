"""Samples of the rules for the socket's path, worked out by `workspaced_protocol.paths` on a simulated machine.

Clients in other languages have the same rules, and their tests run these samples. In all of them the user has the id
1000, and the directories of a sample are the user's own. `~` is the home directory in front of the paths of files.
"""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from unittest import mock

from workspaced_protocol import paths

_HOME: Final = "/home/ada"
_USER: Final = 1000
_CONFIG: Final = "~/.config/workspaced/config.toml"
_MAC_CONFIG: Final = "~/Library/Application Support/workspaced/config.toml"

# Any: each sample has the members that it needs.
_SAMPLES: Final[tuple[dict[str, Any], ...]] = (
    {
        "about": "the runtime directory",
        "env": {"XDG_RUNTIME_DIR": "/run/user/1000"},
        "own": ["/run/user/1000"],
    },
    {"about": "no runtime directory", "env": {}},
    {"about": "the system's runtime directory", "env": {}, "own": ["/run/user/1000"]},
    {"about": "another user's runtime directory", "env": {"XDG_RUNTIME_DIR": "/run/user/7"}},
    {"about": "a relative runtime directory", "env": {"XDG_RUNTIME_DIR": "run"}, "own": ["run"]},
    {"about": "a state directory", "env": {"XDG_STATE_HOME": "/srv/state"}},
    {"about": "no home", "env": {"HOME": ""}},
    {"about": "a relative home", "env": {"HOME": "ada"}},
    {"about": "no home, and a state directory", "env": {"HOME": "", "XDG_STATE_HOME": "/srv/state"}},
    {"about": "an explicit path", "explicit": "/srv/./a//b/../d.sock", "env": {"WORKSPACED_SOCKET": "/x"}},
    {"about": "an explicit path below the home", "explicit": "~/d.sock", "env": {}},
    {"about": "an empty explicit path", "explicit": "", "env": {"WORKSPACED_SOCKET": "/srv/d.sock"}},
    {
        "about": "the variable",
        "env": {"WORKSPACED_SOCKET": "/srv/d.sock"},
        "files": {_CONFIG: 'socket = "/other"'},
    },
    {"about": "the variable, below the home", "env": {"WORKSPACED_SOCKET": "~/run/d.sock"}},
    {"about": "an empty variable", "env": {"WORKSPACED_SOCKET": ""}},
    {"about": "a path of 107 bytes", "explicit": "/" + "a" * 106, "env": {}},
    {"about": "a path of 108 bytes", "explicit": "/" + "a" * 107, "env": {}},
    {"about": "a path of 108 bytes in 107 characters", "explicit": "/" + "a" * 105 + "é", "env": {}},
    {"about": "the file", "env": {}, "files": {_CONFIG: '# mine\nsocket = "/srv/d.sock" # there\n'}},
    {"about": "the file, below the home", "env": {}, "files": {_CONFIG: "socket = '~/d.sock'"}},
    {
        "about": "the file elsewhere",
        "env": {"XDG_CONFIG_HOME": "/srv/etc"},
        "files": {_CONFIG: 'socket = "/no"'},
    },
    {"about": "a relative path in the file", "env": {}, "files": {_CONFIG: 'socket = "d.sock"'}},
    {"about": "a number in the file", "env": {}, "files": {_CONFIG: "socket = 1"}},
    {"about": "escapes in the file", "env": {}, "files": {_CONFIG: r'"socket" = "/srv/\u00e9\t\"\\.sock"'}},
    {"about": "a quoted key", "env": {}, "files": {_CONFIG: "'socket' = '''/srv/d.sock'''"}},
    {"about": "a multi-line string", "env": {}, "files": {_CONFIG: 'socket = """\n/srv/\\\n   d.sock"""'}},
    {
        "about": "other settings in the file",
        "env": {},
        "files": {
            _CONFIG: "\ufefflog_level = \"info\" # a\r\na.b = 1\nc = [ 1, # ]\n '}', { x = '#' } ]\n"
            'd = """\nsocket = "/no"\n"""\ne = 1979-05-27T07:32:00Z\nsocket = "/srv/d.sock"\nslow_request_ms = 1000.0\n'
        },
    },
    {"about": "only other settings", "env": {}, "files": {_CONFIG: "backups_daily = 3\n"}},
    {"about": "a key of a table", "env": {}, "files": {_CONFIG: '[other]\nsocket = "/no"\n'}},
    {"about": "a file that is no TOML", "env": {}, "files": {_CONFIG: "socket: /srv/d.sock\n"}},
    {"about": "a string without its end", "env": {}, "files": {_CONFIG: 'socket = "/srv/d.sock\n'}},
    {"about": "a key twice", "env": {}, "files": {_CONFIG: 'socket = "/a"\nsocket = "/b"\n'}},
    {"about": "words behind a value", "env": {}, "files": {_CONFIG: 'socket = "/a" b\n'}},
    {"about": "a value of no kind", "env": {}, "files": {_CONFIG: "socket = /srv/d.sock\n"}},
    {"about": "a wrong escape", "env": {}, "files": {_CONFIG: r'socket = "/srv/\d.sock"'}},
    {"about": "an array without its end", "env": {}, "files": {_CONFIG: 'a = [1, 2\nsocket = "/a"\n'}},
    {"about": "macOS", "platform": "darwin", "env": {}},
    {
        "about": "macOS, the file",
        "platform": "darwin",
        "env": {},
        "files": {_MAC_CONFIG: 'socket = "/srv/d.sock"'},
    },
    {"about": "macOS, a path of 104 bytes", "platform": "darwin", "explicit": "/" + "a" * 103, "env": {}},
    {
        "about": "macOS, a runtime directory",
        "platform": "darwin",
        "env": {"XDG_RUNTIME_DIR": "/run/user/1000"},
        "own": ["/run/user/1000"],
    },
)


def samples() -> list[dict[str, Any]]:
    """Return each sample with what the rules make of it: a `path`, or a `problem` as the beginning of a sentence."""
    return [{**_SAMPLE_DEFAULTS, **sample, **_outcome({**_SAMPLE_DEFAULTS, **sample})} for sample in _SAMPLES]


_SAMPLE_DEFAULTS: Final[dict[str, Any]] = {"platform": "linux", "explicit": None, "own": [], "files": {}}


def _outcome(sample: dict[str, Any]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        environment = {"HOME": _HOME, **sample["env"]}
        if environment["HOME"] == _HOME:
            environment["HOME"] = home
        is_mac = sample["platform"] == "darwin"

        def is_own(path: str) -> bool:
            return path in sample["own"]

        for patch in (
            mock.patch.object(sys, "platform", sample["platform"]),
            mock.patch.object(paths, "SOCKET_PATH_LIMIT", 103 if is_mac else 107),
            mock.patch.object(paths, "_is_own_directory", is_own),
            mock.patch.object(os, "geteuid", return_value=_USER),
        ):
            stack.enter_context(patch)
        stack.enter_context(mock.patch.dict(os.environ, environment, clear=True))
        for name, text in sample["files"].items():
            file = Path(name.replace("~", home, 1))
            file.parent.mkdir(parents=True)
            file.write_text(text, "utf-8", newline="")
        try:
            found = paths.socket_path(sample["explicit"])
        except paths.UnusablePath as error:
            problem = str(error).replace(home, _HOME)
            return {"problem": problem.partition(" (")[0].partition(", which")[0]}
        return {"path": found.replace(home, _HOME)}
