"""The daemon as a process: threads, standard streams, the log and descriptors."""
