"""Daemons for the tests of apps: the fixtures `workspaced_daemon` and `workspaced_client`, and `daemon()`.

pytest finds the fixtures by itself where workspaced is installed:

```python
def test_a_workspace_is_listed(workspaced_client):
    made = workspaced_client.workspaces.create("shop", "/srv/shop")
    assert workspaced_client.workspaces.list() == [made]
```

`daemon()` is the same as a context manager, for any other test runner.
"""

from importlib.util import find_spec

from workspaced_client._testing.daemon import Daemon, DaemonFailed, daemon

if find_spec("pytest") is not None:  # all but the fixtures works without it
    from workspaced_client._testing.fixtures import workspaced_client as workspaced_client
    from workspaced_client._testing.fixtures import workspaced_daemon as workspaced_daemon

__all__ = ["Daemon", "DaemonFailed", "daemon"]
