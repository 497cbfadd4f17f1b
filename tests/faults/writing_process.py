"""A process that writes to the store in the directory it is given, and says each write that was answered.

It is there to be killed, and ends by itself after more writes than it takes.
"""

import os
import sys
from pathlib import Path

from workspaced.store import create_json_store
from workspaced_protocol.models import Workspace


def main() -> None:
    store = create_json_store(Path(sys.argv[1]))
    os.write(1, b"ready\n")
    there = len(store.get_all())
    for number in range(there, there + 1000):
        name = f"Größe {number}"
        store.save(
            Workspace(
                id=f"ws_{number}",
                name=name,
                root_path="/srv/" + name * 20,
                state="active",
                created_at=number,
                updated_at=number,
                projects=(),
            )
        )
        os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main()
