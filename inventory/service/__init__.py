"""`inventory run` and who is told of a run."""
