"""Reloading of the settings at SIGHUP, while the daemon runs."""

from collections.abc import Callable
from dataclasses import replace

import trio

from workspaced.process.log import Logger
from workspaced.process.threads import NoThread, run_in_thread
from workspaced.settings.loading import BadConfiguration
from workspaced.settings.model import NEED_RESTART, Settings

_log = Logger()


class LiveSettings:
    """The settings in force. `load` reads them in a thread; `apply` gives them to the daemon."""

    def __init__(
        self, settings: Settings, load: Callable[[], Settings], apply: Callable[[Settings], None]
    ) -> None:
        self.now = settings
        self._load = load
        self._apply = apply
        self._thread = trio.CapacityLimiter(1)  # while one thread hangs at the file, a second would hang too
        apply(settings)

    async def reload(self) -> None:
        """Apply and log the changed settings. Wrong settings change nothing."""
        if not self._thread.available_tokens:
            _log.error(
                "The configuration file is not read again, because an earlier reading of it still hangs: the settings "
                "are unchanged. Check the file system that it lies on, then send SIGHUP again."
            )
            return
        try:
            # On cancellation the thread is abandoned: the file may lie on a file system that hangs.
            wanted = await run_in_thread(self._load, limiter=self._thread)
        except (BadConfiguration, NoThread) as error:
            _log.error("The configuration can't be used: the settings are unchanged.", reason=str(error))
            return
        except Exception:  # noqa: BLE001 - no file may end a running daemon
            _log.exception("The configuration can't be used: the settings are unchanged.")
            return
        before, after = self.now.by_name(), wanted.by_name()
        changed = {name: value for name, value in after.items() if value != before[name]}
        for name in sorted(changed.keys() & NEED_RESTART):
            _log.warning("A changed setting needs a restart.", setting=name, wanted=changed.pop(name))
        self.now = replace(wanted, **{name: getattr(self.now, name) for name in NEED_RESTART})
        self._apply(self.now)
        _log.info("The configuration was reloaded.", changed=changed)
