"""Takes changed settings over while the daemon runs: what SIGHUP asks for."""

from collections.abc import Callable

import structlog
import trio

from workspaced.process.threads import NoThread, run_in_thread
from workspaced.settings.model import NEED_RESTART, BadConfiguration, Settings

_log = structlog.get_logger(__name__)


class LiveSettings:
    """The settings in force. `load` reads them anew, in a thread; `apply` has the daemon follow them."""

    def __init__(
        self, settings: Settings, load: Callable[[], Settings], apply: Callable[[Settings], None]
    ) -> None:
        self.now = settings
        self._load = load
        self._apply = apply
        self._thread = trio.CapacityLimiter(1)  # while one hangs at the file, a second would only hang too
        apply(settings)

    async def reload(self) -> None:
        """Follows what has changed, and tells the log; wrong settings change nothing."""
        try:
            # The thread is left alone when it hangs: the file may lie on a mount that does.
            wanted = await run_in_thread(self._load, limiter=self._thread)
        except (BadConfiguration, NoThread) as error:
            _log.error("The configuration can't be used: the settings stay as they are.", reason=str(error))
            return
        except Exception:  # noqa: BLE001 - whatever is wrong with a file must not end a daemon that runs
            _log.exception("The configuration can't be used: the settings stay as they are.")
            return
        before, after = self.now.model_dump(mode="json"), wanted.model_dump(mode="json")
        changed = {name: value for name, value in after.items() if value != before[name]}
        for name in sorted(changed.keys() & NEED_RESTART):
            _log.warning("A setting takes a restart to change.", setting=name, wanted=changed.pop(name))
        self.now = wanted.model_copy(update={name: getattr(self.now, name) for name in NEED_RESTART})
        self._apply(self.now)
        _log.info("The configuration was read again.", changed=changed)
