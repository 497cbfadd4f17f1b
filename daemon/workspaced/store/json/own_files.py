"""The store's own files: which of them may be written over, and which are copied to quarantine before that.

The strategy: a file that the store wrote or read is known by its identity, so that no commit has to read it again. Any
other file in its place was put there, or edited, by another program.
"""

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from workspaced.domain.state import State
from workspaced.store.contract import StorageFailure, StoreUnusable
from workspaced.store.files import Content, Directory, Identity
from workspaced.store.json.foreign import another_store
from workspaced.store.json.snapshot import Decision, Examined
from workspaced.store.place import blocked
from workspaced.store.quarantine import quarantine
from workspaced_protocol.datadir import BACKUPS, FORMAT_VERSION, PRIMARY, QUARANTINE, SNAPSHOT

_EDITED: Final = "edited"
"""The reason to quarantine a file that another program has written (storage.md, A commit)."""


class OwnFiles:
    """The primary and the snapshot as the store knows them."""

    def __init__(self, time_ns: Callable[[], int]) -> None:
        self.older_is_own = False
        """Whether a file of an older version may be this store's own: until the first write over those of the start."""
        self._time_ns = time_ns
        # None means that the store may write over the file, a word is the reason to quarantine it first.
        self._known: dict[Identity, str | None] = {}

    def take_over(
        self, directory: Directory, examined: Sequence[Examined], decision: Decision, warnings: list[str]
    ) -> list[str]:
        """Know the files of a start, and return the paths of the copies made of them; `warnings` gets sentences.

        Raises StorageFailure or OSError.
        """
        if decision.served is not None and decision.served.document is not None:
            self.older_is_own = decision.served.document.version < FORMAT_VERSION
        copies = [self._quarantine(directory, file, kind, warnings) for file, kind in decision.superseded]
        for file in examined:
            copies += self._register(directory, file, warnings)
        return copies

    def make_way(self, directory: Directory, held: State) -> Iterator[tuple[str, str]]:
        """Quarantine what a commit would write over, and yield the name and the copy of each file that was edited.

        `held` is the state of this store. Raises StorageFailure, before anything is written if a file is another store's.
        """
        found = [(name, self._to_quarantine(directory, name, held)) for name in (PRIMARY, SNAPSHOT)]
        for name, content in found:
            if content is None:
                continue
            kind = self._known.get(content.identity) or _EDITED
            try:
                copy = quarantine(directory, name, content, kind, self._time_ns)
            except OSError as error:
                raise StorageFailure.from_os_error(error, f"quarantine {directory.path / name}") from error
            self._known[content.identity] = None
            if kind == _EDITED:
                yield name, copy

    def keep_previous(self, directory: Directory, reason: str) -> None:
        """Have `make_way` quarantine the primary. The snapshot holds the same bytes and needs no copy."""
        try:
            identity = directory.identify(PRIMARY)
        except OSError as error:
            raise StorageFailure.from_os_error(error, f"check {directory.path / PRIMARY}") from error
        if identity is not None and self._known.get(identity, _EDITED) is None:
            self._known[identity] = reason

    def written(self, identities: Iterable[Identity], *, are_in_place: bool = True) -> None:
        """Know the files that a commit wrote; where it failed, they may or may not be in place."""
        self._known = ({} if are_in_place else self._known) | dict.fromkeys(identities)
        self.older_is_own = False

    def _to_quarantine(self, directory: Directory, name: str, held: State) -> Content | None:
        """Return the content of a file that must be quarantined before it is written over, or None."""
        path = directory.path / name
        try:
            identity = directory.identify(name)
            if identity is None or self._known.get(identity, _EDITED) is None:
                return None
            content = directory.read(name)
        except OSError as error:
            raise StorageFailure.from_os_error(error, f"quarantine {path}") from error
        except StoreUnusable as error:
            raise blocked(error) from error
        if content is not None and content.identity not in self._known:
            refusal = another_store(directory, name, content, held, older_is_own=self.older_is_own)
            if refusal is not None:
                raise StorageFailure(refusal, errno.ESTALE)
        return content

    def _quarantine(self, directory: Directory, file: Examined, kind: str, warnings: list[str]) -> str:
        """Quarantine an examined file, and return the copy's path. The store may then write over the file."""
        if file.content is None:
            raise ValueError(f"{file.name} is missing, so it can't be quarantined")
        self._known[file.content.identity] = None
        copy = quarantine(directory, file.name, file.content, kind, self._time_ns)
        if file.corruption is not None:
            warnings.append(f"{file.name} is corrupted ({file.corruption.message}); a copy is kept at {copy}")
        return copy

    def _register(self, directory: Directory, file: Examined, warnings: list[str]) -> list[str]:
        """Register a valid file as known, and return the paths of the copies made of it."""
        if file.document is None or file.content is None or file.content.identity in self._known:
            return []
        if file.document.held_secrets:
            warnings.append(
                f"{file.name} held a password or a token in the URL of a clone, and is written again without it. "
                f"Older copies in {BACKUPS}/ and {QUARANTINE}/ may still hold it: change the password."
            )
        version = file.document.version
        self._known[file.content.identity] = None if version == FORMAT_VERSION else f"version-{version}"
        if not file.document.unknown_members:
            return []
        copy = self._quarantine(directory, file, "unknown-members", warnings)
        members = ", ".join(file.document.unknown_members[:10])
        warnings.append(
            f"{file.name} holds members that this release does not know and will not keep "
            f"({members}); a copy is kept at {copy}"
        )
        return [copy]
