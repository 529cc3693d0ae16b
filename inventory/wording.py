"""Numbers with their nouns, for lines that a person reads."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a text like `1 run` or `1,204 runs`. Without `plural`, the plural is the noun with an `s`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
