"""Read the history. Nothing here writes."""
