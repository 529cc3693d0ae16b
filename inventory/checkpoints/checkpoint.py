"""Checkpoints of a log: its origin, its size and the root of its tree, as C2SP `tlog-checkpoint` defines them.

The origin of an account's log is `NAME/LOG_ID`. NAME is the setting `checkpoint_name`, or UNNAMED. In the signature of
a checkpoint, the name of the key is the origin of the checkpoint.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from inventory.checkpoints.signed_note import Note, NoteError, SigningKey, VerifierKey, decode_base64, parse_notes
from inventory.merkle import EMPTY_ROOT, HASH_SIZE

UNNAMED = "inventory"
"""The NAME in origins if the setting `checkpoint_name` is not set. Such checkpoints are not signed."""

SUFFIX = ".checkpoint"
"""The suffix of files that hold checkpoints."""

_LINES = 3
_SIZE = r"0|[1-9][0-9]{0,17}"


@dataclass(frozen=True)
class Checkpoint:
    """The origin of a log, a number of entries (`size`), and the root over the first `size` entries of the log."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """Return the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @property
    def log_id(self) -> str:
        """Return the id of the log: the part of the origin after the last slash."""
        return self.origin.rpartition("/")[2]

    def note(self, key: SigningKey | None) -> Note:
        """Return the checkpoint as a note, signed if there is a key."""
        return Note(self.text) if key is None else key.sign(self.text, self.origin)


@dataclass(frozen=True)
class CheckpointNote:
    """A checkpoint that was parsed, and the note that it was in, with the signatures."""

    checkpoint: Checkpoint
    note: Note

    def may_be_signed_by(self, key: VerifierKey) -> bool:
        """Return whether the name of the key is the origin, or the part of the origin before the last slash."""
        return key.name in (self.checkpoint.origin, self.checkpoint.origin.rpartition("/")[0])

    def signed_by(self, key: VerifierKey) -> bool:
        """Return whether the key has validly signed the checkpoint.

        In the signature, the name of the key must be the whole origin, even if `key.name` is only a part of it. Return
        False also if `may_be_signed_by` returns False.
        """
        return self.may_be_signed_by(key) and key.named(self.checkpoint.origin).signed(self.note)


def origin_of(name: str, log_id: str) -> str:
    """Return the origin of a log."""
    return f"{name}/{log_id}"


def parse_checkpoints(text: str) -> Iterator[CheckpointNote]:
    """Yield the checkpoints in a text: one, or several with blank lines between. Raise NoteError for any other text."""
    for note in parse_notes(text):
        yield CheckpointNote(_parse_text(note.text), note)


def _parse_text(text: str) -> Checkpoint:
    """Return the checkpoint in the text of a note. Lines below the first three are extensions, and are ignored.

    But raise NoteError if they hold another checkpoint: `inventory checkpoint >> FILE` puts no blank line between two
    outputs, and a checkpoint that was kept must never be ignored.
    """
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < _LINES or not all(lines):
        raise NoteError("a checkpoint has three lines: origin, size and root")
    origin, size, encoded = lines[:_LINES]
    if not re.fullmatch(_SIZE, size):
        raise NoteError("its second line, the size of the log, is not a number")
    root = decode_base64(encoded)
    if len(root) != HASH_SIZE:
        raise NoteError("the root is no SHA-256 hash")
    for line, below in pairwise(lines[_LINES:]):  # not the stricter _SIZE, which would miss a damaged checkpoint
        if re.fullmatch("[0-9]+", line) and len(below) == len(encoded):
            raise NoteError("below a root another checkpoint begins without a blank line; put one between the two")
    if size == "0" and root != EMPTY_ROOT:
        raise NoteError("the root is not that of an empty log")
    return Checkpoint(origin, int(size), root)
