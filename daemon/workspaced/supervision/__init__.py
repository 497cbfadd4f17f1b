"""The daemon under a service manager: what it is told, what it passes, and how it knows that the daemon lives."""
