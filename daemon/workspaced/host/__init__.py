"""Access to the machine: path checks, git, and the target directories of clones."""
