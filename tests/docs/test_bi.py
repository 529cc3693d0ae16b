"""Checks of docs/bi.md: the list of views, the queries of the charts, the URLs and the commands."""

import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from inventory.config.database_url import parse_url
from inventory.history.accounts import retire
from inventory.store import database
from inventory.store.catalogue import VIEWS
from support.libraries import ROOT
from support.marks import rule
from support.world import DEMO_DAYS, DEMO_ENDS

GUIDE = (ROOT / "docs" / "bi.md").read_text(encoding="utf-8")
CHARTS = re.findall(r"^\*\*(.+?)\*\*.*?^```sql\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
(FOR_SQLITE,) = re.findall(r"^```sqlite\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
COPY = "sqlite3 inventory.db \"VACUUM INTO 'copy.db'\""
TIMES = ("_at", "_since", "_after", "_start", "_end")


@pytest.fixture
def tool(request, backend):
    """Yield an SQLAlchemy engine for the demo, like the engine of a BI tool.

    On SQLite, the engine has the URL that the guide shows, with the path of the demo. On PostgreSQL, it has the URL of
    the demo, with the driver psycopg.
    """
    if backend == "sqlite":
        (url,) = re.findall(r"`(sqlite:///file:\S+)`", GUIDE)
        url = url.replace("/srv/inventory/inventory.db", str(request.getfixturevalue("sqlite_demo")))
    else:
        (url,) = re.findall(r"`(postgresql\+psycopg2://\S+)`", GUIDE)
        assert sa.make_url(url).username == "bi"
        url = sa.make_url(request.getfixturevalue("postgres_demo")).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


def test_the_guide_tells_what_each_view_is_for():
    assert tuple(re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)) == VIEWS


def test_there_are_charts_to_build():
    assert len(CHARTS) >= 8
    assert GUIDE.count("```sql\n") == len(CHARTS)


@pytest.mark.slow
@pytest.mark.parametrize(("title", "statement"), CHARTS)
def test_a_charts_query_gives_rows_on_both_backends(title, statement, tool):
    with tool.connect() as connection:
        assert connection.exec_driver_sql(statement).fetchall(), title


@pytest.mark.parametrize("title", ["GPUs now", "The oldest machines", "Freshness"])
def test_a_chart_of_the_present_leaves_a_retired_account_out(title, world):
    statement = dict(CHARTS)[title]
    world.put("a")
    world.run()
    assert len(world.rows(statement)) == 1
    retire(world.engine, "default", lease_seconds=60)
    assert world.rows(statement) == []


def test_grafana_gets_numbers_for_times_from_sqlite(sqlite_demo):
    with closing(sqlite3.connect(sqlite_demo)) as connection:
        first = DEMO_ENDS - timedelta(days=DEMO_DAYS, hours=-1)
        assert connection.execute(FOR_SQLITE).fetchone()[0] == first.timestamp()


@pytest.mark.slow
@rule("views-keep-types")
def test_a_tool_sees_every_time_of_every_view_as_a_time(tool):
    inspector = sa.inspect(tool)
    assert set(inspector.get_view_names()) == set(VIEWS)
    seen = {(view, column["name"]): column["type"] for view in VIEWS for column in inspector.get_columns(view)}
    times = {key: type_ for key, type_ in seen.items() if key[1].endswith(TIMES)}
    assert len(times) == 20
    assert {key for key, type_ in times.items() if not isinstance(type_, sa.DateTime)} == set()
    assert isinstance(seen["fleet_daily", "day"], sa.Date)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_guides_sqlite_url_cannot_write(tool):
    with pytest.raises(OperationalError, match="readonly"), tool.begin() as connection:
        connection.exec_driver_sql("DELETE FROM accounts")


def test_the_copy_is_consistent_while_a_sync_writes_and_is_one_file(sqlite_demo, tmp_path):
    assert f"```sh\n{COPY}\n```" in GUIDE
    (folder := tmp_path / "folder").mkdir()
    with closing(sqlite3.connect(sqlite_demo)) as connection:
        connection.execute("VACUUM INTO ?", (str(folder / "inventory.db"),))
    with closing(sqlite3.connect(folder / "inventory.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    engine = database.connect(parse_url(f"sqlite:///{folder}/inventory.db"))
    with database.writing(engine) as connection:
        connection.exec_driver_sql("UPDATE accounts SET account = 'written, not yet committed'")
        if shutil.which("sqlite3"):
            subprocess.run(["bash", "-c", COPY], cwd=folder, check=True)
        else:  # the statement that the sqlite3 program would run
            with closing(sqlite3.connect(folder / "inventory.db")) as reader:
                reader.execute(f"VACUUM INTO '{folder}/copy.db'")
    engine.dispose()
    with closing(sqlite3.connect(f"file:{folder}/copy.db?mode=ro", uri=True)) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT account FROM accounts").fetchall() == [("demo",)]
        assert len(copy.execute("SELECT * FROM instances").fetchall()) > 20
    assert not (folder / "copy.db-wal").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two other users")
def test_the_rights_of_the_guide_let_a_reader_in_and_do_not_shut_the_sync_out(migrated_sqlite):
    """Read the file as another user of its group, write as the user of the sync, and read again as the other user.

    The first reader creates a -shm file, and leaves it there. The sync must be able to write to this file. A user
    outside of the group cannot read the database.
    """
    assert "chmod 2770 . && chmod 660 inventory.db*" in GUIDE
    group, sync, reader, stranger = 54_000, 54_001, 54_002, 54_003
    with TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        place = Path(folder) / "data"
        place.mkdir()
        file = place / "inventory.db"
        shutil.copyfile(migrated_sqlite, file)
        for path, mode in ((place, 0o2770), (file, 0o660)):
            os.chown(path, sync, group)
            path.chmod(mode)

        def look(user, group=group):
            with being(user, group), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
                return connection.execute("SELECT label FROM typed").fetchall()

        assert look(reader) == []
        with being(sync, group), closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("INSERT INTO typed (id, label) VALUES (1, 'written')")
        assert look(reader) == [("written",)]
        with pytest.raises(sqlite3.OperationalError):
            look(stranger, stranger)


@contextmanager
def being(user, group):
    """Set the effective user and group of this process in the block. They decide which files the process may use."""
    os.setegid(group)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
