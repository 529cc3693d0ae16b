"""Write the history, and verify it."""
