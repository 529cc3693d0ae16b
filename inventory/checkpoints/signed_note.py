"""Signed notes: a text of lines with Ed25519 signatures below it, as C2SP `signed-note` defines them.

Only Ed25519 signatures (type 0x01) are made and checked. Signatures of other types and of unknown keys are parsed, and
ignored. `cryptography` is imported only when a private key is used or a signature is checked. The functions that parse
raise NoteError for a text that does not have the form of the specification.
"""

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519 = b"\x01"
"""The byte that stands for the type of a key and of its signatures."""

_KEY_SIZE = 32
_ID_SIZE = 4
_MARK = "\N{EM DASH} "
"""The first characters of a signature line."""


class NoteError(ValueError):
    """The error for a text that does not have the form of a note or a key. The message has no full stop."""


@dataclass(frozen=True)
class Signature:
    """A signature line: the name and the id of a key, and the signature's bytes."""

    key_name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        """Return the line, without the newline."""
        return f"{_MARK}{self.key_name} {b64encode(self.key_id + self.value).decode()}"


@dataclass(frozen=True)
class Note:
    """A text that ends in a newline, and the signatures of this text, if it has any."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def __str__(self) -> str:
        """Return the note as it is written to a file."""
        lines = "".join(f"{signature}\n" for signature in self.signatures)
        return f"{self.text}\n{lines}" if lines else self.text


@dataclass(frozen=True)
class VerifierKey:
    """An Ed25519 public key with a name. The id of the key depends on both."""

    name: str
    public_key: bytes

    @cached_property
    def id(self) -> bytes:
        """Return the id of the key: the first four bytes of the SHA-256 over name, newline, ED25519 and public key."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()[:_ID_SIZE]

    def __str__(self) -> str:
        """Return the key as text: the name, the id in hex, and ED25519 with the public key in base64, joined by `+`."""
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public_key).decode()}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Return the key in a text of the form NAME+ID+KEY, as `str` writes it.

        The hex digits of ID may also be capitals. Raise NoteError for any other text.
        """
        name, *rest = text.split("+", 2)
        if len(rest) != 2:  # noqa: PLR2004 - the id and the key
            raise NoteError("a verifier key has the form NAME+ID+KEY")
        require_key_name(name)
        material = decode_base64(rest[1])
        if material[:1] != ED25519 or len(material) != 1 + _KEY_SIZE:
            raise NoteError("it is no Ed25519 key")
        key = cls(name, material[1:])
        if rest[0].lower() != key.id.hex():
            raise NoteError("its id is not that of its name and key: it is damaged, or was renamed")
        return key

    def named(self, name: str) -> "VerifierKey":
        """Return the same public key under another name."""
        return VerifierKey(name, self.public_key)

    def signed(self, note: Note) -> bool:
        """Return whether the note has signatures with the name and the id of this key, and all of them are valid."""
        found = [each for each in note.signatures if (each.key_name, each.key_id) == (self.name, self.id)]
        return bool(found) and all(self._verifies(note.text, each.value) for each in found)

    def _verifies(self, text: str, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except (InvalidSignature, ValueError):  # ValueError: the bytes are no public key
            return False
        return True


class SigningKey:
    """An Ed25519 private key. It has no name of its own: `sign` takes a name, and the key's id depends on that name."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new random key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, text: str) -> "SigningKey":
        """Return the key in the text of a PEM file (PKCS #8, not encrypted); raise NoteError for another text."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(text.encode(), password=None)
        except TypeError:
            raise NoteError("the key is encrypted with a password") from None
        except (ValueError, UnsupportedAlgorithm):
            raise NoteError("it is no private key in PEM format (PKCS #8)") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise NoteError("it is no Ed25519 key")
        return cls(key)

    @property
    def pem(self) -> bytes:
        """Return the content of a PEM file with the key (PKCS #8, not encrypted)."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def verifier(self, name: str) -> VerifierKey:
        """Return the public key, under this name."""
        return VerifierKey(name, self._key.public_key().public_bytes_raw())

    def sign(self, text: str, name: str) -> Note:
        """Return a note of the text, with one signature by this key under this name."""
        return Note(text, (Signature(name, self.verifier(name).id, self._key.sign(text.encode())),))


def parse_notes(text: str) -> Iterator[Note]:
    """Yield each note in a text. A blank line separates two notes.

    A signed note has lines of text, a blank line, and its signature lines. A note without signatures has only lines of
    text. Further blank lines are no error here: they become part of the text of a note. Raise NoteError if the whole
    text is empty or truncated, holds control characters, or has a malformed signature line.
    """
    _require_lines(text)
    unsigned: str | None = None
    for block in text.removesuffix("\n").split("\n\n"):
        if unsigned is not None and block.startswith(_MARK):
            yield Note(unsigned, tuple(map(_parse_signature, block.split("\n"))))
            unsigned = None
            continue
        if unsigned is not None:
            yield Note(unsigned)
        unsigned = f"{block}\n"
    if unsigned is not None:
        yield Note(unsigned)


def require_key_name(name: str) -> str:
    """Return the name; raise NoteError if it is empty, or has a space, a control character, a surrogate or a plus."""
    if not name or re.search(r"[\s+\x00-\x1f\x7f-\x9f\ud800-\udfff]", name):
        raise NoteError("the name of a key has at least one character, no spaces, no control characters and no +")
    return name


def decode_base64(text: str) -> bytes:
    """Return the bytes that a text of standard base64 stands for; raise NoteError if it is no such text."""
    try:
        found = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if b64encode(found).decode() != text:  # b64decode also accepts texts that no encoder writes
        raise NoteError("what should be base64 is not")  # the text is not shown: it may be a private key's
    return found


def _require_lines(text: str) -> None:
    """Raise NoteError if the text is empty, does not end in a newline, or holds control characters except newlines.

    Only the control characters below U+0020 count.
    """
    if not text:
        raise NoteError("it is empty")
    if re.search(r"[\x00-\x09\x0b-\x1f]", text):
        raise NoteError("it holds control characters, such as the line ends of Windows")
    if not text.endswith("\n"):
        raise NoteError("its last line has no end: it is truncated")


def _parse_signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_MARK).partition(" ")
    if not line.startswith(_MARK) or not space:
        raise NoteError("below the blank line there is a line that is no signature: it is truncated or damaged")
    require_key_name(name)
    value = decode_base64(encoded)
    if len(value) <= _ID_SIZE:
        raise NoteError("a signature is truncated")
    return Signature(name, value[:_ID_SIZE], value[_ID_SIZE:])
