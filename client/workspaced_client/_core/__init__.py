"""The code shared by both clients. Nothing here waits or locks, except `autostart`."""
