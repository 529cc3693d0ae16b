"""Checkpoints of a Merkle log, as C2SP defines them: signed notes, the text of a checkpoint, and files that hold them.

Nothing here knows the database: a checkpoint is checked against it in `inventory.history.anchors`.
"""
