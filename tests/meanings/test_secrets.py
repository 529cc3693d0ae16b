"""Secrets in fal's fields are not stored. A history that still holds some can be continued."""

import hashlib
import json

import pytest
import sqlalchemy as sa

from inventory.config.keys import Account, ApiKey
from inventory.history.verify import verify_history
from inventory.masks import is_secret_name
from inventory.simulator import Status, on_get, on_page
from inventory.store import database
from inventory.sync import dry_run
from support.marks import rule
from support.world import hour

FIELDS = ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname", "extra")
EXTRA_OF_A = "SELECT extra FROM instances WHERE instance_id = 'a'"
VERSIONS_OF_A = "SELECT extra, valid_to FROM instance_versions WHERE instance_id = 'a' ORDER BY valid_from"

SENT = {
    "apiKey": "s3cr3t-1",
    "X-Auth-Token": 5353535353,
    "PASSWORD": ["s3cr3t-2", {"a": "s3cr3t-3"}],
    "login": {"user": "ada", "pwd": {"old": "s3cr3t-4"}, "list": [[{"private_key": "s3cr3t-5"}], 1, None]},
    "ip": {"bearer": True, "public_key": "ssh-ed25519 AAAA"},
    "secret\ud800\0": "s3cr3t-6",
    "max_tokens": 4096,
    "cookie": None,
    "jwt": "",
}
KEPT = {
    "apiKey": "[hidden]",
    "X-Auth-Token": "[hidden]",
    "PASSWORD": "[hidden]",
    "login": {"user": "ada", "pwd": "[hidden]", "list": [[{"private_key": "[hidden]"}], 1, None]},
    "ip": {"bearer": "[hidden]", "public_key": "ssh-ed25519 AAAA"},
    "secret\ufffd\ufffd": "[hidden]",
    "max_tokens": 4096,
}


def canonical(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def breaches(world):
    with database.reading(world.engine) as connection:
        return verify_history(connection).breaches


# Names that look like a secret


@rule("secrets-in-extra-are-hidden")
@pytest.mark.parametrize(
    "name",
    [
        "token", "apiKey", "API_KEY", "x-api-key", "PrivateKey", "sshPrivateKey", "access_tokens", "secretKey",
        "client_secret", "Password", "passwd", "db.PWD", "passPhrase", "authKey", "signing-key", "Encryption Key",
        "Authorization", "bearer", "Set-Cookie", "jwtKey", "credentials", "input_token_secret", "tokenizer_token",
        "to\0ken", "\uff34\uff2f\uff2b\uff25\uff2e", "\u017fecret",
    ],
)  # fmt: skip
def test_a_name_of_a_secret_is_recognized_in_any_spelling(name):
    assert is_secret_name(name)


@rule("secrets-in-extra-are-hidden")
@pytest.mark.parametrize(
    "name",
    [
        "public_key", "monkey", "keyboard", "ssh_key", "ssh_key_name", "key", "author", "passenger", "zone", "",
        "max_tokens", "maxTokens", "tokenizer", "tokenizer_name", "token_count", "prompt_tokens", "tokens_per_second",
    ],
)  # fmt: skip
def test_a_harmless_name_is_not_taken_for_that_of_a_secret(name):
    assert not is_secret_name(name)


# Stored values


@pytest.mark.medium
@rule("secrets-in-extra-are-hidden")
@pytest.mark.parametrize("way", ["listed", "by id", "partial"])
def test_the_value_of_a_secret_in_extra_is_stored_as_a_constant(world, way):
    world.put("a", note="first")
    world.run()
    world.put("a", **SENT)
    world.put("b", "c")
    if way == "by id":
        world.fleet.hide("a")
    if way == "partial":
        world.faults.add(Status(500), when=on_page(3))
    assert world.run(page_size=1).counts["changed"] == 1
    assert (way == "by id") == (world.asked_by_id() == ["a"])
    assert world.rows(VERSIONS_OF_A) == [('{"note":"first"}', hour(2)), (canonical(KEPT), None)]
    assert world.one(EXTRA_OF_A) == canonical(KEPT)
    stored = str(world.dump())
    assert "s3cr3t" not in stored
    assert "5353535353" not in stored
    assert breaches(world) == []


@rule("secrets-in-extra-are-hidden")
def test_a_first_run_stores_the_constant_too(world):
    world.put("a", "b", "c", **SENT)
    world.run()
    assert world.rows("SELECT extra FROM instance_versions") == [(canonical(KEPT),)] * 3
    assert "s3cr3t" not in str(world.dump())


@pytest.mark.medium
@rule("secrets-in-extra-are-hidden")
def test_a_change_of_a_hidden_value_opens_no_version_and_writes_no_instance(world):
    world.put("a", "b", token="s3cr3t-1", login={"password": 1})
    world.run()
    before = world.dump()
    for token in ("s3cr3t-2", 7, ["s3cr3t-3"], {"password": "s3cr3t-4"}, False):
        world.put("a", token=token, login={"password": token})
        outcome = world.run()
        assert (outcome.status, sum(outcome.counts.values())) == ("succeeded", 0)
    after = world.dump()
    assert before["instance_state"] == after["instance_state"]
    assert before["instance_versions"] == after["instance_versions"]
    world.put("a", login={"password": None})  # null is not hidden
    assert world.run().counts["changed"] == 1
    assert world.one(EXTRA_OF_A) == '{"login":{"password":null}}'
    assert breaches(world) == []


# A history that was written by an earlier version of the program, which hid no secrets


def as_before_the_rule(world, **values):
    """Change the database as if an earlier version of the program, which hid no secrets, had written it.

    `values` is a dict from the name of a field in `extra` to the value that replaces "[hidden]". The hashes of versions
    and instances and the fleet digests of runs are computed again. Logs and fingerprints of lists are removed.
    """

    def hashed(row, ignored=()):
        extra = {name: value for name, value in json.loads(row["extra"] or "{}").items() if name not in ignored}
        content = {**row, "extra": canonical(extra) if extra else None} | dict.fromkeys({*ignored} & {*FIELDS})
        return hashlib.sha256("\0".join(content[name] or "" for name in FIELDS).encode()).digest()

    def plain(extra):
        for name, value in values.items():
            extra = extra and extra.replace(f'"{name}":"[hidden]"', f'"{name}":{json.dumps(value)}')
        return extra

    with database.writing(world.engine) as connection:
        extra = "CAST(:extra AS JSON)" if connection.dialect.name == "postgresql" else ":extra"

        def change(sql, **values):
            connection.execute(sa.text(sql), values)

        newest, versions = {}, []
        order = "SELECT * FROM instance_versions ORDER BY instance_id, valid_from"
        for found in connection.exec_driver_sql(order).mappings().all():
            row = {**found, "extra": plain(found["extra"])}
            versions.append((row, hashed(row)))
            newest[row["instance_id"]] = hashed(row)
            change(
                f"UPDATE instance_versions SET extra = {extra}, content_hash = :hash"
                " WHERE instance_id = :id AND opened_by_run_id = :run",
                extra=row["extra"], hash=hashed(row), id=row["instance_id"], run=row["opened_by_run_id"],
            )  # fmt: skip
        for found in connection.exec_driver_sql("SELECT * FROM instance_state").mappings().all():
            row = {**found, "extra": plain(found["extra"])}
            change(
                f"UPDATE instance_state SET extra = {extra}, row_hash = :row, version_hash = :version"
                " WHERE instance_id = :id",
                extra=row["extra"], row=hashed(row, set(filter(None, row["ignored"].split(",")))),
                version=newest[row["instance_id"]], id=row["instance_id"],
            )  # fmt: skip
        for run in (
            connection.exec_driver_sql("SELECT * FROM sync_runs WHERE fleet_digest IS NOT NULL").mappings().all()
        ):
            fleet = hashlib.sha256()
            for row, hash_ in versions:
                if row["valid_from"] <= run["started_at"] and (
                    row["valid_to"] is None or row["valid_to"] > run["started_at"]
                ):
                    fleet.update(row["instance_id"].encode() + b"\0" + hash_)
            change("UPDATE sync_runs SET fleet_digest = :d WHERE run_id = :r", d=fleet.hexdigest(), r=run["run_id"])
        change("UPDATE accounts SET walk_digest = NULL")  # a fingerprint that an older program wrote is not used
    world.forget_log()
    assert breaches(world) == []
    assert all(value in str(world.dump()) for value in values.values())


@pytest.mark.slow
@rule("secrets-in-extra-are-hidden")
@pytest.mark.parametrize("ignored", ["", "status", "status,zone", "token"])
@pytest.mark.parametrize("partial", [False, True], ids=["complete", "partial"])
def test_the_first_rewrite_of_a_row_from_before_the_rule_opens_no_version(world, ignored, partial):
    settings = {"ignore_changes": ignored} if ignored else {}
    world.put("a", "b", token="s3cr3t-1", zone="x")
    world.put("c")
    world.run(page_size=1, **settings)
    before = world.rows(VERSIONS_OF_A)
    as_before_the_rule(world, **({} if "token" in ignored else {"token": "s3cr3t-1"}))
    old = world.rows(VERSIONS_OF_A)
    if partial:
        world.faults.add(Status(500), when=on_page(3))
    outcome = world.run(page_size=1, **settings)
    assert (outcome.status, sum(outcome.counts.values())) == ("partial" if partial else "succeeded", 0)
    assert world.one(EXTRA_OF_A) == '{"token":"[hidden]","zone":"x"}'
    assert world.rows(VERSIONS_OF_A) == old  # the stored version is kept
    assert breaches(world) == []
    world.run(page_size=1, **settings)
    rows = world.dump()
    outcome = world.run(page_size=1, **settings)  # later runs write nothing
    assert (outcome.status, sum(outcome.counts.values())) == ("succeeded", 0)
    after = world.dump()
    assert rows["instance_state"] == after["instance_state"]
    assert rows["instance_versions"] == after["instance_versions"]
    assert breaches(world) == []
    world.put("a", token="s3cr3t-2", zone="x", ip="10.0.0.1")
    assert world.run(page_size=1, **settings).counts["changed"] == 1
    assert [extra for extra, _ in world.rows(VERSIONS_OF_A)] == [old[0][0], before[0][0]]
    assert breaches(world) == []


@pytest.mark.medium
@rule("secrets-in-extra-are-hidden")
def test_a_real_change_in_the_first_rewrite_opens_a_version(world):
    world.put("a", "b", "c", token="s3cr3t-1", zone="x")
    world.run()
    as_before_the_rule(world, token="s3cr3t-1")
    world.put("a", token="s3cr3t-2", zone="y")
    world.put("b", token="s3cr3t-1", zone="x", ip="10.0.0.1")
    assert world.run().counts["changed"] == 2
    assert [extra for extra, _ in world.rows(VERSIONS_OF_A)] == [
        '{"token":"s3cr3t-1","zone":"x"}',
        '{"token":"[hidden]","zone":"y"}',
    ]
    assert breaches(world) == []


@pytest.mark.slow
@rule("secrets-in-extra-are-hidden")
@pytest.mark.parametrize("list_", [("", "zone"), ("zone", ""), ("zone", "token"), ("status", "zone,token")])
def test_a_change_of_the_ignored_fields_at_the_same_time_opens_no_version(world, list_):
    before, after = ({"ignore_changes": names} if names else {} for names in list_)
    world.put("a", "b", token="s3cr3t-1", zone="x")
    world.run(**before)
    as_before_the_rule(world, token="s3cr3t-1")
    if "zone" in list_[1]:
        world.put("a", token="s3cr3t-2", zone="y")
    outcome = world.run(**after)
    assert (outcome.status, sum(outcome.counts.values())) == ("succeeded", 0)
    assert breaches(world) == []
    assert sum(world.run(**after).counts.values()) == 0
    assert breaches(world) == []


@pytest.mark.medium
@rule("secrets-in-extra-are-hidden")
def test_a_missing_instance_that_is_seen_again_and_one_that_returns_are_continued(world):
    world.put("a", "b", "c", "d", token="s3cr3t-1")
    world.run()
    world.remove("b")
    world.run()
    world.fleet.hide("a")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert world.presences() == {"a": "missing", "b": "vanished", "c": "live", "d": "live"}
    as_before_the_rule(world, token="s3cr3t-1")
    world.fleet.unhide("a")
    world.fleet.hide("c")  # it still answers by its id
    world.put("b", token="s3cr3t-2")
    outcome = world.run()
    assert {name: number for name, number in outcome.counts.items() if number} == {"reappeared": 1}
    assert world.rows("SELECT extra FROM instances") == [('{"token":"[hidden]"}',)] * 4
    assert world.rows("SELECT versions FROM instances WHERE instance_id <> 'b'") == [(1,)] * 3
    assert breaches(world) == []


@pytest.mark.medium
@rule("secrets-in-extra-are-hidden")
def test_a_dry_run_reports_no_change(world):
    world.put("a", "b", token="s3cr3t-1")
    world.run()
    as_before_the_rule(world, token="s3cr3t-1")
    before = world.dump()
    outcome = dry_run(world.engine, Account("default", ApiKey("id:secret")), world.settings())
    assert (outcome.changes, sum(outcome.counts.values())) == ([], 0)
    assert world.dump() == before
