"""What writes and proves the record."""
