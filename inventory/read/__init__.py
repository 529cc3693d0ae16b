"""Questions, read only."""
