"""Where workspaces and projects lie: on this machine, or on another one of those that share the store.

`here` is this machine's name in the store (`daemon.status`), None in a store of one machine.
"""

from workspaced_protocol.models import ProjectBinding, Workspace


def machine_elsewhere(place: Workspace | ProjectBinding, here: str | None) -> str | None:
    """Return the machine of a workspace or a project, if that is another one."""
    return None if place.machine == here else place.machine


def place_of(place: Workspace | ProjectBinding, here: str | None) -> str:
    """Return its root path, behind the name of another machine: `devbox:/srv/web`."""
    machine = machine_elsewhere(place, here)
    return place.root_path if machine is None else f"{machine}:{place.root_path}"
