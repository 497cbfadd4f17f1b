"""The benchmark: the daemon against its promises and against the limits of this machine."""
