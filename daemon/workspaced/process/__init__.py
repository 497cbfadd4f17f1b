"""The daemon as a process: whatever it inherits, threads, standard streams and the log."""
