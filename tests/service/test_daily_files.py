"""The report and the export that `inventory run` writes once a day, if the settings name places for them."""

import json
import os
import shutil
from datetime import UTC, datetime, time, timedelta

import pytest

from inventory.config.settings import load
from inventory.errors import UsageError
from inventory.outcome import Outcome
from inventory.service.closing import Deadline
from inventory.service.daily_files import DailyFiles
from inventory.service.observers import observing, wants_files
from support.command import Command
from support.workers import until


@pytest.fixture
def today():
    """Return the time. Shortly before midnight, wait for the new day first: a test must not last into a new day."""
    until(lambda: datetime.now(UTC).time() < time(23, 59, 30))
    return datetime.now(UTC)


@pytest.fixture
def settings(tmp_path):
    return load(report_file=tmp_path / "fleet.html", export_dir=tmp_path / "lake")


@pytest.fixture
def after_a_run(world, settings, today):
    """Return a function that makes a run, passes its outcome to an observer, and waits until all files are written.

    The function returns the observer. If none is passed, it makes a new one: the clock of this observer says `at`, and
    its settings are `settings` with the values of `changes`.
    """
    world.put("a")

    def run(at=today, observer=None, **changes):
        files = observer or DailyFiles(world.engine, settings.model_copy(update=changes), clock=lambda: at)
        files.observe(world.run())
        files.wait(Deadline(90))
        return files

    return run


def times(tmp_path):
    return (tmp_path / "fleet.html").stat().st_mtime_ns, (tmp_path / "lake" / "manifest.json").stat().st_mtime_ns


@pytest.mark.slow
def test_the_first_run_of_a_day_writes_both_and_later_ones_write_nothing(after_a_run, tmp_path, today):
    after_a_run()
    assert "<html" in (tmp_path / "fleet.html").read_text()
    assert json.loads((tmp_path / "lake" / "manifest.json").read_text())["files"]["instances.parquet"]["rows"] == 1
    first = times(tmp_path)
    after_a_run()
    assert times(tmp_path) == first
    after_a_run(today + timedelta(days=1))
    assert all(later > earlier for later, earlier in zip(times(tmp_path), first, strict=True))


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_files_from_a_time_in_the_future_are_written_again(after_a_run, tmp_path, today):
    """The clock of the host was wrong, and has been set back since."""
    (tmp_path / "fleet.html").write_text("from the future")
    later = (today + timedelta(days=400)).timestamp()
    os.utime(tmp_path / "fleet.html", (later, later))
    after_a_run(export_dir=None)
    assert "<html" in (tmp_path / "fleet.html").read_text()


def test_nothing_is_written_without_a_run_or_where_nothing_is_named(world, settings, after_a_run, tmp_path):
    files = DailyFiles(world.engine, settings)
    files.observe(Outcome("default"))
    files.wait(Deadline(90))
    after_a_run(report_file=None, export_dir=None)
    assert list(tmp_path.glob("fleet.html")) + list(tmp_path.glob("lake")) == []
    assert not wants_files(load())


@pytest.mark.slow
def test_a_failure_is_logged_and_tried_again_an_hour_later(world, settings, tmp_path, capsys, today):
    world.put("a")
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "thesis.txt").write_text("mine")
    now = [today]
    files = DailyFiles(world.engine, settings, clock=lambda: now[0])

    def run():
        files.observe(world.run())
        files.wait(Deadline(90))
        return capsys.readouterr()

    said = run()
    assert "holds files that are not of an export" in said.out + said.err
    assert (tmp_path / "fleet.html").exists()
    (tmp_path / "lake" / "thesis.txt").unlink()
    run()
    assert not (tmp_path / "lake" / "manifest.json").exists()
    now[0] += timedelta(hours=1)
    run()
    assert (tmp_path / "lake" / "manifest.json").exists()


@pytest.mark.medium
def test_an_export_is_not_written_again_because_the_database_is_on_another_day(after_a_run, tmp_path, today):
    files = after_a_run(today - timedelta(days=1), report_file=None)
    manifest = tmp_path / "lake" / "manifest.json"
    first = manifest.stat().st_mtime_ns
    after_a_run(observer=files)
    assert manifest.stat().st_mtime_ns == first
    shutil.rmtree(manifest.parent)
    after_a_run(observer=files)
    assert manifest.exists()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_status_says_so_if_a_file_is_from_the_future(after_a_run, database_url, tmp_path):
    after_a_run(export_dir=None, report_file=None)
    (tmp_path / "fleet.html").touch()
    os.utime(tmp_path / "fleet.html", (4_102_444_800,) * 2)
    run = Command(tmp_path, INVENTORY_DATABASE_URL=database_url, INVENTORY_REPORT_FILE="fleet.html")
    assert "report: written at 2100-01-01T00:00:00Z, which is in the future" in run("status").stderr


@pytest.mark.medium
def test_status_shows_their_age(after_a_run, database_url, tmp_path, today):
    run = Command(
        tmp_path, INVENTORY_DATABASE_URL=database_url, INVENTORY_REPORT_FILE="fleet.html", INVENTORY_EXPORT_DIR="lake"
    )
    after_a_run(export_dir=None)
    earlier = (today - timedelta(hours=5)).timestamp()
    os.utime(tmp_path / "fleet.html", (earlier, earlier))
    printed = run("status").stderr
    assert "report: written 5h" in printed
    assert "export: never written" in printed
    (row,) = json.loads(run("status", "--format", "json").stdout)["accounts"]
    assert row["report_at"][:19] == (today - timedelta(hours=5)).isoformat()[:19]
    assert row["report_age_seconds"] >= 5 * 3600
    assert (row["export_at"], row["export_age_seconds"]) == (None, None)
    assert "report" not in run("status", INVENTORY_REPORT_FILE=None, INVENTORY_EXPORT_DIR=None).stderr


def test_run_refuses_at_its_start_what_needs_a_library_that_is_missing(world, settings, monkeypatch):
    monkeypatch.setattr("inventory.config.extras.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="is not installed"), observing(world.engine, settings):
        pass


def test_sync_writes_neither_and_needs_no_library_for_them(world, database_url, tmp_path, monkeypatch):
    world.put("a")
    monkeypatch.setattr("inventory.config.extras.find_spec", lambda _: None)
    run = Command(tmp_path, FAL_KEY="id:secret", INVENTORY_API_URL=world.simulator.url, INVENTORY_RETRY_ATTEMPTS="1")
    run("sync", INVENTORY_DATABASE_URL=database_url, INVENTORY_REPORT_FILE="fleet.html", INVENTORY_EXPORT_DIR="lake")
    assert world.statuses() == ["succeeded"]
    assert list(tmp_path.glob("*fleet.html*")) + list(tmp_path.glob("lake")) == []


@pytest.mark.slow
def test_a_file_under_way_is_complete_when_the_command_ends(world, settings, tmp_path):
    world.put("a")
    with observing(world.engine, settings) as observers:
        outcome = world.run()
        for observer in observers:
            observer(outcome)
    assert "<html" in (tmp_path / "fleet.html").read_text()
    assert (tmp_path / "lake" / "manifest.json").exists()
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.slow
def test_run_writes_them(start, world, tmp_path):
    world.put("a")
    worker = start(INVENTORY_REPORT_FILE=str(tmp_path / "fleet.html"), INVENTORY_EXPORT_DIR=str(tmp_path / "lake"))
    worker.wait_for("daily file written", count=2)
    assert worker.stop() == 0
    assert (tmp_path / "lake" / "instances.parquet").exists()
    assert (tmp_path / "fleet.html").exists()
