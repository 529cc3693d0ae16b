"""Read the history, and show it to people and programs. Nothing here writes to the database."""
