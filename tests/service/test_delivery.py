"""The delivery of checkpoints by `inventory run`: once a day, to a folder and to channels, and again if it failed."""

import json
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from inventory import log
from inventory.checkpoints.checkpoint import Checkpoint, parse_checkpoints
from inventory.checkpoints.signed_note import SigningKey
from inventory.config.alerts import AlertSettings
from inventory.config.settings import load
from inventory.errors import UsageError
from inventory.outcome import Outcome
from inventory.service.alerts import Alerts
from inventory.service.checkpoints import CheckpointDelivery
from inventory.service.metrics import DatabaseCollector
from inventory.service.observers import observing
from inventory.simulator.faults import Status
from inventory.store import database
from inventory.store.tables import accounts
from support.command import Command
from support.marks import rule
from support.receiver import receiving
from support.world import hour

pytestmark = rule("a-checkpoint-anchors-the-log")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kept"


@pytest.fixture
def deliver(world, folder):
    """Return a function that makes a run at an hour, passes its outcome to a new observer, and returns `sizes(folder)`.

    `sizes` returns a list: the number of entries of each checkpoint in the folder. Each call uses a new observer, as
    if a new process made the run.
    """
    world.put("a")

    def run(at, send=None, account="default", **settings):
        outcome = world.run(account=account, clock=lambda: hour(at))
        settings = load(**{"checkpoint_dir": folder} | settings)
        CheckpointDelivery(world.engine, settings, send, clock=lambda: hour(at)).observe(outcome)
        return sizes(folder)

    return run


def sizes(folder):
    return [
        each.checkpoint.size
        for file in sorted(folder.glob("*.checkpoint"))
        for each in parse_checkpoints(file.read_text())
    ]


def delivered_at(world, account="default"):
    with database.reading(world.engine) as connection:
        return connection.scalar(sa.select(accounts.c.checkpoint_at).where(accounts.c.account == account))


@pytest.mark.medium
def test_the_first_run_of_a_day_delivers_and_no_other(world, deliver):
    assert deliver(1) == [2]
    assert delivered_at(world) == hour(1)
    assert deliver(2) == deliver(23) == [2]
    assert delivered_at(world) == hour(1)
    assert deliver(24.1) == [5]  # less than 24 hours later, but on another day
    assert deliver(47.9) == [5]
    assert deliver(100) == [7]


@pytest.mark.medium
def test_each_account_has_its_own_file(world, deliver, folder):
    deliver(1, account="research")
    assert deliver(1, account="production") == [2, 2]
    assert [file.name.partition("-")[0] for file in sorted(folder.iterdir())] == ["production", "research"]
    assert delivered_at(world, "research") == delivered_at(world, "production") == hour(1)


@pytest.mark.medium
def test_a_clock_that_stepped_back_delivers_once_more(world, deliver):
    deliver(100)
    assert deliver(50) == [3]
    assert delivered_at(world) == hour(50)
    assert deliver(51) == [3]


def test_a_failed_run_delivers_too_and_an_attempt_without_a_run_does_not(world, folder, deliver):
    CheckpointDelivery(world.engine, load(checkpoint_dir=folder)).observe(Outcome("default"))
    assert not folder.exists()
    world.faults.add(Status(500), times=None)
    assert deliver(1) == [2]


@pytest.mark.medium
def test_a_delivery_that_fails_is_one_warning_and_is_tried_again(world, folder, capsys):
    log.configure("text", "info")
    world.put("a")
    folder.write_text("no folder")
    delivery = CheckpointDelivery(world.engine, load(checkpoint_dir=folder), clock=lambda: hour(world.runs))
    for _ in range(3):
        delivery.observe(world.run())
    assert delivered_at(world) is None
    logged = "".join(capsys.readouterr()).splitlines()
    (line,) = [line for line in logged if "the checkpoint was not delivered; the next run tries again" in line]
    assert "[warning" in line
    assert "cannot be written to" in line
    folder.unlink()
    delivery.observe(world.run())
    assert sizes(folder) == [5]
    assert delivered_at(world) == hour(4)


@pytest.mark.medium
def test_a_checkpoint_that_the_log_contradicts_is_not_replaced(world, deliver, folder, capsys):
    deliver(1)
    (file,) = folder.iterdir()
    (note,) = parse_checkpoints(file.read_text())
    longer = Checkpoint(note.checkpoint.origin, 99, bytes(32)).text
    file.write_text(longer)
    deliver(25)
    assert file.read_text() == longer
    assert "covers 99 entries of its log that are not those of the database (it has 3)" in "".join(capsys.readouterr())
    assert delivered_at(world) == hour(1)
    file.rename(folder / "before-the-restore")  # so no checkpoint in the folder contradicts the log
    assert deliver(26) == [4]


def test_several_workers_deliver_once(world, folder):
    world.put("a")
    outcome = world.run()
    sent = []
    settings = load(checkpoint_dir=folder)
    for _ in range(3):
        delivery = CheckpointDelivery(
            world.engine, settings, lambda *sending: sent.append(sending), clock=lambda: hour(1)
        )
        delivery.observe(outcome)
    assert len(sent) == 1


@pytest.mark.medium
def test_a_claim_is_handed_back_if_no_channel_accepts(world, deliver):
    answers = []

    def send(_head, _note, answered):
        answers.append(answered)

    deliver(1, send)
    deliver(25, send)
    assert delivered_at(world) == hour(25)
    answers[1](False)
    assert delivered_at(world) == hour(1)
    deliver(26, send)
    assert delivered_at(world) == hour(26)
    answers[1](False)  # too late: another process has delivered
    assert delivered_at(world) == hour(26)
    answers[2](True)
    assert delivered_at(world) == hour(26)


# -- To channels


@pytest.fixture
def to_channels(world):
    """Return a function that takes receivers, makes a run, and returns for each receiver a list of the posts it got.

    Only posts of checkpoints are returned, as tuples of type, title and lines. A failed post is not retried.
    """
    world.put("a")

    def run(*receivers):
        settings = load(alerts={"urls": [each.url for each in receivers], "on": ["checkpoint"]})
        alerts = Alerts(world.engine, settings.alerts, timedelta(hours=1), pauses=())
        CheckpointDelivery(world.engine, settings, alerts.send_checkpoint).observe(world.run())
        alerts.close(60)
        return [[post for post in each.take_posts() if "checkpoint" in post[1]] for each in receivers]

    return run


@pytest.mark.medium
def test_the_channels_get_the_checkpoint_as_it_is_in_a_file(to_channels, tmp_path, database_url):
    with receiving() as one:
        ((kind, title, lines),) = to_channels(one)[0]
    assert (kind, title) == ("info", "inventory: default: checkpoint of 2 entries")
    (tmp_path / "copied.checkpoint").write_text("\n".join(lines) + "\n")
    inventory = Command(tmp_path, INVENTORY_DATABASE_URL=database_url)
    assert "2 entries unchanged" in inventory("verify", "--against", "copied.checkpoint").stdout


@pytest.mark.parametrize(
    ("on", "titles"), [(["checkpoint"], ["inventory: default: checkpoint of 2 entries"]), ([], [])]
)
def test_only_those_who_ask_get_checkpoints(world, on, titles):
    assert "checkpoint" not in AlertSettings(urls=["json://localhost"]).on
    with receiving() as one:
        with observing(world.engine, load(alerts={"urls": [one.url], "on": on})) as observers:
            outcome = world.run()
            for observe in observers:
                observe(outcome)
        assert [title for _, title, _ in one.take_posts()] == titles
    assert (delivered_at(world) is not None) == bool(titles)


def test_one_channel_that_accepts_is_enough(world, to_channels):
    with receiving() as one, receiving() as other:
        one.statuses = [500] * 3
        assert [len(posts) for posts in to_channels(one, other)] == [1, 1]
        assert delivered_at(world) is not None
        assert to_channels(one, other) == [[], []]


@pytest.mark.medium
def test_if_no_channel_accepts_the_next_run_tries_again(world, to_channels):
    with receiving() as one:
        one.statuses = [500]
        assert [len(posts) for posts in to_channels(one)] == [1]
        assert delivered_at(world) is None
        assert [len(posts) for posts in to_channels(one)] == [1]
        assert delivered_at(world) is not None


def test_a_channel_that_hangs_until_the_end_hands_the_delivery_back(world):
    world.put("a")
    before = set(threading.enumerate())
    with receiving() as one:
        one.answering.clear()
        settings = load(alerts={"urls": [one.url], "on": ["checkpoint"]})
        alerts = Alerts(world.engine, settings.alerts, timedelta(hours=1), pauses=())
        CheckpointDelivery(world.engine, settings, alerts.send_checkpoint).observe(world.run())
        one.posts.get(timeout=60)
        assert delivered_at(world) is not None
        alerts.close(0)
        assert delivered_at(world) is None
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("alerts-"):  # else its log lines would get into another test
            thread.join(60)


# -- The whole program


@pytest.mark.slow
def test_run_delivers_and_status_shows_the_age(world, start, folder, tmp_path, database_url):
    world.put("a")
    key = tmp_path / "key"
    key.write_bytes(SigningKey.generate().pem)
    key.chmod(0o600)
    settings = {
        "INVENTORY_CHECKPOINT_DIR": str(folder),
        "INVENTORY_CHECKPOINT_KEY_FILE": str(key),
        "INVENTORY_CHECKPOINT_NAME": "fleet.example.org",
    }
    worker = start(**settings)
    worker.wait_for("checkpoint delivered", account="default")
    assert worker.stop() == 0
    assert len(worker.log("checkpoint delivered")) == 1
    (file,) = folder.iterdir()
    (note,) = parse_checkpoints(file.read_text())
    assert note.note.signatures
    inventory = Command(tmp_path, INVENTORY_DATABASE_URL=database_url)
    assert "checkpoint" in inventory("status").stdout.splitlines()[0]
    (row,) = json.loads(inventory("status", "--format", "json").stdout)["accounts"]
    assert row["checkpoint_at"].endswith("Z")
    assert row["checkpoint_age_seconds"] >= 0


@pytest.mark.medium
def test_metrics_show_the_time_of_the_last_delivery(world, deliver):
    collector = DatabaseCollector(world.engine, timedelta(hours=1), clock=lambda: hour(2))
    deliver(1, checkpoint_dir=None)
    found = {family.name: family.samples for family in collector.collect()}
    collector.engine.dispose()
    (sample,) = found["inventory_checkpoint_timestamp_seconds"]
    assert (sample.labels, sample.value) == ({"account": "default"}, hour(1).timestamp())


def test_a_key_that_cannot_be_used_stops_run_at_its_start(world, folder, tmp_path):
    settings = load(checkpoint_dir=folder, checkpoint_key_file=tmp_path / "none", checkpoint_name="n")
    with pytest.raises(UsageError, match="cannot be read from"), observing(world.engine, settings):
        pass


def test_a_key_that_is_gone_later_is_a_warning(world, folder, tmp_path, capsys):
    log.configure("text", "info")
    world.put("a")
    key = tmp_path / "key"
    key.write_bytes(SigningKey.generate().pem)
    key.chmod(0o600)
    settings = load(checkpoint_dir=folder, checkpoint_key_file=key, checkpoint_name="n")
    delivery = CheckpointDelivery(world.engine, settings)
    key.unlink()
    delivery.observe(world.run())
    (line,) = [line for line in "".join(capsys.readouterr()).splitlines() if "cannot be read from" in line]
    assert "[warning" in line
    assert delivered_at(world) is None
