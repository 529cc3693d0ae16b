"""The history of a fal GPU fleet in a SQL database."""

__version__ = "0.2.0.dev0"
