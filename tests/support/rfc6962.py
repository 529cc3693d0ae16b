"""Merkle tree hashing, written from RFC 6962, section 2.1. It shares no code with the program."""

from hashlib import sha256


def tree_hash(entries):
    """Return the root hash of the tree over a list of entries (bytes): MTH(D[n]) of the RFC."""
    if not entries:
        return sha256().digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = 1
    while 2 * k < len(entries):
        k *= 2
    return sha256(b"\x01" + tree_hash(entries[:k]) + tree_hash(entries[k:])).digest()
