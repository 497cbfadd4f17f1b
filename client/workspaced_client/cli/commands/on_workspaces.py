"""The rows of the commands on workspaces and their projects."""

from __future__ import annotations

from workspaced_client.cli.commands.row import (
    DELETED,
    DIRECTORIES,
    FILES,
    META_KEYS,
    PROJECTS,
    TAG_CHANGES,
    TAGS,
    WORKSPACES,
    Argument,
    Command,
    Option,
)
from workspaced_client.cli.commands.shared import HERE, HERE_IN_FRONT, META, TAG, WORKSPACE, YES

_OF_WORKSPACES = "Workspaces"
_OF_PROJECTS = "Projects"

_HERE = "the current directory"

ROWS = (
    Command(
        "list",
        "List the workspaces, oldest first.",
        group=_OF_WORKSPACES,
        run="list_:list_",
        aliases=("ls",),
        options=(
            Option(
                "--state",
                value="STATE",
                choices=("active", "closed", "deleted"),
                help="Only workspaces in this state: active, closed or deleted.",
            ),
            Option("--name", value="PATTERN", help="Only names that match, in any case, such as 'shop*'."),
            Option("--under", value="DIR", completes=DIRECTORIES, help="Only workspaces at or below DIR."),
            Option(
                "--tag",
                value="TAG",
                many=True,
                completes=TAGS,
                help="Only workspaces with this tag, in any case; with several, all of them.",
            ),
            Option("--stale", help="Only workspaces with an unreachable project."),
            Option(
                "--sort",
                value="ORDER",
                choices=("created", "changed", "name", "path", "projects", "recent"),
                preset="created",
                help="By created, changed, name, path, projects or recent: the last used first.",
            ),
            Option("--recent", help="The last used first: short for --sort recent."),
            Option("--reverse", "-r", help="Reverse the order."),
            Option(
                "--format",
                value="FORMAT",
                parameter="format_",
                help="Print this for each workspace, on a line of its own: see above.",
            ),
        ),
        text="""\
FORMAT is a text with fields, each in braces: {name}, {path}, {id}, {state}, {tags}, {projects} and {stale} (how many),
{created}, {changed}, {revision} and {machine}: that of the path, if several machines share the list. \\t is a tab, \\n a new
line, \\0 a NUL, \\\\ a backslash; {{ and }} are braces. No new line is added behind \\n or \\0 at the end.""",
        examples=(
            "list",
            "list --recent",
            "list --name 'shop*' --tag web",
            "list --format '{name}\\t{path}'",
        ),
    ),
    Command(
        "show",
        "Show a workspace and its projects.",
        group=_OF_WORKSPACES,
        run="show:show",
        arguments=(HERE,),
        examples=("show alpha", "show alpha --json"),
    ),
    Command(
        "create",
        "Create a workspace. It is active at once.",
        group=_OF_WORKSPACES,
        run="workspaces:create",
        aliases=("new",),
        arguments=(
            Argument("NAME", "A name that no other workspace has."),
            Argument("PATH", "Its directory.", optional=True, default=_HERE, completes=DIRECTORIES),
        ),
        options=(TAG, META),
        examples=("create alpha", "create alpha ~/src/alpha --tag web"),
    ),
    Command(
        "update",
        "Change the tags or the metadata of a workspace.",
        group=_OF_WORKSPACES,
        run="update:update",
        arguments=(WORKSPACE,),
        options=(TAG, Option("--no-tags", help="Take all tags away."), META),
        text="The tags given take the place of all that it has. Of its metadata only the keys given change, and null "
        "takes one out. Its name and its directory are for `rename` and `move`.",
        examples=(
            "update alpha --tag web --tag customer",
            "update alpha --meta editor.size=13 --meta editor.theme=null",
        ),
    ),
    Command(
        "rename",
        "Give a workspace another name.",
        group=_OF_WORKSPACES,
        run="workspaces:rename",
        arguments=(WORKSPACE, Argument("NEW_NAME", "Its new name.")),
        text="Takes the whole name, or the id.",
        examples=("rename alpha beta",),
    ),
    Command(
        "move",
        "Give a workspace another directory. No file is moved.",
        group=_OF_WORKSPACES,
        run="workspaces:move",
        arguments=(
            WORKSPACE,
            Argument("DIRECTORY", "Its new directory.", optional=True, default=_HERE, completes=DIRECTORIES),
        ),
        text="Takes the whole name. Its projects stay bound where they are.",
        examples=("move alpha", "move alpha ~/src/beta"),
    ),
    Command(
        "open",
        "Open a closed workspace, and check its projects' directories.",
        group=_OF_WORKSPACES,
        run="workspaces:open_",
        arguments=(HERE,),
        text="One that is open stays open, and its projects are checked all the same.",
        examples=("open alpha",),
    ),
    Command(
        "close",
        "Close an active workspace. It stays in the list; `workspacectl open` opens it again.",
        group=_OF_WORKSPACES,
        run="workspaces:close",
        arguments=(HERE,),
        examples=("close alpha",),
    ),
    Command(
        "delete",
        "Delete workspaces. Their directories and files stay.",
        group=_OF_WORKSPACES,
        run="delete:delete",
        aliases=("rm",),
        arguments=(
            Argument("WORKSPACE", "Names or ids.", parameter="workspaces", many=True, completes=WORKSPACES),
        ),
        options=(YES,),
        text="Takes whole names. Several are deleted in one commit, all or none. Asks first, unless --yes is given. A "
        "script, which nobody can answer for, needs --yes. `workspacectl undelete` brings one back.",
        examples=("delete alpha", "delete alpha beta --yes"),
    ),
    Command(
        "undelete",
        "Bring back a deleted workspace, with its projects.",
        group=_OF_WORKSPACES,
        run="undo:undelete",
        arguments=(Argument("NAME", "The name it had last, or its id.", completes=DELETED),),
        text="Takes the whole name; of several, the one that was deleted last. It reaches as far back as the history.",
        examples=("undelete alpha",),
    ),
    Command(
        "tag",
        "Show the tags of a workspace, or add and remove some.",
        group=_OF_WORKSPACES,
        run="tag:tag",
        arguments=(
            HERE,
            Argument(
                "CHANGE",
                "+TAG adds a tag, -TAG removes one.",
                parameter="changes",
                many=True,
                takes_dashes=True,
                completes=TAG_CHANGES,
            ),
        ),
        text="Behind WORKSPACE, each word with one dash removes a tag, also -q and -h.",
        examples=("tag alpha", "tag alpha +web -draft", "tag . +customer"),
    ),
    Command(
        "meta",
        "Show the metadata of a workspace, or change some keys of it.",
        group=_OF_WORKSPACES,
        run="meta:meta",
        arguments=(
            HERE,
            Argument(
                "KEY[=JSON]",
                "A key to show, or to set; null removes it.",
                parameter="keys",
                many=True,
                default="show all keys",
                completes=META_KEYS,
            ),
        ),
        text="Values are JSON: a text needs double quotes, and those need single ones in a shell. Of an object, only "
        "the members given change, and null removes one. A key that is named is shown as it is; in the list of all, "
        "secrets are blacked out.",
        examples=(
            "meta alpha",
            "meta alpha editor.size=13 'editor.theme=\"dark\"'",
            "meta alpha editor.theme=null",
            "meta editor.size=13",
        ),
    ),
    Command(
        "run",
        "Run a command in a workspace's directory, with a session there.",
        group=_OF_WORKSPACES,
        run="run:run",
        arguments=(
            HERE,
            Argument(
                "COMMAND",
                "The program and its arguments. What follows is its own, options too.",
                many=True,
                takes_all=True,
                completes=FILES,
            ),
        ),
        options=(Option("--exclusive", help="Refuse if another exclusive session is at work there."),),
        text="The session lasts as long as the command. In the command's environment, WORKSPACED_WORKSPACE is the "
        "workspace's name, WORKSPACED_WORKSPACE_ID its id, and WORKSPACED_WORKSPACE_ROOT its directory. No shell is "
        "between.\n\n"
        "Signals reach the command. The exit code is the command's own; 128 and the number of the signal that ended "
        "it; 127 if it is not found, and 126 if it can't be run. When the daemon has restarted, the session begins "
        "again; if that is refused, a warning says so, and the command goes on.",
        examples=(
            "run alpha -- make test",
            "run --exclusive alpha -- npm install",
            "run -- sh -c 'echo $WORKSPACED_WORKSPACE'",
        ),
    ),
    Command(
        "path",
        "Print a workspace's directory, for use in scripts.",
        group=_OF_WORKSPACES,
        run="path:path",
        arguments=(HERE,),
        options=(Option("--pick", help="Choose from a list, the last used first: `wcd` alone does this."),),
        text='This counts as a use of the workspace. For example: cd "$(workspacectl path alpha)"\n\n'
        "Of a workspace on another machine, it prints the way there to stderr, and exits with 1.",
        examples=("path alpha", "path alpha --json"),
    ),
    Command(
        "which",
        "Show which workspace and project hold a path.",
        group=_OF_WORKSPACES,
        run="which:which",
        arguments=(Argument("PATH", "A file or directory.", optional=True, default=_HERE, completes=FILES),),
        text="The path need not exist. Exits with 1 where none holds it.",
        examples=("which", "which ~/src/alpha/web/index.html --json"),
    ),
    Command(
        "bind",
        "Bind a directory to a workspace as a project.",
        group=_OF_PROJECTS,
        run="projects:bind",
        aliases=("add",),
        arguments=(
            HERE_IN_FRONT,
            Argument("PATH", "The directory.", completes=DIRECTORIES),
        ),
        text="With one argument, that is the directory.",
        examples=("bind web", "bind alpha ~/src/alpha/web", "bind alpha ."),
    ),
    Command(
        "clone",
        "Clone a git repository, and bind the clone to a workspace.",
        group=_OF_PROJECTS,
        run="clone:clone",
        arguments=(
            HERE_IN_FRONT,
            Argument("URL", "An address for `git clone`, or a directory on this machine.", completes=FILES),
        ),
        options=(
            Option(
                "--into",
                value="DIR",
                completes=DIRECTORIES,
                help="The clone's directory, empty or new.",
                default="the repository's name, below the workspace's directory",
            ),
        ),
        text="With one argument, that is the address. The daemon runs git for you, with your keys. A password in the URL is used for this clone, and not kept. "
        "Ctrl-C stops the clone and removes its files.",
        examples=(
            "clone https://example.com/web.git",
            "clone alpha https://example.com/web.git",
            "clone alpha git@example.com:web.git --into ~/src/web",
        ),
    ),
    Command(
        "unbind",
        "Remove a project from a workspace. Its directory and files stay.",
        group=_OF_PROJECTS,
        run="projects:unbind",
        arguments=(
            HERE_IN_FRONT,
            Argument("PROJECT", "Its path, the last part of its path, or its id.", completes=PROJECTS),
        ),
        text="With one argument, that is the project. A path on another machine is `devbox:/srv/web`.",
        examples=("unbind web", "unbind alpha web", "unbind alpha ~/src/alpha/web"),
    ),
    Command(
        "check",
        "Check whether the projects' directories can be reached.",
        group=_OF_PROJECTS,
        run="projects:check",
        arguments=(
            Argument(
                "WORKSPACE",
                "Names or ids.",
                parameter="workspaces",
                many=True,
                default="the one around the current directory, else all",
                completes=WORKSPACES,
            ),
        ),
        text="The daemon records the result. The exit code is 1 if a directory can't be reached.",
        examples=("check", "check alpha beta"),
    ),
)
