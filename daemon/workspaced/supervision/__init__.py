"""The daemon under a service manager: notifications, the watchdog and socket activation."""
