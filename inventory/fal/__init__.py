"""The HTTP half: client, walk, confirmation."""
