"""The operations on projects: each gathers what the file system holds, then makes the command that uses it.

Gathering waits for a disk, or for git, so it is never done in the writer. What only has to look at paths
is called back; a clone is a task of its own.
"""

import os
import time
from collections.abc import Callable, Iterable
from functools import partial

from workspaced.domain import commands, projects
from workspaced.domain.commands import Command
from workspaced.domain.errors import Overloaded
from workspaced.domain.git_urls import check_git_url, repository_name
from workspaced.domain.ids import IdFactory
from workspaced.domain.names import check_root_path
from workspaced.domain.projects import PathFacts
from workspaced.domain.state import encode
from workspaced.events import Cause
from workspaced.host.git import Git, Report
from workspaced.host.path_checks import PathChecker
from workspaced.service.gathering import Gathering, Ready
from workspaced.store.contract import CommitUnknown
from workspaced.writer.actor import Writer
from workspaced.writer.pending import Reply
from workspaced_protocol import params as p
from workspaced_protocol.models import ProjectBinding, Workspace


class ProjectOperations:
    """What each method on projects does, and the check of them that comes with an open."""

    def __init__(self, writer: Writer, ids: IdFactory, paths: PathChecker, git: Git) -> None:
        self._writer = writer
        self._ids = ids
        self._paths = paths
        self._git = git
        self._expected: dict[str, list[tuple[ProjectBinding, ...]]] = {}  # by workspace

    def expect(self, saved: Iterable[Workspace | None]) -> Callable[[], None]:
        """Has the projects of these workspaces looked at beside those bound, until what is given back is called.

        Their save is on its way: it may be applied before what only now begins to look at paths.
        """
        coming = [(each.id, each.projects) for each in saved if each is not None and each.projects]
        for id_, bindings in coming:
            self._expected.setdefault(id_, []).append(bindings)

        def settle() -> None:
            for id_, bindings in coming:
                self._expected[id_].remove(bindings)
                if not self._expected[id_]:
                    del self._expected[id_]

        return settle

    def open(self, params: p.TransitionParams, ready: Ready) -> None:
        """Looks at the projects of the workspace that is to be opened."""

        def command(facts: PathFacts) -> Command:
            open_ = projects.open_(params.id, params.if_revision, facts, _now_ms())
            return commands.once(params.request_key, open_)

        self._gather(params.id, command, ready)

    def bind(self, params: p.BindParams, ready: Ready) -> None:
        """Looks at the directory, and at those that it could be the same as."""
        root_path = params.root_path
        check_root_path(root_path)

        def command(facts: PathFacts) -> Command:
            _require_look(facts, root_path)
            bind = projects.bind(params.workspace_id, self._ids.project(), root_path, None, facts, _now_ms())
            return commands.once(params.request_key, bind)

        self._gather(params.workspace_id, command, ready, root_path)

    def check(self, params: p.CheckProjectsParams, ready: Ready) -> None:
        """Looks at the projects of the workspace."""

        def command(facts: PathFacts) -> Command:
            check = projects.check(params.workspace_id, facts, _now_ms())
            return commands.once(params.request_key, check, projects.as_it_is(params.workspace_id))

        self._gather(params.workspace_id, command, ready)

    def _gather(
        self,
        workspace_id: str,
        command: Callable[[PathFacts], Command],
        ready: Ready,
        root_path: str | None = None,
    ) -> None:
        """Looks at the workspace's projects, and at the real path of `root_path`, if there is one."""
        Gathering(self._paths, partial(self._bound_paths, workspace_id), command, ready).begin(root_path)

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
            bind = partial(projects.bind, workspace.id, self._ids.project(), target.path, params.git_url)
            bind(facts, _now_ms())(self._writer.state)
            await self._git.clone(params.git_url, target, report)
            # Others may have bound the directory by another path meanwhile.
            late = await self._paths.check(self._bound_paths(workspace.id) - facts.keys())
            command = bind({**facts, **late}, _now_ms())
            bound: object = None
            try:
                bound = await self._writer.write(commands.once(params.request_key, command), cause, answer)
            except CommitUnknown:
                target.release()  # it may be bound: its directory must stay
                raise
        return encode(bound)

    def _bound_paths(self, workspace_id: str) -> set[str]:
        """Of the projects that the workspace has, and of those that it may have in a moment."""
        workspace = self._writer.state.get(workspace_id)
        bound = list(self._expected.get(workspace_id, ()))
        if workspace is not None:
            bound.append(workspace.projects)
        return {project.root_path for projects in bound for project in projects}


def _require_look(facts: PathFacts, path: str) -> None:
    if path not in facts:
        raise Overloaded(
            f"{path} could not be looked at, since too many other paths do not answer: try again later."
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
