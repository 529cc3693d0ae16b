"""Merkle trees, compared with the reference vectors of Certificate Transparency and with support/rfc6962.py."""

import pytest

from inventory.merkle import EMPTY_ROOT, Frontier, hash_leaf, hash_node, root_of
from support.rfc6962 import tree_hash

# the vectors of Certificate Transparency's reference implementation: eight leaves, and the roots over the first 0 to 8
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = (*range(70), 255, 256, 257, 511, 512, 513, 600, 1023, 1024, 1025)


def entries(number):
    return [f"entry {each}".encode() for each in range(number)]


def test_leaves_and_nodes_are_those_of_the_reference_vectors():
    assert hash_leaf(b"").hex() == ROOTS[1]
    assert hash_leaf(b"\x00").hex() == "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
    assert hash_node(hash_leaf(LEAVES[0]), hash_leaf(LEAVES[1])).hex() == ROOTS[2]
    assert EMPTY_ROOT.hex() == ROOTS[0]


def test_roots_are_those_of_the_reference_vectors():
    frontier = Frontier()
    for size, root in enumerate(ROOTS):
        assert root_of(map(hash_leaf, LEAVES[:size])).hex() == root
        assert tree_hash(LEAVES[:size]).hex() == root
        assert frontier.root().hex() == root
        if size < len(LEAVES):
            frontier.append(hash_leaf(LEAVES[size]))


def test_roots_are_those_of_the_definition_at_every_size():
    frontier = Frontier()
    for size in range(max(SIZES) + 1):
        if size in SIZES:
            expected = tree_hash(entries(size))
            assert frontier.root() == expected
            assert root_of(map(hash_leaf, entries(size))) == expected
        frontier.append(hash_leaf(f"entry {size}".encode()))


def test_a_tree_goes_on_from_its_right_edge():
    for size in SIZES:
        frontier = Frontier()
        for entry in entries(size):
            frontier.append(hash_leaf(entry))
        again = Frontier(frontier.size, frontier.hashes)
        again.append(hash_leaf(b"one more"))
        assert again.root() == tree_hash([*entries(size), b"one more"])


def test_a_subtree_is_appended_by_its_root():
    frontier = Frontier()
    frontier.append(tree_hash(entries(8)[:4]), height=2)
    frontier.append(tree_hash(entries(8)[4:6]), height=1)
    frontier.append(hash_leaf(entries(8)[6]))
    assert (frontier.size, frontier.root()) == (7, tree_hash(entries(7)))


@pytest.mark.parametrize(
    ("size", "hashes"), [(1, b""), (0, bytes(32)), (3, bytes(32)), (1, bytes(31)), (-1, b""), (-1, bytes(32))]
)
def test_subtree_hashes_that_do_not_fit_the_size_are_refused(size, hashes):
    with pytest.raises(ValueError, match="subtree hashes"):
        Frontier(size, hashes)
