"""Many rows at once: an empty PostgreSQL table is filled without its indexes, and has them all again afterwards."""

import json

import pytest
import sqlalchemy as sa
from test_readers import ON_POSTGRESQL

from inventory import bulk, database
from inventory.schema import differences
from inventory.tables import instance_state, instance_versions
from inventory.verify import verify

INDEXES = """
    SELECT pg_get_indexdef(indexrelid), pg_get_constraintdef(pg_constraint.oid), indisvalid, indexrelid
    FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid
    WHERE indrelid IN ('instance_state'::regclass, 'instance_versions'::regclass)
"""


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(bulk, "MANY", 1)


@pytest.fixture
def world(world):
    world.put("a", "b", "c", creator_user_nickname="ada")
    return world


@pytest.fixture
def indexes(world):
    """A function: what indexes there are, and their identities, which are others once they were made again."""

    def found():
        with database.reading(world.engine) as connection:
            rows = connection.execute(sa.text(INDEXES)).all()
        return {tuple(row[:3]) for row in rows}, {row[3] for row in rows}

    return found


def whole(world):
    """Everything is as after any other run."""
    assert differences(world.engine) == []
    with database.reading(world.engine) as connection:
        assert verify(connection).breaches == []
    assert world.presences() == dict.fromkeys("abc", "live")
    with pytest.raises(sa.exc.IntegrityError), world.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO instance_versions SELECT * FROM instance_versions")


def test_a_large_first_run_leaves_the_schema_as_it_was(world):
    assert world.run().status == "succeeded"
    whole(world)
    world.remove("a")
    world.put("d")
    world.run()
    assert world.events()[-2:] == [(2, "a", "vanished"), (2, "d", "appeared")]


@ON_POSTGRESQL
def test_the_indexes_of_an_empty_table_are_made_again(world, indexes):
    with world.engine.begin() as connection:  # an index of the user's, with all that a careless hand would lose
        connection.exec_driver_sql(
            'CREATE INDEX "Theirs (\'%%:a)" ON instance_state USING hash (lower(region)) WITH (fillfactor = 50) '
            "WHERE region LIKE '%%:b''%%'"
        )
        connection.exec_driver_sql(
            "ALTER TABLE instance_versions ADD CONSTRAINT theirs UNIQUE (ip, account) DEFERRABLE"
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
def test_a_table_that_somebody_reads_keeps_its_indexes_and_nobody_waits(world, indexes):
    before = indexes()
    with world.engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM instances")
        assert world.run().status == "succeeded"
    assert indexes() == before
    whole(world)


@ON_POSTGRESQL
def test_another_account_that_has_rows_keeps_the_indexes(world, indexes):
    world.run(account="first")
    before = indexes()
    assert world.run(account="second").counts["appeared"] == 3
    assert indexes() == before


@ON_POSTGRESQL
def test_a_view_that_needs_the_key_keeps_the_indexes(world, indexes):
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE VIEW theirs AS SELECT instance_id, region FROM instance_state GROUP BY account, instance_id"
        )
    before = indexes()
    assert world.run().status == "succeeded"
    assert indexes() == before
    assert world.one("SELECT count(*) FROM theirs") == 3


@ON_POSTGRESQL
def test_a_role_that_does_not_own_the_tables_fills_them_with_their_indexes(world, indexes):
    before = indexes()
    with world.engine.connect() as connection:
        connection.exec_driver_sql("CREATE ROLE writer")
        try:
            connection.exec_driver_sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO writer")
            connection.exec_driver_sql("SET ROLE writer")
            with bulk.filling(connection, (instance_state, instance_versions), 10):
                connection.exec_driver_sql("SELECT 1")
            connection.exec_driver_sql("RESET ROLE")
        finally:
            connection.rollback()
    assert indexes() == before


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
    whole(world)


TEXTS = (
    '"', "\\", "{}", "{", ",", '","', "NULL", "null", "a\nb", "\\n", "\\\\n", "\\x41", "\x01", "\x1f", "\x7f", "\x85",
    "\u2028", "ü💥", " x ", "'", "%s", "%%", ":a", "[]", "\b\f\r\t", "\\u0041", "\\'", "--",
)  # fmt: skip


def test_whatever_the_text_it_comes_back_as_it_was(world):
    """New, changed, and as an id where it can be one."""
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
