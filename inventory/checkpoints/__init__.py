"""Checkpoints of a Merkle log, as C2SP defines them: signed notes, the text of a checkpoint, and files that hold them.

Nothing here reads the database. `inventory.history.anchors` compares checkpoints with the findings of `verify`.
"""
