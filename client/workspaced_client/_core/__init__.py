"""What both clients share: everything that neither waits nor locks, and the start of a daemon."""
