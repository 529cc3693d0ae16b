"""The outcome of one run: status, counts, error and exit code."""

from dataclasses import dataclass, field
from typing import Any

from inventory.errors import ApiError, InventoryError, LeaseLost, MassVanish
from inventory.store.tables import EVENTS

_COUNTS = (*EVENTS, "settled")


@dataclass
class Outcome:
    """The outcome of one run. `run_id` is None if no run was opened, as in a dry run."""

    account: str
    run_id: int | None = None
    status: str = "failed"
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    """The number of events, by the name of the event.

    `settled` is the number of instances that this run recorded as vanished, but at the time of an earlier run. These
    instances do not count as `vanished`.
    """
    pages: int = 0
    instances_seen: int = 0
    duplicates: int = 0
    rejected: int = 0
    missing: int = 0
    """The number of instances that are missing after the run.

    For a dry run, it is the number that would be missing after a run. It is 0 if the status is `failed` or `abandoned`.
    """
    retries: int = 0
    """The number of times that a request was sent again."""
    seconds: float = 0.0
    error: InventoryError | None = None
    fault: Exception | None = None
    """The exception that ended the run, if it means a fault of this program; else None."""
    settled: list[str] = field(default_factory=list)
    """Ids of the instances that `counts["settled"]` counts; empty in a dry run."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """For a dry run: the events that a run would record, as rows with some of the columns of `instance_events`."""

    @property
    def exit_code(self) -> int:
        """Return the exit code of this run. It is 0 if only the second walk failed, unless a signal ended that walk."""
        if self.error is None or (self.status == "succeeded" and self.error.error_code != "interrupted"):
            return 0
        return self.error.exit_code

    def set_applied(self, first: ApiError | None, second: ApiError | None, *, held: int, dry: bool = False) -> None:
        """Set status and error of a run that was applied.

        `first` and `second` are the errors of the first and the second walk. Each is None if the walk had no error, or
        was not made. `held` is the number of instances that are held after the run. In a dry run (`dry`), the message
        of the error says what a run would do.
        """
        was = "would be" if dry else "was"
        if first is not None:
            self.status = "partial"
            self.error = add_consequence(first, f"what was seen {was} applied, nothing {was} marked missing")
        elif held:
            self.status = "held"
            are = "instance is" if held == 1 else "instances are"
            self.error = MassVanish(
                f"{held} {are} absent and {'would be ' if dry else ''}held: "
                f"too many at once, or the key or address has changed. All else {was} applied. "
                + (
                    "After a sync, `inventory missing` would list them."
                    if dry
                    else "Look with `inventory missing`, settle with `inventory missing --accept`."
                )
            )
        else:
            self.status = "succeeded"
            if second is not None:
                stays = "would stay" if dry else "stays"
                self.error = add_consequence(
                    second, f"the second walk failed, so what is absent {stays} missing until a later run"
                )

    def set_failed(self, error: InventoryError) -> None:
        """Set status and error of a run that was not applied, and call `clear_events`."""
        self.error = error
        # a lost lease: the process that took it over has already recorded this run as abandoned
        self.status = "abandoned" if isinstance(error, LeaseLost) else "failed"
        self.clear_events()

    def clear_events(self) -> None:
        """Reset `counts`, `missing` and `settled`. Call it if the writes of the run were rolled back, or never made."""
        self.counts, self.missing, self.settled = dict.fromkeys(_COUNTS, 0), 0, []

    def columns(self) -> dict[str, Any]:
        """Return the counts and the error of this run, by column name of `sync_runs`."""
        return {
            "pages": self.pages,
            "instances_seen": self.instances_seen,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "missing": self.missing,
            **{name: self.counts[name] for name in EVENTS},
            "error_code": self.error.error_code if self.error else None,
            "error": str(self.error) if self.error else None,
        }


def add_consequence(error: ApiError, consequence: str) -> ApiError:
    """Return a new error of the same class and status. Its text is the text of `error` with the consequence added."""
    return type(error)(f"{str(error).rstrip('.')}; {consequence}.", status=error.status)
