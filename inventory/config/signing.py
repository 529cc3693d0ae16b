"""The name and the key that checkpoints are signed with, as the settings say."""

from dataclasses import dataclass

from inventory.checkpoints.checkpoint import UNNAMED, Checkpoint, origin_of
from inventory.checkpoints.signed_note import Note, NoteError, SigningKey
from inventory.config.keys import read_private_text
from inventory.config.settings import Settings
from inventory.errors import UsageError


@dataclass(frozen=True)
class Signer:
    """The name in the origin of every checkpoint, and the key that signs checkpoints.

    If the key is None, checkpoints are not signed.
    """

    name: str
    key: SigningKey | None

    def checkpoint(self, log_id: str, size: int, root: bytes) -> tuple[Checkpoint, Note]:
        """Return the checkpoint of a log, and the same checkpoint as a note, which is signed if there is a key."""
        made = Checkpoint(origin_of(self.name, log_id), size, root)
        return made, made.note(self.key)


def read_signer(settings: Settings) -> Signer:
    """Return the Signer of the settings.

    Raise UsageError if there is a key file but no name, if the key file cannot be read or holds no key, or if other
    users may read or change that file.
    """
    file = settings.checkpoint_key_file
    if file is None:
        return Signer(settings.checkpoint_name or UNNAMED, None)
    if settings.checkpoint_name is None:
        raise UsageError(
            "There is a key for checkpoints, but no name: set INVENTORY_CHECKPOINT_NAME to the one that was given to "
            "`inventory checkpoint keygen`."
        )
    try:
        key = SigningKey.from_pem(read_private_text(file))
    except OSError as error:
        raise UsageError(
            f"The key of checkpoints cannot be read from {file}: {error.strerror}. `inventory checkpoint keygen` "
            "makes one."
        ) from None
    except NoteError as error:
        raise UsageError(f"The key of checkpoints cannot be used: {file}: {error}.") from None
    except ValueError:  # not UTF-8, or U+0000 in the name of the file
        raise UsageError(f"The key of checkpoints cannot be used: {file}: it is not text.") from None
    except UsageError as error:
        raise UsageError(f"The key of checkpoints cannot be used: {error}") from None
    return Signer(settings.checkpoint_name, key)
