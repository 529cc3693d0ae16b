"""The Merkle log of each account: one entry for each finished run and each act of a person.

Only entry 0 is stored as text, in the account's row. Any other entry is computed from the row of its run or act. That
row also stores the hash of the entry.

- `entries` computes entries, and the leaves of the trees whose roots entries hold.
- `start` begins a log with entry 0, and `append` adds an entry.
- `missing` computes the missing digest.
- `folded` computes the root over old versions, folded as `prune` folds them.
- `dropped` keeps the hashes of the runs that `prune` drops.
- `hashes` reads the hashes of entries from the database.
- `actor` names the person who acts.

`inventory.history.verify_log` checks a log.
"""
