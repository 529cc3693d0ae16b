"""Names, columns and one-line meaning of every view."""
