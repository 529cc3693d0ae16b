"""Output with more rows than the program holds in memory: its format is the same as with few rows."""

import csv
import io
import json
import tempfile

import pytest

from inventory.errors import DatabaseError
from inventory.read import render, row_buffer
from inventory.read.render import Format, show
from inventory.read.row_buffer import RowBuffer
from support.command import Command

pytestmark = pytest.mark.slow

NUMBER = 4_500  # more than two batches


@pytest.fixture
def crowd(world):
    """Return a world of NUMBER instances, half of which changed."""
    ids = [f"i{number:05}" for number in range(NUMBER)]
    world.put(*ids, price={"per hour": 1.5})
    world.run(page_size=1000)
    world.put(*ids[::2], status="stopped", price={"per hour": 1.5})
    world.run(page_size=1000)
    return world


@pytest.fixture
def run(database_url, tmp_path):
    return Command(tmp_path, INVENTORY_DATABASE_URL=database_url)


def test_every_row_is_there_in_every_format(crowd, run):
    assert crowd
    (found,) = json.loads(run("list", "--format", "json").stdout).values()
    assert [row["instance_id"] for row in found] == [f"i{number:05}" for number in range(NUMBER)]
    assert found[0]["extra"] == {"price": {"per hour": 1.5}}
    assert len(list(csv.DictReader(io.StringIO(run("list", "--format", "csv").stdout)))) == NUMBER
    assert len(run("list").stdout.splitlines()) == NUMBER + 1
    (changes,) = json.loads(run("changes", "--since", "2026-01-01", "--format", "json").stdout).values()
    assert len(changes) == NUMBER + NUMBER // 2
    assert all(
        (row["event"] == "changed") == ([part["field"] for part in row["fields"]] == ["status"]) for row in changes
    )
    assert len(json.loads(run("list", "--at", "2026-03-06T01:00", "--format", "json").stdout)["instances"]) == NUMBER


@pytest.mark.parametrize("number", [0, 1, 3])
def test_json_has_the_same_bytes_as_that_of_pythons_own_writer(number):
    rows = [{"a": 'é"\n', "extra": '{"b":[1,{}],"c":{}}', "fields": [{"x": None}, {}]}] * number
    written = io.StringIO()
    show(rows, "rows", Format.json, stream=written)
    whole = [{**row, "extra": {"b": [1, {}], "c": {}}} for row in rows]
    assert written.getvalue() == json.dumps({"rows": whole}, indent=2) + "\n"


def test_a_table_that_is_printed_in_parts_has_one_header_and_aligned_columns(monkeypatch):
    monkeypatch.setattr(render, "AT_ONCE", 2)
    rows = [{"name": "x" * width, "number": number} for number, width in enumerate((9, 1, 3, 2, 1))]
    written = io.StringIO()
    show(rows, "rows", columns=("name", "number"), stream=written)
    assert [line.rstrip() for line in written.getvalue().splitlines()] == [
        "name       number", "xxxxxxxxx       0", "x               1", "xxx             2", "xx              3",
        "x               4",
    ]  # fmt: skip


def test_rows_can_be_read_twice_from_memory_or_a_file(monkeypatch):
    for limit in (row_buffer.IN_MEMORY, 100):
        monkeypatch.setattr(row_buffer, "IN_MEMORY", limit)
        rows = RowBuffer({"number": number} for number in range(5000))
        for _ in range(2):
            assert len(rows) == len(list(rows)) == 5000
            assert next(iter(rows)) == {"number": 0}
    assert not RowBuffer([])
    assert list(RowBuffer([])) == []


def test_a_temporary_folder_that_cannot_be_written_is_named(monkeypatch):
    monkeypatch.setattr(row_buffer, "IN_MEMORY", 100)
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    with pytest.raises(DatabaseError, match="Give TMPDIR a folder with more room"):
        RowBuffer({"number": number} for number in range(5000))
