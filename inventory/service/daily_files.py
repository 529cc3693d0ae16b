"""Write the report and the export once a day (UTC), after the first run of the day, if the settings ask for them.

They are written in a thread of their own, so that no run waits. The time of the last write is read from the files: it
is the modification time of the report, and a time in the manifest of the export. So if several processes run on one
host, usually only one of them writes a file. If two write at the same time, the lock of the folder refuses the second
export, and the second report replaces the first as a whole.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Engine

from inventory import background, log
from inventory.config.settings import Settings
from inventory.config.signing import read_signer
from inventory.errors import AccountBusy, InventoryError
from inventory.export.manifest import read_manifest
from inventory.outcome import Outcome
from inventory.service.closing import POLL_SECONDS, Deadline
from inventory.store import database
from inventory.store.database import Clock
from inventory.whole_file import whole_file

if TYPE_CHECKING:
    from concurrent.futures import Future

logger = log.get(__name__)

PATIENCE = timedelta(minutes=55)
"""The pause after a failure, before a new attempt. It is below an hour, so that each hourly run makes an attempt."""


class DailyFiles:
    """An observer of runs that writes the daily files if they are due."""

    def __init__(self, engine: Engine, settings: Settings, *, clock: Clock | None = None) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock or (lambda: datetime.now(UTC))
        self._work: Future[None] | None = None
        self._failed_at: dict[str, datetime] = {}
        self._written_on: dict[str, date] = {}
        """The day (UTC, by this host's clock) for which this process last wrote each file, by the name of the file."""

    def observe(self, outcome: Outcome) -> None:
        """Start a thread that writes the files that are due.

        Do nothing if the thread of an earlier run still writes, or if the attempt began no run.
        """
        if outcome.run_id is None or (self._work is not None and not self._work.done()):
            return
        today = self._clock().date()  # the day on which writing begins; it may end on the next day
        if due := [name for name, at in written(self._settings).items() if self._is_due(name, at)]:
            self._work = background.start(lambda: self._write(due, today))

    def wait(self, deadline: Deadline) -> None:
        """Wait until the thread has written its files, or until the deadline."""
        while self._work is not None and not self._work.done() and (left := deadline.left()):
            with suppress(TimeoutError):
                self._work.result(min(left, POLL_SECONDS))

    def _is_due(self, name: str, at: datetime | None) -> bool:
        now, failed_at = self._clock(), self._failed_at.get(name)
        if failed_at is not None and now - failed_at < PATIENCE:
            return False
        # `at` may come from another clock, which shows another day: then `_written_on` prevents a second write.
        # If `at` is on a later day, the clock was set back: the file is due.
        return at is None or now.date() not in {at.date(), self._written_on.get(name)}

    def _write(self, names: list[str], today: date) -> None:
        writers: dict[str, Callable[[], None]] = {"report": self._write_report, "export": self._write_export}
        for name in names:
            try:
                writers[name]()
            except AccountBusy:  # another export writes to the folder, or `export --check` reads it
                continue
            except InventoryError as error:
                self._failed_at[name] = self._clock()
                logger.warning(
                    "a daily file was not written; a run in an hour tries again", file=name, reason=str(error)
                )
            except Exception:
                self._failed_at[name] = self._clock()
                logger.exception("a daily file was not written; a run in an hour tries again", file=name)
            else:
                self._failed_at.pop(name, None)
                self._written_on[name] = today
                logger.info("daily file written", file=name)

    def _write_report(self) -> None:
        from inventory.report import gather, page

        file = self._settings.report_file
        assert file is not None  # noqa: S101 - it is due
        with whole_file(file) as written_file:
            with database.reading(self._engine) as connection:
                data = gather(connection, written_at=database.now(connection), since=None, account=None)
            written_file.write(page(data))  # not in the transaction: it takes seconds

    def _write_export(self) -> None:
        from inventory.export.export import Request, export

        folder = self._settings.export_dir
        assert folder is not None  # noqa: S101 - it is due
        with database.reading(self._engine) as connection:
            export(connection, Request(folder), read_signer(self._settings))


def written(settings: Settings) -> dict[str, datetime | None]:
    """Return the times at which the files were last written, by the name of the file: `report` or `export`.

    Only files that the settings ask for are included. A time is None if the file was never written or cannot be read.
    """
    return dict(_written(settings))


def _written(settings: Settings) -> Iterator[tuple[str, datetime | None]]:
    if settings.report_file is not None:
        yield "report", _modified_at(settings.report_file)
    if settings.export_dir is not None:
        yield "export", _exported_at(settings.export_dir)


def _modified_at(file: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError:
        return None


def _exported_at(folder: Path) -> datetime | None:
    try:
        manifest = read_manifest(folder)
    except InventoryError:
        return None
    return datetime.fromisoformat(manifest.about.as_of) if manifest and manifest.about else None
