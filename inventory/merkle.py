"""Merkle tree hashing as RFC 6962, section 2.1, defines it, with SHA-256.

`Frontier` is a tree that only grows. It does not keep the leaves, only the hashes that are needed to append a leaf.
"""

import hashlib
from collections.abc import Iterable
from itertools import islice

HASH_SIZE = 32
"""Length of a hash in bytes."""

EMPTY_ROOT = hashlib.sha256(b"").digest()

_HEIGHT = 8
"""Height of the subtrees that `root_of` hashes level by level. This is twice as fast as appending leaf by leaf."""


def hash_leaf(data: bytes) -> bytes:
    """Return the hash of the leaf with this content."""
    return hashlib.sha256(b"\0" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two subtrees, from the hashes of their roots."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Frontier:
    """A growing Merkle tree, kept as its number of leaves (`size`) and the root hashes of its complete subtrees.

    The numbers of leaves of these subtrees are the different powers of two that add up to `size`, the largest first.
    For example, 11 leaves are in subtrees of 8, 2 and 1 leaves.
    """

    def __init__(self, size: int = 0, hashes: bytes = b"") -> None:
        """Continue the tree of a Frontier that had this `size` and these `hashes`.

        Raise ValueError if the length of `hashes` does not fit `size`, or if `size` is negative.
        """
        self.size = size
        self._nodes = [hashes[start : start + HASH_SIZE] for start in range(0, len(hashes), HASH_SIZE)]
        if size < 0 or len(hashes) != size.bit_count() * HASH_SIZE:
            raise ValueError(f"a tree of {size} leaves has no subtree hashes of {len(hashes)} bytes in all")

    @property
    def hashes(self) -> bytes:
        """Return the root hashes of the complete subtrees, the largest subtree first, joined to one byte string."""
        return b"".join(self._nodes)

    def append(self, node: bytes, height: int = 0) -> None:
        """Append a leaf, or a complete subtree of 2^height leaves.

        `node` is the hash of the leaf, or of the root of the subtree. The size of the tree must be a multiple of the
        size of the subtree.
        """
        rest = self.size >> height
        while rest & 1:
            node = hash_node(self._nodes.pop(), node)
            rest >>= 1
        self._nodes.append(node)
        self.size += 1 << height

    def root(self) -> bytes:
        """Return the root hash of the tree; EMPTY_ROOT if the tree has no leaves."""
        if not self._nodes:
            return EMPTY_ROOT
        *larger, root = self._nodes
        for left in reversed(larger):
            root = hash_node(left, root)
        return root


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root hash of the tree whose leaves have these hashes, in this order; EMPTY_ROOT if there are none."""
    leaf_hashes = iter(leaf_hashes)
    frontier, sha256 = Frontier(), hashlib.sha256
    while len(nodes := list(islice(leaf_hashes, 1 << _HEIGHT))) == 1 << _HEIGHT:
        while len(nodes) > 1:
            pairs = iter(nodes)
            nodes = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
        frontier.append(nodes[0], _HEIGHT)
    for node in nodes:
        frontier.append(node)
    return frontier.root()
