"""Acts of persons: `operator_actions`, `--reason`, and `changes --operators`."""

import csv
import io
import json
import os
import pwd
import socket
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from inventory.errors import BreachFound
from inventory.history import accounts
from inventory.history.lease import hold_lease
from inventory.history.missing import accept_missing
from inventory.history.prune import PruneRequest, prune
from inventory.store import database
from support.command import KEY, SECRET, Command
from support.marks import rule
from support.world import hour

OTHERS = {"USER": "mallory", "LOGNAME": "mallory", "USERNAME": "mallory", "SUDO_USER": "mallory", "HOSTNAME": "faked"}
SHOWN = ("occurred_at", "account", "action", "details", "actor", "reason")
HOSTILE = '=HYPERLINK("http://x")\x1b[31m\u202e<img src=x onerror=alert(1)> {\'a\': "b\\"}'


def live(world):
    """Record four runs of three instances. `a` has vanished in the third; `b` and `c` are held in the fourth."""
    world.put("a", "b", "c", creator_user_nickname="ada")
    world.run()
    world.put("a", status="stopped", creator_user_nickname="ada")
    world.run()
    world.remove("a")
    world.run()
    world.remove("b", "c")
    assert world.run(key="another:key").status == "held"


@pytest.fixture
def run(database_url, lived, tmp_path):
    return Command(
        tmp_path, FAL_KEY=KEY, INVENTORY_DATABASE_URL=database_url, INVENTORY_API_URL=lived.simulator.url, **OTHERS
    )


def acts(run, *words):
    """Return the rows that `changes --operators` prints, as dicts, the oldest first."""
    shown = json.loads(run("changes", "--operators", "--format", "json", *words).stdout)
    assert set(shown) == {"operator_actions"}
    return shown["operator_actions"][::-1]


def myself(world):
    """Return the actor that the program records for an act of this process, as one text.

    It names the user, the uid and the host, and on PostgreSQL also the user of the session.
    """
    uid = os.geteuid()
    name = f"{pwd.getpwuid(uid).pw_name} (uid {uid}) on {socket.gethostname()}"
    if world.engine.dialect.name == "sqlite":
        return name
    return f"{name}, PostgreSQL user {world.one('SELECT session_user')}"


# What is recorded


@pytest.mark.medium
@rule("acts-have-an-actor-and-a-reason")
def test_each_act_is_recorded_with_its_actor_its_reason_and_what_was_done(lived, run):
    before = hour(2.5).isoformat()
    run("missing", "--accept", "--reason", "deleted by ada, ticket 4711")
    run("prune", "--before", before, "--reason", "kept for a year")
    run("account", "rename", "default", "research", "--reason", "one name a team")
    run("account", "retire", "research", "--reason", " the project has ended ")
    found = acts(run)
    assert [(row["action"], row["reason"], row["account"]) for row in found] == [
        ("accept", "deleted by ada, ticket 4711", "research"),
        ("prune", "kept for a year", "research"),
        ("rename", "one name a team", "research"),
        ("retire", "the project has ended", "research"),
    ]
    assert list(found[0]) == [
        "action_id", "account", "occurred_at", "action", "actor", "reason", "details", "log_index",
    ]  # fmt: skip
    assert {row["actor"] for row in found} == {myself(lived)}
    accepted, pruned, renamed, retired = (row["details"] for row in found)
    assert accepted["instances"] == 2
    assert pruned["before"] == "2026-03-06T02:30:00.000000Z"
    assert renamed == {"from": "default", "to": "research"}
    assert retired == {}
    assert [row["log_index"] for row in found] == [5, 6, 7, 8]
    assert "every digest matches" in run("verify").stdout


@rule("acts-have-an-actor-and-a-reason")
def test_an_act_without_a_reason_is_recorded_too(run):
    run("missing", "--accept")
    assert [(row["action"], row["reason"]) for row in acts(run)] == [("accept", None)]


@pytest.mark.medium
@rule("acts-have-an-actor-and-a-reason")
def test_the_actor_is_no_variable_but_the_user_of_the_process(lived, run):
    run("account", "retire", "default", process=True)
    (act,) = acts(run)
    assert act["actor"] == myself(lived)
    assert not {*OTHERS.values()} & {*act["actor"].split()}


@rule("acts-have-an-actor-and-a-reason")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_on_postgresql_the_actor_is_the_user_who_logged_in_not_the_role_that_was_set(lived, run, database_url):
    with role(lived.engine, "acting_role") as name:
        url = sa.make_url(database_url).update_query_dict({"options": f"-c role={name}"})
        run("account", "retire", "default", INVENTORY_DATABASE_URL=url.render_as_string(hide_password=False))
    assert acts(run)[0]["actor"] == myself(lived)


@contextmanager
def role(engine, name):
    """Create a superuser of PostgreSQL with this name for the block, and yield the name."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} SUPERUSER")
    try:
        yield name
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP ROLE {name}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_user_without_a_name_is_recorded_by_the_uid(lived):
    os.seteuid(nameless := 54_321)
    try:
        assert _describe(lived).startswith(f"unknown (uid {nameless}) on ")
    finally:
        os.seteuid(0)


def _describe(world):
    from inventory.history.merkle_log.actor import describe_actor

    return describe_actor(world.engine)


@pytest.mark.medium
def test_what_does_nothing_is_no_act(lived, run):
    run("prune", "--before", hour(2).isoformat(), "--dry-run", "--reason", "to see what goes")
    run("account", "rename", "default", "default", expect=2)
    run("missing")
    assert acts(run) == []
    run("missing", "--accept")
    run("account", "retire", "default")
    assert run("missing", "--accept", "--reason", "twice").stdout == "Nothing is missing.\n"
    assert run("account", "retire", "default", "--reason", "twice").stdout == "default was retired before.\n"
    assert accept_missing(lived.engine, "default", reason="twice", lease_seconds=60) == []
    assert [row["action"] for row in acts(run)] == ["accept", "retire"]


@pytest.mark.medium
@pytest.mark.parametrize("style", ["table", "json", "csv"])
def test_what_was_accepted_is_said_also_if_the_next_account_is_at_work(lived, run, style):
    lived.put("d")
    lived.run(account="other", key="other:secret")
    lived.remove("d")
    assert lived.run(account="other", key="third:secret").status == "held"
    with hold_lease(lived.engine, "other", "prune", 60):
        refused = run("missing", "--accept", "--format", style, expect=6)
    said = "2 settled as vanished in account default, before this command ended early."
    *before, error = refused.stderr.splitlines()
    assert error.startswith("error: Account other: `prune` of process ")
    if style == "table":
        assert (refused.stdout, before) == (f"{said}\n", [])
    else:
        rows = json.loads(refused.stdout)["missing"] if style == "json" else csv.DictReader(io.StringIO(refused.stdout))
        assert [(row["account"], row["instance_id"]) for row in rows] == [("default", "b"), ("default", "c")]
        assert before == [said]
    assert [row["account"] for row in acts(run)] == ["default"]
    with hold_lease(lived.engine, "other", "prune", 60):
        refused = run("missing", "--accept", "--format", style, expect=6)
    assert (refused.stdout, refused.stderr.count("\n")) == ("", 1)


@pytest.mark.medium
def test_an_act_has_the_name_that_its_account_has_now(lived, run):
    lived.run(account="other", key="other:secret")
    run("account", "retire", "other")
    run("missing", "--accept", "--account", "default")
    run("account", "rename", "default", "research")
    assert [(row["account"], row["action"]) for row in acts(run)] == [
        ("other", "retire"), ("research", "accept"), ("research", "rename"),
    ]  # fmt: skip
    assert [row["action"] for row in acts(run, "--account", "other")] == ["retire"]
    assert "There is no account 'default'" in run("changes", "--operators", "--account", "default", expect=2).stderr


# Reasons that are refused


@pytest.mark.parametrize("words", [
    ("missing", "--accept"), ("prune", "--before", "1d"), ("account", "rename", "default", "research"),
    ("account", "retire", "default"),
])  # fmt: skip
@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("", "takes 1 to 1,000 characters; 0 were given"),
        ("  ", "takes 1 to 1,000 characters; 0 were given"),
        ("x" * 1_001, "takes 1 to 1,000 characters; 1,001 were given"),
        ("two\nlines", "takes one line of text in UTF-8"),
        ("\x1b[2Jgone", "takes one line of text in UTF-8"),
        ("a\u2028b", "takes one line of text in UTF-8"),
        (os.fsdecode(b"caf\xe9"), "takes one line of text in UTF-8"),
        (f"the key was {KEY}8f1c6a77", "holds what looks like a key"),
    ],
)
def test_a_reason_that_cannot_be_kept_is_refused_before_anything_is_opened(tmp_path, words, reason, said):
    refused = Command(tmp_path)(*words, "--reason", reason, expect=2, secrets=(SECRET, "\x1b"))
    assert refused.stderr.startswith("error: --reason ")
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("reason", ["x" * 1_000, "naïve café, 停用 🚀", "--yes", "https://tickets.example/4711?a=b#c"])
def test_any_other_line_is_a_reason(run, reason):
    run("account", "retire", "default", f"--reason={reason}")
    assert acts(run)[0]["reason"] == reason


def test_a_reason_for_a_list_is_refused_before_anything_is_opened(tmp_path):
    refused = Command(tmp_path)("missing", "--reason", "to look", expect=2)
    assert refused.stderr == "error: --reason says why something is accepted; it needs --accept.\n"


# What prune checks first


@rule("prune-keeps-the-answers")
@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE instance_versions SET status = 'edited' WHERE instance_id = 'a' AND closed_as = 'changed'",
        "UPDATE sync_runs SET changed = 0 WHERE changed = 1",
        "UPDATE accounts SET log_size = log_size - 1",
    ],
)
def test_prune_folds_nothing_of_a_history_that_is_not_what_the_log_recorded(lived, run, edit):
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql(edit)
    before = lived.dump()
    refused = run("prune", "--before", hour(4.5).isoformat(), "--reason", "to hide the edit", expect=9)
    assert refused.stdout == ""
    assert refused.stderr.startswith("error: Account default: ")
    assert "the history is not what its log recorded; nothing was folded" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert lived.dump() == before
    assert acts(run) == []


@pytest.mark.medium
def test_prune_says_what_it_checks(lived):
    said = []
    request = PruneRequest("default", hour(4.5))
    prune(lived.engine, request, lease_seconds=60, clock=lambda: hour(9), checking=said.append)
    assert any("default" in each for each in said)
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql("UPDATE instance_versions SET status = 'edited' WHERE instance_id = 'b'")
    with pytest.raises(BreachFound):
        prune(lived.engine, request, lease_seconds=60, clock=lambda: hour(9))


# The list


@pytest.mark.medium
@rule("output-uses-column-names")
def test_the_list_is_for_people_in_words_newest_first(lived, run):
    accept_missing(lived.engine, "default", only=["b"], reason="broken", lease_seconds=60, clock=lambda: hour(5))
    accept_missing(lived.engine, "default", lease_seconds=60, clock=lambda: hour(6))
    prune(lived.engine, PruneRequest("default", hour(2.5)), lease_seconds=60, clock=lambda: hour(7))
    accounts.rename(lived.engine, "default", "research", lease_seconds=60, clock=lambda: hour(8))
    accounts.retire(lived.engine, "research", reason="closed", lease_seconds=60, clock=lambda: hour(9))
    heading, *lines = run("changes", "--operators").stdout.splitlines()
    assert heading.split() == ["occurred", "at", "account", "action", "what", "actor", "reason"]
    assert [" ".join(line.replace(myself(lived), "ME").split()) for line in lines] == [
        "2026-03-06 09:00:00 research retire no longer synced ME closed",
        "2026-03-06 08:00:00 research rename default is now research ME",
        "2026-03-06 07:00:00 research prune history before 2026-03-06 02:30:00 folded ME",
        "2026-03-06 06:00:00 research accept 1 instance settled as vanished ME",
        "2026-03-06 05:00:00 research accept 1 instance settled as vanished ME broken",
    ]
    rows = list(csv.DictReader(io.StringIO(run("changes", "--operators", "--format", "csv").stdout)))
    assert [row["action"] for row in rows] == ["retire", "rename", "prune", "accept", "accept"]
    assert json.loads(rows[1]["details"]) == {"from": "default", "to": "research"}
    assert rows[0]["occurred_at"] == "2026-03-06T09:00:00Z"
    for words, actions in {
        ("--since", hour(8).isoformat()): ["rename", "retire"],
        ("--until", hour(7).isoformat()): ["accept", "accept"],
        ("--since", hour(6).isoformat(), "--until", hour(8).isoformat()): ["accept", "prune"],
        ("--limit", "1"): ["retire"],
    }.items():
        assert [row["action"] for row in acts(run, *words)] == actions
    assert "the newest 2; --limit or --since" in run("changes", "--operators", "--limit", "2").stderr
    assert run("changes", "--operators", "--limit", "5").stderr == ""


def test_without_an_act_the_list_is_empty(run):
    done = run("changes", "--operators")
    assert (done.stdout, done.stderr) == ("", "Nobody did anything like that.\n")
    header = "action_id,account,occurred_at,action,actor,reason,details,log_index\n"
    assert run("changes", "--operators", "--format", "csv").stdout == header
    assert acts(run) == []


@pytest.mark.parametrize("words", [("--event", "vanished"), ("--creator", "ada"), ("--instance", "a")])
def test_filters_of_events_are_refused_before_anything_is_opened(tmp_path, words):
    refused = Command(tmp_path)("changes", "--operators", *words, expect=2)
    assert refused.stderr.startswith("error: --operators lists what people did; ")
    assert refused.stderr.count("\n") == 1


@pytest.mark.medium
@rule("text-from-the-api-is-only-text")
def test_a_hostile_reason_is_only_text(lived, run):
    """Record the reason without the command, which would refuse it."""
    accounts.retire(lived.engine, "default", reason=HOSTILE, lease_seconds=60)
    table = run("changes", "--operators").stdout
    assert "\x1b" not in table
    assert "\u202e" not in table
    assert r"\x1b[31m\u202e<img src=x onerror=alert(1)> {'a': " in table
    (row,) = csv.DictReader(io.StringIO(run("changes", "--operators", "--format", "csv").stdout))
    assert row["reason"].startswith("'=HYPERLINK(")
    assert "\x1b" not in row["reason"]
    assert acts(run)[0]["reason"] == HOSTILE
    assert "every digest matches" in run("verify").stdout


def test_details_that_are_no_object_are_a_damaged_database(lived, run):
    accounts.retire(lived.engine, "default", lease_seconds=60)
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql("UPDATE operator_actions SET details = '[1]'")
    refused = run("changes", "--operators", expect=7)
    assert "'[1]' where a JSON object belongs" in refused.stderr


@pytest.mark.medium
def test_a_null_that_was_added_to_the_details_is_found(lived, run):
    accounts.retire(lived.engine, "default", lease_seconds=60)
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql("""UPDATE operator_actions SET details = '{"zz": null}' WHERE action = 'retire'""")
    assert "are not as they were written" in run("verify", expect=9).stdout


def test_acts_stay_in_order_if_the_clock_stepped_back_between_them(lived, run):
    lived.run()
    accounts.rename(lived.engine, "default", "one", lease_seconds=60, clock=lambda: hour(7))
    accounts.rename(lived.engine, "one", "two", lease_seconds=60, clock=lambda: hour(7) - timedelta(minutes=1))
    assert [row["details"]["to"] for row in acts(run)] == ["one", "two"]
