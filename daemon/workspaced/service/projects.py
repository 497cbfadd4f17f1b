"""The operations on projects: bind, clone, unbind, check.

Each but unbind checks paths first, then makes the command that uses the facts: the writer waits for commits alone.
"""

import os
from functools import partial

from workspaced.domain import projects
from workspaced.domain.clock import now_ms
from workspaced.domain.commands import Command, once
from workspaced.domain.errors import InvalidField, Overloaded, quoted
from workspaced.domain.git_urls import check_git_url, repository_name
from workspaced.domain.ids import IdFactory
from workspaced.domain.machines import Here, path_with_machine
from workspaced.domain.names import check_root_path, refuse_within
from workspaced.domain.projects import PathFacts, Reachable, Unreached
from workspaced.domain.records import encode
from workspaced.host.git import Git
from workspaced.host.git_output import Step
from workspaced.process.log import Logger
from workspaced.service.bound_paths import BoundPaths
from workspaced.service.order import Turn
from workspaced.service.requests import Json, Request
from workspaced.store.contract import CommitUnknown
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p
from workspaced_protocol.models import WARNING_PHASE

_log = Logger()


class ProjectOperations:
    """The methods `project.*`."""

    def __init__(
        self,
        writer: Writer,
        ids: IdFactory,
        bound: BoundPaths,
        git: Git,
        here: Here,
        reserved: str | None = None,
    ) -> None:
        """Make the operations; `reserved` is the real path of a directory that is never bound, nor any below it."""
        self._writer = writer
        self._ids = ids
        self._bound = bound
        self._git = git
        self._here = here
        self._reserved = reserved

    async def bind(self, params: p.BindParams, turn: Turn) -> Command:
        """Bind a directory that is not bound yet, by whatever path."""
        path = params.root_path
        check_root_path(path)
        facts = await self._bound.wait_for_facts(params.workspace_id, turn, [path])
        _require_facts(facts, path)
        found = facts[path]
        if self._reserved is not None and isinstance(found, Reachable) and found.real_path is not None:
            refuse_within(found.real_path, self._reserved, "rootPath")
        bind = projects.bind(
            params.workspace_id, self._ids.project(), path, None, facts, now_ms(), self._here
        )
        return once(params.request_key, bind)

    async def check(self, params: p.CheckProjectsParams, turn: Turn) -> Command:
        """Mark each project stale or active by the facts of its path."""
        facts = await self._bound.wait_for_facts(params.workspace_id, turn)
        check = projects.check(params.workspace_id, facts, now_ms(), self._here)
        return once(params.request_key, check, projects.as_it_is(params.workspace_id))

    def unbind(self, params: p.UnbindParams, _: Request) -> Command:
        """Remove a project from its workspace."""
        return once(params.request_key, projects.unbind(params.workspace_id, params.project_id, now_ms()))

    async def clone(self, params: p.CloneParams, request: Request) -> Json:
        """Clone a repository, then bind its directory.

        The binding is tried before the clone, which can take minutes, and checked again by the write after it.
        """
        check_git_url(params.git_url, self._git.allowed_protocols)
        if params.target_dir is not None:
            check_root_path(params.target_dir, "targetDir")
        state = self._writer.state
        if params.request_key in state.request_keys:
            repeat = once(params.request_key, projects.as_it_is(params.workspace_id))
            return encode(repeat(state).result)
        workspace = projects.require_changeable(state, params.workspace_id)
        if params.target_dir is None and not self._here.has(workspace):
            raise InvalidField(
                "targetDir",
                f"The root path of workspace {quoted(workspace.name)} is on another machine ({path_with_machine(workspace)}): give "
                "`targetDir`, a directory of this machine.",
            )
        path = params.target_dir or os.path.join(
            workspace.root_path, await self._repository_name(params.git_url)
        )
        async with self._git.target(path, request.report) as target:
            bound = self._bound.of(workspace.id)
            facts = await self._bound.check([target.path, *bound], resolved=[target.path])
            _require_facts(facts, target.path)
            bind = partial(projects.bind, workspace.id, self._ids.project(), target.path, params.git_url)
            bind(facts, now_ms(), self._here)(self._writer.state)
            warning = await self._git.clone(params.git_url, target, request.report)
            if warning is not None:
                _log.warning("Git complained after a clone that it kept.", reason=warning)
                await request.warn(Step(WARNING_PHASE, None, warning))
            # Another client may have bound the same directory by another path during the clone.
            later_facts = await self._bound.check(self._bound.of(workspace.id) - facts.keys())
            try:
                return await request.commit(
                    once(params.request_key, bind({**facts, **later_facts}, now_ms(), self._here))
                )
            except CommitUnknown:
                target.release()  # the commit may have happened: keep the directory
                raise

    async def _repository_name(self, url: str) -> str:
        """Return the name that git would give the clone. Only a bundle, which is a file, loses the ending .bundle."""
        is_bundle = False
        if url.startswith("/") and url.endswith(".bundle"):
            found = (await self._bound.check([url])).get(url)
            is_bundle = isinstance(found, Unreached) and found.reason == "notADirectory"
        return repository_name(url, is_bundle=is_bundle)


def _require_facts(facts: PathFacts, path: str) -> None:
    if path not in facts:
        raise Overloaded(
            f"{path} could not be checked, because too many other paths do not respond: try again later."
        )
