"""The Merkle log of each account: one entry for each finished run and each act of a person, never changed afterwards.

Entries lie in the rows that they protect. `entries` says what an entry holds, `append` adds one, `start` begins a log,
`missing` and `folded` are the roots over what single entries do not hold, and `dropped` keeps the hashes of entries
whose runs `prune` has dropped. `verify_log` beside this package checks a log.
"""
