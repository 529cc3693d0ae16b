"""`inventory checkpoint` and `inventory verify --against`: what they print, and which changes they find."""

import fcntl
import json
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa

from inventory.checkpoints import folder as checkpoint_folder
from inventory.checkpoints.checkpoint import Checkpoint, parse_checkpoints
from inventory.checkpoints.signed_note import Note, SigningKey, VerifierKey
from inventory.errors import DatabaseError
from inventory.history.lease import fence
from inventory.history.missing import accept_missing
from inventory.history.prune import PruneRequest, prune, would_prune
from inventory.merkle import EMPTY_ROOT, Frontier
from inventory.record import PAYLOAD, Record, hash_records
from inventory.simulator import Status, on_get, on_page
from inventory.store import database
from inventory.store.tables import accounts, instance_versions, sync_runs
from support.command import Command
from support.forked import Forked
from support.marks import rule
from support.rfc6962 import tree_hash
from support.workers import until
from support.world import hour

pytestmark = rule("a-checkpoint-anchors-the-log")

NAME = "fleet.example.org"


def live(world):
    """Record five runs for each of two accounts. `a` has another address in each run; `b` vanishes in the fourth."""
    world.put("a", "b", "c")
    for number in range(5):
        world.put("a", ip=f"10.0.0.{number}")
        for account in ("research", "production"):
            world.run(account=account)
        if number == 2:
            world.remove("b")


@pytest.fixture
def inventory(tmp_path, database_url, lived):  # noqa: ARG001 - `lived` fills the database
    """Return a runner of `inventory` on the test's database."""
    return Command(tmp_path, INVENTORY_DATABASE_URL=database_url)


@pytest.fixture
def signing(inventory):
    """Make a signing key, configure `inventory` to use it, and return the verifier key for all logs, as text."""
    printed = inventory("checkpoint", "keygen", "--name", NAME, "--output", "checkpoint.key").stdout
    inventory.environment |= {"INVENTORY_CHECKPOINT_KEY_FILE": "checkpoint.key", "INVENTORY_CHECKPOINT_NAME": NAME}
    return printed.splitlines()[-1]


def files(inventory, folder="kept"):
    return sorted((inventory.folder / folder).glob("*.checkpoint"))


def keep(inventory, folder="kept", **environment):
    """Write the checkpoint of each log into a folder. Return the paths of all checkpoints in the folder, sorted."""
    inventory("checkpoint", "--output", folder, **environment)
    return files(inventory, folder)


@contextmanager
def locked(folder):
    """Hold a lock on the folder during the block: the lock that a process needs to write checkpoints there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def has_open(process, path):
    with suppress(FileNotFoundError):  # a descriptor was closed in the meantime
        return any(each.readlink() == path for each in Path(f"/proc/{process.pid}/fd").iterdir())
    return False


def change(world, statement):
    with database.writing(world.engine) as connection:
        connection.execute(statement)


def found(inventory, *words):
    """Run `verify --against kept`, which must exit with 9. Return its lines about checkpoints, and all of its lines."""
    lines = inventory("verify", "--against", "kept", *words, expect=9).stdout.splitlines()
    return [line for line in lines if line.startswith("checkpoint: ")], lines


# -- What a checkpoint holds


def test_a_checkpoint_is_the_size_and_the_root_of_each_log(lived, inventory):
    printed = inventory("checkpoint")
    notes = list(parse_checkpoints(printed.stdout))
    with database.reading(lived.engine) as connection:
        rows = connection.execute(sa.select(accounts).order_by(accounts.c.account)).all()
    assert [row.account for row in rows] == ["production", "research"]
    assert [each.checkpoint for each in notes] == [
        Checkpoint(f"inventory/{row.log_id}", row.log_size, Frontier(row.log_size, row.log_frontier).root())
        for row in rows
    ]
    assert printed.stderr.startswith("unsigned: ")
    assert inventory("checkpoint", "--account", "research").stdout == str(notes[1].note)


def test_the_root_is_that_of_the_entries(lived, inventory):
    """Compute the root without the program's code, from the first entry and the stored hashes of the other entries."""
    (note,) = parse_checkpoints(inventory("checkpoint", "--account", "research").stdout)
    with database.reading(lived.engine) as connection:
        start = connection.scalar(sa.select(accounts.c.log_start).where(accounts.c.account == "research"))
        hashes = connection.scalars(
            sa.select(sync_runs.c.entry_hash).where(sync_runs.c.account == "research").order_by(sync_runs.c.log_index)
        ).all()
    assert note.checkpoint.size == 1 + len(hashes) == 6
    assert note.checkpoint.root == _root([tree_hash([start.encode()]), *hashes])


def _root(leaves):
    """Return the root of the Merkle tree with these six leaf hashes."""

    def node(left, right):
        return sha256(b"\1" + left + right).digest()

    first, second, third = (node(*leaves[each : each + 2]) for each in (0, 2, 4))
    return node(node(first, second), third)


@pytest.mark.medium
def test_files_keep_their_names_and_are_replaced(lived, inventory, signing):
    first = keep(inventory)
    assert [file.name.partition("-")[0] for file in first] == ["production", "research"]
    before = [file.read_text() for file in first]
    lived.run(account="research")
    assert keep(inventory) == first
    assert [file.read_text() == text for file, text in zip(first, before, strict=True)] == [True, False]
    assert {file.name for file in (inventory.folder / "kept").iterdir()} == {file.name for file in first}
    inventory("account", "rename", "research", "Research & Söhne/..")
    assert keep(inventory) == first  # a log has one file, also under a new name of its account
    assert keep(inventory, "other")[0].name.startswith("Research-S-hne-")
    assert inventory("verify", "--against", "kept", "other", "--key", signing).stdout.count("signature valid") == 4


@pytest.mark.medium
def test_a_later_checkpoint_that_is_written_in_the_meantime_is_no_breach_and_stays(lived, inventory):
    _, file = keep(inventory)
    words = ["checkpoint", "--account", "research", "--output", "kept"]
    with locked(file.parent):
        process = Forked(words, cwd=inventory.folder, env=inventory.environment)
        # the process reads the log before it opens the folder
        until(lambda: process.poll() is not None or has_open(process, file.parent))
        lived.run(account="research")
        later = inventory("checkpoint", "--account", "research").stdout
        file.write_text(later)
    _, said = process.communicate(90)
    assert (process.returncode, file.read_text()) == (0, later)
    assert "account research: 7 entries, in kept/research-" in said


def test_a_folder_that_another_process_keeps_locked_is_left_as_it_is(lived, inventory, monkeypatch):
    _, file = keep(inventory)
    before = file.read_text()
    lived.run(account="research")
    monkeypatch.setattr(checkpoint_folder, "LOCK_WAIT_SECONDS", 0)
    with locked(file.parent):
        said = inventory("checkpoint", "--output", "kept", expect=6).stderr
    assert "Another process writes checkpoints to kept; none was written. Run again later." in said
    assert file.read_text() == before


@pytest.mark.medium
def test_one_key_signs_every_log_under_its_origin(inventory, signing):
    for file in keep(inventory):
        (note,) = parse_checkpoints(file.read_text())
        assert note.note.signatures[0].key_name == note.checkpoint.origin
        assert note.checkpoint.origin.startswith(f"{NAME}/")
        assert note.signed_by(VerifierKey.parse(signing))
        inventory("verify", "--against", str(file), "--key", signing)


@pytest.mark.medium
def test_keygen_prints_the_verifier_key_of_each_log_and_then_one_for_all(lived, inventory):
    done = inventory("checkpoint", "keygen", "--name", NAME, "--output", "k")
    *of_logs, of_all = map(VerifierKey.parse, done.stdout.splitlines())
    assert of_all.name == NAME
    with database.reading(lived.engine) as connection:
        ids = connection.scalars(sa.select(accounts.c.log_id).order_by(accounts.c.account)).all()
    assert [key.name for key in of_logs] == [f"{NAME}/{log_id}" for log_id in ids]
    assert {key.public_key for key in of_logs} == {of_all.public_key}
    file = inventory.folder / "k"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(SigningKey.from_pem(file.read_text()).verifier(NAME)) == str(of_all)
    with_key = {"INVENTORY_CHECKPOINT_KEY_FILE": "k", "INVENTORY_CHECKPOINT_NAME": NAME}
    keep(inventory, **with_key)
    (production, research) = files(inventory)
    inventory("verify", "--against", str(production), "--key", str(of_logs[0]))
    inventory("verify", "--against", str(research), "--key", str(of_logs[0]), expect=9)
    inventory("verify", "--against", "kept", "--key", str(of_logs[0]), "--key", str(of_logs[1]))


def test_keygen_needs_no_database_and_overwrites_nothing(tmp_path):
    inventory = Command(tmp_path)
    words = ("checkpoint", "keygen", "--name", NAME, "--output", "k")
    assert len(inventory(*words).stdout.splitlines()) == 1
    before = (tmp_path / "k").read_bytes()
    assert "is there already" in inventory(*words, expect=2).stderr
    assert (tmp_path / "k").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["k"]
    inventory(*words[:-1], "other", "--database", f"sqlite:///{tmp_path}/none.db", expect=7)
    assert not (tmp_path / "other").exists()


@pytest.mark.medium
def test_it_changes_nothing_in_the_database(lived, inventory, signing):
    before = lived.dump()
    keep(inventory)
    inventory("verify", "--against", "kept", "--key", signing)
    assert lived.dump() == before


@pytest.mark.medium
def test_an_account_without_a_log_is_named(lived, inventory):
    change(lived, sa.insert(accounts).values(account="new", created_at=hour(0)))
    done = inventory("checkpoint")
    assert len(list(parse_checkpoints(done.stdout))) == 2
    assert "account new has no log yet" in done.stderr
    assert "has no log yet" in inventory("checkpoint", "--account", "new", expect=2).stderr
    assert "account new: no log yet" in inventory("verify").stdout


# -- What is found


@pytest.mark.medium
def test_a_history_that_goes_on_holds(lived, inventory, signing):
    keep(inventory)
    keep(inventory, "unsigned", INVENTORY_CHECKPOINT_KEY_FILE=None)
    for _ in range(3):
        lived.run(account="research")
    done = inventory("verify", "--against", "kept", "--against", "unsigned")
    assert done.stdout.count(" 6 entries unchanged; signature not checked") == 4
    assert "9 entries: 9 checked by content, 0 known by hash only" in done.stdout
    one = json.loads(inventory("verify", "--against", "kept", "--key", signing, "--format", "json").stdout)
    assert one["breaches"] == []
    assert [(log["account"], log["entries"]) for log in one["logs"]] == [("production", 6), ("research", 9)]
    assert [(each["entries"], each["holds"], each["signature_checked"]) for each in one["checkpoints"]] == [
        (6, True, True), (6, True, True)
    ]  # fmt: skip
    assert inventory("verify", "--against", "kept", "--format", "csv").stdout == (
        "kind,account,run_id,instance_id,what\n"
    )


def test_an_edited_row_is_found_and_the_entry_is_named(lived, inventory):
    keep(inventory)
    change(lived, sa.update(sync_runs).where(sync_runs.c.run_id == 5).values(pages=9))
    (line,), lines = found(inventory)
    assert "account production" in line or "account research" in line
    assert "entry 3 is the first that differs from what its row says" in line
    assert any(line.startswith("log: ") for line in lines)


@pytest.mark.medium
def test_a_rewritten_log_is_found_between_two_checkpoints(lived, inventory):
    """The log agrees with the checkpoint of entries 0 to 5, but not with that of entries 0 to 6: entry 6 differs."""
    keep(inventory)
    (inventory.folder / "later").mkdir()
    lived.run(account="research")
    for file in keep(inventory, "later"):
        shutil.copy(file, inventory.folder / "kept" / f"later-{file.name}")
    for file in files(inventory):
        (note,) = parse_checkpoints(file.read_text())
        if note.checkpoint.size == 7:
            forged = Checkpoint(note.checkpoint.origin, 7, bytes(32))
            file.write_text(forged.text)
    (line,), _ = found(inventory)
    assert "the 7 entries that it covers are not those of the log; entry 6 differs" in line


@pytest.mark.medium
def test_what_differs_is_narrowed_down_by_the_largest_checkpoint_that_still_holds(lived, inventory):
    keep(inventory)
    (inventory.folder / "later").mkdir()
    for _ in range(2):
        lived.run(account="research")
    (later,) = [
        file for file in keep(inventory, "later") if next(parse_checkpoints(file.read_text())).checkpoint.size == 8
    ]
    kept = inventory.folder / "kept" / "later.checkpoint"
    (note,) = parse_checkpoints(later.read_text())
    kept.write_text(Checkpoint(note.checkpoint.origin, 8, bytes(32)).text)
    (line,), _ = found(inventory)
    assert "the first that differs is one of the entries 6 to 7" in line
    shutil.copy(later, kept)
    own = (sync_runs.c.account == "research", sync_runs.c.log_index == 6)
    change(lived, sa.update(sync_runs).where(*own).values(pages=9))
    (line,), _ = found(inventory)
    assert "entry 6 is the first that differs from what its row says" in line


@pytest.mark.medium
def test_a_removed_tail_and_an_older_copy_are_found(lived, inventory, history, new_database):
    early = Command(inventory.folder, INVENTORY_DATABASE_URL=new_database(template=history.template))
    early("verify")
    lived.run(account="research")
    keep(inventory)
    lines = early("verify", "--against", "kept", expect=9).stdout
    assert "it covers 7 entries, and the log has 6: the newest were removed, or an older copy" in lines
    # the older copy does not replace the newer checkpoint either
    done = early("checkpoint", "--output", "kept", expect=9)
    assert "covers 7 entries of its log that are not those of the database (it has 6)" in done.stderr
    inventory("verify", "--against", "kept")


def test_another_database_is_found(inventory, new_database):
    keep(inventory)
    other = Command(inventory.folder, INVENTORY_DATABASE_URL=new_database(migrated=True))
    lines = other("verify", "--against", "kept", expect=9).stdout
    assert lines.count("the database has no log of its origin") == 2


def test_a_checkpoint_of_another_account_is_not_one_of_this(inventory):
    (production, _) = keep(inventory)
    done = inventory("verify", "--account", "research", "--against", str(production), expect=2)
    assert "None of the checkpoints is of account research" in done.stderr
    done = inventory("verify", "--account", "research", "--against", "kept")
    assert "1 checkpoint of other accounts left out" in done.stderr
    assert "6 entries unchanged" in done.stdout


def test_two_checkpoints_of_one_size_with_different_roots_are_found(inventory):
    (production, _) = keep(inventory)
    (note,) = parse_checkpoints(production.read_text())
    (inventory.folder / "kept" / "x.checkpoint").write_text(
        Checkpoint(note.checkpoint.origin, note.checkpoint.size, bytes(32)).text
    )
    lines, _ = found(inventory)
    assert sum("covers as many entries of the same log, with another root" in line for line in lines) == 2
    assert sum("are not those of the log" in line for line in lines) == 1


@pytest.mark.medium
def test_a_signature_that_is_missing_wrong_or_of_another_name_is_found(inventory, signing):
    (_, research) = keep(inventory)
    other = str(SigningKey.generate().verifier(NAME))
    lines, _ = found(inventory, "--key", other)
    assert sum("it has no valid signature of fleet.example.org" in line for line in lines) == 2
    inventory("verify", "--against", "kept", "--key", other, "--key", signing)
    lines, _ = found(inventory, "--key", str(VerifierKey.parse(signing).named("elsewhere.example")))
    assert ["is not one of elsewhere.example" in line for line in lines] == [True, True]
    (note,) = parse_checkpoints(research.read_text())
    research.write_text(note.checkpoint.text)
    (line,), _ = found(inventory, "--key", signing)
    assert "it is not signed" in line
    forged = Checkpoint(note.checkpoint.origin, note.checkpoint.size - 1, bytes(32))
    research.write_text(str(Note(forged.text, note.note.signatures)))
    lines, _ = found(inventory, "--key", signing)
    assert sum("it has no valid signature" in line for line in lines) == 1


@pytest.mark.medium
@pytest.mark.parametrize("between", [0, 2])
def test_a_prune_that_is_newer_than_the_checkpoint_must_be_allowed(lived, inventory, between):
    keep(inventory)
    for _ in range(between):
        lived.run(account="research")
    prune(lived.engine, PruneRequest("research", hour(8)), lease_seconds=60, clock=lambda: hour(100))
    (line,), lines = found(inventory)
    assert f"a prune, entry {6 + between}, has folded history that the checkpoint covers" in line
    assert any("known by hash only" in each for each in lines)
    done = inventory("verify", "--against", "kept", "--allow-pruned")
    assert " 0 known by hash only" not in next(line for line in done.stdout.splitlines() if "account research" in line)
    keep(inventory)
    inventory("verify", "--against", "kept")


@pytest.mark.medium
def test_details_that_are_invented_in_folded_history_are_found(lived, inventory):
    for number in (5, 6, 7):
        lived.put("a", ip=f"10.0.0.{number}")
        lived.put(f"new-{number}")  # prune keeps the run in which an instance appeared
        lived.run(account="research")
    prune(lived.engine, PruneRequest("research", hour(13)), lease_seconds=60, clock=lambda: hour(100))
    keep(inventory)
    inventory("verify", "--against", "kept")
    version = instance_versions.c
    own = (version.account == "research", version.instance_id == "a")
    with database.writing(lived.engine) as connection:
        query = sa.select(instance_versions).where(*own).order_by(version.valid_from)
        folded = dict(connection.execute(query).mappings().first())
        assert (folded["valid_from"], folded["valid_to"]) == (hour(1), hour(13))
        lie = folded | {"ip": "192.0.2.66", "status": "mining", "creator_user_nickname": "mallory"}
        lie["content_hash"] = hash_records([Record("a", *(lie[name] for name in PAYLOAD))])[0]
        begins = {"valid_from": hour(11), "opened_by_run_id": 11, "opened_as": "changed"}
        ends = {"valid_to": hour(12), "closed_by_run_id": 12, "closed_as": "changed", "closed_log_index": 7}
        rest = {"valid_from": hour(12), "opened_by_run_id": 12, "opened_as": "changed"}
        connection.execute(
            sa.update(instance_versions)
            .where(*own, version.valid_from == hour(1))
            .values(valid_to=hour(11), closed_by_run_id=11, closed_as="changed", closed_log_index=6)
        )
        connection.execute(sa.insert(instance_versions), [lie | begins | ends, folded | rest])
    assert "192.0.2.66" in inventory("show", "a", "--account", "research", "--format", "json").stdout
    (line,), _ = found(inventory)
    assert "a prune, entry 9, has not finished: 2 versions that it folds are still there" in line


@pytest.mark.medium
def test_a_prune_that_was_stopped_is_a_finding_against_a_checkpoint_until_it_is_run_again(
    lived, inventory, monkeypatch
):
    request, calls = PruneRequest("research", hour(8)), []

    def fence_once(connection, lease, **options):
        calls.append(lease)
        if len(calls) > 1:
            raise DatabaseError("stopped here")
        return fence(connection, lease, **options)

    with monkeypatch.context() as patched:
        patched.setattr("inventory.history.prune.fence", fence_once)
        with pytest.raises(DatabaseError):
            prune(lived.engine, request, lease_seconds=60, clock=lambda: hour(100))
    inventory("verify")
    keep(inventory)
    (line,), _ = found(inventory, "--allow-pruned")
    assert "has not finished: 2 versions that it folds are still there" in line
    assert "Run `inventory prune` again" in line
    # a prune to an earlier time is enough: it also folds the versions that the stopped prune left
    request = PruneRequest("research", hour(2))
    with database.reading(lived.engine) as connection:
        planned = would_prune(connection, request)
    assert prune(lived.engine, request, lease_seconds=60, clock=lambda: hour(100)) == planned
    assert planned.versions == 2
    inventory("verify", "--against", "kept", "--allow-pruned")
    keep(inventory)
    inventory("verify", "--against", "kept")


@pytest.mark.medium
def test_an_absence_that_was_settled_after_a_prune_leaves_no_prune_unfinished(lived, inventory):
    lived.remove("a")
    lived.faults.add(Status(500), when=on_get, times=None)
    lived.faults.add(Status(503), when=on_page(1), after=1)
    lived.run(account="research")  # `a` is missing since this run, but its last version has not ended
    prune(lived.engine, PruneRequest("research", hour(12)), lease_seconds=60, clock=lambda: hour(12.5))
    assert accept_missing(lived.engine, "research", lease_seconds=60, clock=lambda: hour(13)) == ["a"]
    keep(inventory)
    inventory("verify", "--against", "kept")
    prune(lived.engine, PruneRequest("research", hour(2)), lease_seconds=60, clock=lambda: hour(100))
    keep(inventory)
    inventory("verify", "--against", "kept")
    assert lived.one("SELECT count(*) FROM instance_versions WHERE account = 'research' AND instance_id = 'a'") == 1


def test_an_empty_checkpoint_proves_nothing_and_holds(inventory):
    (production, _) = keep(inventory)
    (note,) = parse_checkpoints(production.read_text())
    production.write_text(Checkpoint(note.checkpoint.origin, 0, EMPTY_ROOT).text)
    assert "0 entries unchanged" in inventory("verify", "--against", "kept").stdout


@pytest.mark.medium
def test_a_clock_that_stepped_back_is_no_breach(lived, inventory):
    keep(inventory)
    lived.run(account="research", clock=lambda: hour(-1000))
    keep(inventory, "later")
    inventory("verify", "--against", "kept", "later")


@pytest.mark.medium
def test_a_file_of_another_log_is_not_replaced_though_its_id_begins_with_the_same_digits(lived, inventory):
    (file, second) = keep(inventory)
    kept = file.read_text()
    account = sa.select(accounts).where(accounts.c.account == "production")
    with database.writing(lived.engine) as connection:
        (before,) = connection.execute(account).mappings()
        connection.execute(
            sa.update(accounts).where(accounts.c.account == "production").values(log_id=before["log_id"][:8] + "0" * 24)
        )
    lived.run(account="production")  # the program adds an entry to the log
    done = inventory("checkpoint", "--output", "kept", expect=9)
    assert "production-" in done.stderr
    assert "holds a checkpoint of another log, whose id begins with the same digits" in done.stderr
    assert done.stderr.count("error: ") == 1
    assert file.read_text() == kept
    good = second.read_text()
    second.write_text("something else\n")
    assert "holds a checkpoint of another log" in inventory("checkpoint", "--output", "kept", expect=9).stderr
    second.write_text(good)
    (line, *_), _ = found(inventory)
    assert "the database has no log of its origin" in line


# -- What is refused


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-1],
        lambda text: text[: text.index("\n\n") + 2],
        lambda text: text[:20],
        lambda _: "",
        lambda text: text.replace("\n", "\r\n"),
        lambda _: "a letter\nof three\nlines\n",
        lambda _: "x" * (1 << 21),
    ],
    ids=["end", "signature", "start", "empty", "windows", "foreign", "large"],
)
def test_a_file_that_is_no_checkpoint_is_refused_before_anything_is_opened(tmp_path, damage):
    key = SigningKey.generate()
    file = tmp_path / "kept" / "a.checkpoint"
    file.parent.mkdir()
    file.write_bytes(damage(str(Checkpoint(f"{NAME}/x", 3, bytes(32)).note(key))).encode())
    inventory = Command(tmp_path, INVENTORY_DATABASE_URL="sqlite:///none.db")
    for path in ("kept", "kept/a.checkpoint"):
        stderr = inventory("verify", "--against", path, expect=2).stderr
        assert stderr.startswith("error: kept/a.checkpoint is no checkpoint: ")
        assert stderr.count("\n") == 1


def test_a_private_key_given_by_mistake_is_not_shown(tmp_path):
    inventory = Command(tmp_path)
    inventory("checkpoint", "keygen", "--name", NAME, "--output", "k")
    secret = (tmp_path / "k").read_text().splitlines()[1]
    inventory("verify", "--against", "k", expect=2, secrets=(secret,))
    inventory("verify", "--against", "k", "--key", secret, expect=2, secrets=(secret,))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("verify", "kept"), "need --against"),
        (("verify", "--allow-pruned"), "need --against"),
        (("verify", "--key", "a+b+c"), "need --against"),
        (("verify", "--against", "kept"), "kept cannot be read: No such file"),
        (("verify", "--against", "."), "has no checkpoint in it"),
        (("verify", "--against", ".", "--key", "nonsense"), "--key: a verifier key has the form NAME+ID+KEY"),
        (("checkpoint", "keygen", "--name", "a b", "--output", "k"), "--name: the name of a key"),
        (("checkpoint", "keygen", "--name", "", "--output", "k"), "--name: the name of a key"),
        (("checkpoint", "keygen", "--name", "a", "--output", "no/k"), "cannot be written to no/k"),
        (("checkpoint", "--output", "x", "keygen", "--name", "a", "--output", "k"), "after `keygen`"),
    ],
)
def test_bad_arguments_are_one_line_before_anything_is_opened(tmp_path, words, reason):
    inventory = Command(tmp_path, INVENTORY_DATABASE_URL="sqlite:///none.db")
    stderr = inventory(*words, expect=2).stderr
    assert reason in stderr
    assert stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_below_a_folder_that_cannot_be_looked_at_is_named_and_not_left_out(tmp_path):
    (tmp_path / "kept" / "below").mkdir(parents=True)
    (tmp_path / "kept" / "below" / "a.checkpoint").symlink_to("a.checkpoint")
    inventory = Command(tmp_path, INVENTORY_DATABASE_URL="sqlite:///none.db")
    said = "kept/below/a.checkpoint cannot be read: Too many levels of symbolic links."
    assert said in inventory("verify", "--against", "kept", expect=2).stderr


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda file: file.chmod(0o644), "others may read or change the secrets in k (its mode is 644). Run `chmod"),
        (lambda file: file.unlink(), "cannot be read from k: No such file or directory"),
        (lambda file: file.write_text("key"), "k: it is no private key in PEM format"),
        (lambda file: file.write_bytes(b"\xff"), "k: it is not text"),
    ],
    ids=["readable", "missing", "damaged", "binary"],
)
def test_a_key_file_that_cannot_be_used_is_refused(tmp_path, make, reason):
    Command(tmp_path)("checkpoint", "keygen", "--name", NAME, "--output", "k")
    make(tmp_path / "k")
    inventory = Command(tmp_path, INVENTORY_CHECKPOINT_KEY_FILE="k", INVENTORY_CHECKPOINT_NAME=NAME)
    stderr = inventory("checkpoint", expect=2).stderr
    assert reason in stderr
    assert stderr.count("\n") == 1


def test_a_key_needs_a_name(tmp_path):
    Command(tmp_path)("checkpoint", "keygen", "--name", NAME, "--output", "k")
    stderr = Command(tmp_path, INVENTORY_CHECKPOINT_KEY_FILE="k")("checkpoint", expect=2).stderr
    assert "set INVENTORY_CHECKPOINT_NAME" in stderr
    stderr = Command(tmp_path, INVENTORY_CHECKPOINT_NAME="a+b")("checkpoint", expect=2).stderr
    assert stderr.startswith("error: INVENTORY_CHECKPOINT_NAME: the name of a key")


def test_a_folder_that_cannot_be_written_is_refused(inventory):
    (inventory.folder / "file").write_text("")
    assert "cannot be written to file" in inventory("checkpoint", "--output", "file", expect=2).stderr
    assert "cannot be written to no/folder" in inventory("checkpoint", "--output", "no/folder", expect=2).stderr
    (file, _) = keep(inventory)
    file.write_text("something else\n")
    assert "is no checkpoint" in inventory("checkpoint", "--output", "kept", expect=2).stderr
    assert file.read_text() == "something else\n"


def test_a_damaged_log_makes_no_checkpoint(lived, inventory):
    change(lived, sa.update(accounts).where(accounts.c.account == "research").values(log_size=7))
    assert "has hashes that do not fit its size" in inventory("checkpoint", expect=7).stderr


@pytest.mark.medium
def test_doctor_checks_the_key_and_shows_its_verifier_key(inventory, signing):
    def row():
        printed = inventory("doctor", "--format", "json", expect={2, 4}, INVENTORY_API_URL="http://127.0.0.1:9/v1")
        (found,) = [each for each in json.loads(printed.stdout)["checks"] if each["check"] == "signature"]
        return found

    assert row()["finding"] == f"{signing} is the verifier key of checkpoints"
    (inventory.folder / "checkpoint.key").chmod(0o644)
    assert row()["result"] == "fail"
    assert "others may read" in row()["finding"]
