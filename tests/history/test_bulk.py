"""Bulk loading: an empty PostgreSQL table is filled without its indexes, which are rebuilt afterwards."""

import json

import pytest
import sqlalchemy as sa

from inventory.history.verify import verify_history
from inventory.store import database
from inventory.store.backend import LOCK_WAIT_SECONDS
from inventory.store.indexes import rebuilt_after_load
from inventory.store.schema import differences
from inventory.store.tables import instance_state, instance_versions
from support.marks import ON_POSTGRESQL

INDEXES = """
    SELECT pg_get_indexdef(indexrelid), pg_get_constraintdef(pg_constraint.oid), indisvalid, indexrelid
    FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid
    WHERE indrelid IN ('instance_state'::regclass, 'instance_versions'::regclass)
"""


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    """Let the program use bulk loading from one row on. Normally, it does so only from 10,000 rows on."""
    monkeypatch.setattr("inventory.store.indexes.MANY", 1)


@pytest.fixture
def world(world):
    world.put("a", "b", "c", creator_user_nickname="ada")
    return world


@pytest.fixture
def indexes(world):
    """Return a function that returns two sets: the definitions of indexes, and the oids of the same indexes.

    They are the indexes of `instance_state` and `instance_versions`. A rebuilt index has the same definition and
    another oid.
    """

    def found():
        with database.reading(world.engine) as connection:
            rows = connection.execute(sa.text(INDEXES)).all()
        return {tuple(row[:3]) for row in rows}, {row[3] for row in rows}

    return found


def check_whole(world):
    """Check that the schema is as declared, that the history verifies, and that all instances are live.

    Check also that a second copy of a row of `instance_versions` is refused.
    """
    assert differences(world.engine) == []
    with database.reading(world.engine) as connection:
        assert verify_history(connection).breaches == []
    assert world.presences() == dict.fromkeys("abc", "live")
    with pytest.raises(sa.exc.IntegrityError), world.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO instance_versions SELECT * FROM instance_versions")


@pytest.mark.medium
def test_a_large_first_run_leaves_the_schema_as_it_was(world):
    assert world.run().status == "succeeded"
    check_whole(world)
    world.remove("a")
    world.put("d")
    world.run()
    assert world.events()[-2:] == [(2, "a", "vanished"), (2, "d", "appeared")]


@ON_POSTGRESQL
def test_the_indexes_of_an_empty_table_are_rebuilt(world, indexes):
    with world.engine.begin() as connection:  # also indexes that a user has added
        connection.exec_driver_sql(
            "CREATE INDEX \"Theirs ('%%:a)\" ON instance_state USING hash (region) WHERE region LIKE '%%:b''%%'"
        )
        connection.exec_driver_sql(
            "ALTER TABLE instance_versions ADD CONSTRAINT theirs UNIQUE (ip, account, valid_from)"
        )
    before, numbers = indexes()
    world.run()
    after, others = indexes()
    assert after == before
    assert not numbers & others
    world.put("d")
    world.run()
    assert indexes() == (after, others)  # no table is empty now


@ON_POSTGRESQL
def test_a_table_with_a_reader_keeps_its_indexes_and_nobody_waits(world, indexes):
    before = indexes()
    with world.engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM instances")
        outcome = world.run()
    assert outcome.status == "succeeded"
    assert outcome.seconds < LOCK_WAIT_SECONDS
    assert indexes() == before
    check_whole(world)


@ON_POSTGRESQL
def test_indexes_are_kept_if_another_account_has_rows(world, indexes):
    world.run(account="first")
    before = indexes()
    assert world.run(account="second").counts["appeared"] == 3
    assert indexes() == before


THEIRS = {
    "a view that needs the key": "CREATE VIEW theirs AS SELECT ip FROM instance_state GROUP BY account, instance_id",
    "an index for replication": "ALTER TABLE instance_state REPLICA IDENTITY USING INDEX pk_instance_state",
    "an index to cluster by": "ALTER TABLE instance_state CLUSTER ON pk_instance_state",
    "an option": "ALTER INDEX pk_instance_versions SET (fillfactor = 70)",
    "a comment on an index": "COMMENT ON INDEX uq_instance_versions_open IS 'theirs'",
    "a comment on a constraint": "COMMENT ON CONSTRAINT pk_instance_state ON instance_state IS 'theirs'",
    "an index of an expression": "CREATE INDEX theirs ON instance_state (lower(region))",
    "a foreign key, deferred": "CREATE TABLE regions AS SELECT 'us-west' AS region; "
    "ALTER TABLE regions ADD PRIMARY KEY (region); ALTER TABLE instance_state "
    "ADD FOREIGN KEY (region) REFERENCES regions DEFERRABLE INITIALLY DEFERRED",
    "a trigger": "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
    "CREATE TRIGGER theirs AFTER INSERT ON instance_versions FOR EACH ROW EXECUTE FUNCTION nothing()",
}


@ON_POSTGRESQL
@pytest.mark.parametrize("statement", THEIRS.values(), ids=THEIRS)
def test_a_table_that_a_user_has_altered_is_filled_with_its_indexes(world, indexes, statement):
    with world.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    before = indexes()
    assert world.run().status == "succeeded"
    assert indexes() == before
    world.put("a", status="stopped")
    assert world.run().counts["changed"] == 1


@ON_POSTGRESQL
@pytest.mark.parametrize("grant", ["GRANT ALL ON ALL TABLES IN SCHEMA public TO {}", "ALTER TABLE {1} OWNER TO {0}"])
def test_a_role_that_may_not_create_indexes_keeps_them_while_it_fills_the_tables(world, indexes, grant):
    before = indexes()
    with world.engine.connect() as connection:  # a connection that never commits, so all is rolled back
        connection.exec_driver_sql("CREATE ROLE writer")
        for table in ("instance_state", "instance_versions"):
            connection.exec_driver_sql(grant.format("writer", table))
        connection.exec_driver_sql("SET LOCAL ROLE writer")
        with rebuilt_after_load(connection, (instance_state, instance_versions), 10):
            found = {row[3] for row in connection.execute(sa.text(INDEXES))}
        assert found == before[1]


@ON_POSTGRESQL
@pytest.mark.parametrize(("limit", "then"), [("0", "10s"), ("2min", "10s"), ("10s", "10s"), ("3s", "3s")])
def test_the_server_ends_a_frozen_bulk_load_before_readers_give_up(world, limit, then):
    with world.engine.connect() as connection:
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{limit}'")
        with rebuilt_after_load(connection, (instance_state, instance_versions), 10):
            assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar() == then


@ON_POSTGRESQL
def test_a_run_that_fails_while_it_fills_leaves_the_indexes_as_they_were(world, indexes):
    with world.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE instance_versions ADD CONSTRAINT theirs CHECK (instance_id <> 'c')")
    before = indexes()
    assert world.run().status == "failed"
    assert indexes() == before
    assert world.rows("SELECT instance_id FROM instance_state") == []
    with world.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE instance_versions DROP CONSTRAINT theirs")
    assert world.run().status == "succeeded"
    check_whole(world)


TEXTS = (
    '"', "\\", "{}", "{", ",", '","', "NULL", "null", "a\nb", "\\n", "\\\\n", "\\x41", "\x01", "\x1f", "\x7f", "\x85",
    "\u2028", "ü💥", " x ", "'", "%s", "%%", ":a", "[]", "\b\f\r\t", "\\u0041", "\\'", "--",
)  # fmt: skip


@pytest.mark.medium
def test_any_text_is_read_back_as_it_was_written(world):
    """Write each text as a creator and in `extra`, first in new rows, then in changed ones.

    A printable text is also in an id.
    """
    ids = [f"{text}{number}" if text.isprintable() else f"{number}" for number, text in enumerate(TEXTS)]
    for texts in (TEXTS, TEXTS[::-1]):
        sent = dict(zip(ids, texts, strict=True))
        for id_, text in sent.items():
            world.put(id_, sector="theirs", creator_user_nickname=text, note=text)
        world.run()
        rows = world.rows("SELECT instance_id, creator_user_nickname, extra FROM instances WHERE sector = 'theirs'")
        assert {id_: (creator, json.loads(extra)) for id_, creator, extra in rows} == {
            id_: (text, {"note": text}) for id_, text in sent.items()
        }
