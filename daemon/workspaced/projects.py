"""The operations on projects: each gathers what the file system holds, then makes the command that uses it.

Gathering waits for a disk, or for git, so it is never done in the writer. What only has to look at paths
is a function that is called back; a clone is a task of its own.
"""

import os
import time
from collections.abc import Callable, Iterable

from workspaced.domain import commands, projects
from workspaced.domain.commands import Command
from workspaced.domain.git_urls import check_git_url, repository_name
from workspaced.domain.ids import IdFactory
from workspaced.domain.names import check_root_path
from workspaced.domain.projects import PathFacts
from workspaced.domain.state import encode
from workspaced.events import Cause
from workspaced.git import Git, Report
from workspaced.path_checks import PathChecker
from workspaced.writer import Writer
from workspaced.writes import CommitUnknown, Overloaded, Reply
from workspaced_protocol import params as p

Ready = Callable[[Command | Exception], None]
"""Takes the command of a write that had to look at paths first, or why there is none."""


class ProjectOperations:
    """What each method on projects does, and the check of them that comes with an open."""

    def __init__(self, writer: Writer, ids: IdFactory, paths: PathChecker, git: Git) -> None:
        self._writer = writer
        self._ids = ids
        self._paths = paths
        self._git = git

    def open(self, params: p.TransitionParams, ready: Ready) -> None:
        """Looks at the projects of the workspace that is to be opened."""

        def command(facts: PathFacts) -> Command:
            open_ = projects.open_(params.id, params.if_revision, facts, _now_ms())
            return commands.once(params.request_key, open_)

        self._gather(self._bound_paths(params.id), command, ready)

    def bind(self, params: p.BindParams, ready: Ready) -> None:
        """Looks at the directory, and at those that it could be the same as."""
        root_path = params.root_path
        check_root_path(root_path)

        def command(facts: PathFacts) -> Command:
            _require_look(facts, root_path)
            bind = projects.bind(params.workspace_id, self._ids.project(), root_path, None, facts, _now_ms())
            return commands.once(params.request_key, bind)

        self._gather(
            [root_path, *self._bound_paths(params.workspace_id)], command, ready, resolved=[root_path]
        )

    def check(self, params: p.CheckProjectsParams, ready: Ready) -> None:
        """Looks at the projects of the workspace."""

        def command(facts: PathFacts) -> Command:
            check = projects.check(params.workspace_id, facts, _now_ms())
            return commands.once(params.request_key, check, projects.as_it_is(params.workspace_id))

        self._gather(self._bound_paths(params.workspace_id), command, ready)

    def _gather(
        self,
        paths: Iterable[str],
        command: Callable[[PathFacts], Command],
        ready: Ready,
        resolved: Iterable[str] = (),
    ) -> None:
        def tell(facts: PathFacts | Exception) -> None:
            if isinstance(facts, Exception):
                ready(facts)
                return
            try:
                made = command(facts)
            except Exception as error:  # noqa: BLE001 - a defect in one request must not end the checks of all
                ready(error)
            else:
                ready(made)

        self._paths.ask(paths, tell, resolved)

    def unbind(self, params: p.UnbindParams, _: object) -> Command:
        """Needs nothing but the state."""
        command = projects.unbind(params.workspace_id, params.project_id, _now_ms())
        return commands.once(params.request_key, command)

    async def clone(self, params: p.CloneParams, cause: Cause, report: Report, answer: Reply) -> bytes:
        """Clones, then binds; gives the workspace as JSON, after `answer` has had it.

        What would refuse the binding is looked for before the clone, and once more in the write after it.
        """
        check_git_url(params.git_url, self._git.allowed_protocols)
        if params.target_dir is not None:
            check_root_path(params.target_dir, "targetDir")
        state = self._writer.state
        if params.request_key in state.request_keys:
            return encode(
                commands.once(params.request_key, projects.as_it_is(params.workspace_id))(state).result
            )
        workspace = projects.require_changeable(state, params.workspace_id)
        path = params.target_dir or os.path.join(workspace.root_path, repository_name(params.git_url))
        async with self._git.target(path, report) as target:
            facts = await self._paths.check(
                [target.path, *self._bound_paths(workspace.id)], resolved=[target.path]
            )
            _require_look(facts, target.path)
            command = projects.bind(
                workspace.id, self._ids.project(), target.path, params.git_url, facts, _now_ms()
            )
            command(self._writer.state)
            await self._git.clone(params.git_url, target, report)
            bound: object = None
            try:
                bound = await self._writer.write(commands.once(params.request_key, command), cause, answer)
            except CommitUnknown:
                target.release()  # it may be bound: its directory must stay
                raise
        return encode(bound)

    def _bound_paths(self, workspace_id: str) -> Iterable[str]:
        workspace = self._writer.state.get(workspace_id)
        return [project.root_path for project in workspace.projects] if workspace else []


def _require_look(facts: PathFacts, path: str) -> None:
    if path not in facts:
        raise Overloaded(
            f"{path} could not be looked at, since too many other paths do not answer: try again later."
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
