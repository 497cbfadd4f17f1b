"""The machine as the daemon asks it: paths, git, and the directory that a clone goes to."""
