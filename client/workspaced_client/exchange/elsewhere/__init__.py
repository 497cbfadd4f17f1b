"""The lists of projects that other programs keep: where they lie, how they are recognised, and what is in them.

Each module reads one format and cites its source. `formats` is the table of them. None of them writes anything.
"""
