"""Random honest histories: the program writes them, and nobody edits the database.

The histories have syncs with faults, acts of persons, upgrades, kills at any statement, clocks that step back, and
checkpoints. `HonestHistories.play` restores the database and the fleet as they were at a random moment of a
`support.pasts.Past`, and goes on from there. No check of such a history against its checkpoints may find anything.
"""

from contextlib import contextmanager, suppress
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import event

from inventory.config.keys import Account, ApiKey
from inventory.config.settings import load
from inventory.errors import AccountBusy, InventoryError, UsageError
from inventory.history import accounts, missing
from inventory.history.prune import PruneRequest, prune
from inventory.simulator import Status, on_get, on_page
from inventory.store import database, schema
from inventory.store.tables import accounts as accounts_table
from inventory.store.tables import instance_state, sync_runs
from inventory.sync import SyncOptions, sync
from support.catalogue import can_downgrade, downgrade, older_revisions
from support.checkpoints import check, check_rows, take_checkpoints
from support.forgery import read_rows
from support.pasts import PEOPLE, REGIONS, TYPES, restore
from support.world import machine

LEASE = 60
HARMLESS = (UsageError, AccountBusy)
"""Errors that an honest command may end with."""


class Killed(BaseException):
    """A simulated kill of the process: raised in place of a statement or commit, and in place of each later one."""


@contextmanager
def killed(engine, statements):
    """End the block after `statements` statements and commits of `engine`, as if the process was killed.

    Statements and commits are counted together. If `statements` is None, the block runs to its end.
    """
    left = [statements]

    def strike(_connection, cursor=None, *_):
        left[0] -= 1
        if left[0] < 0:
            if cursor is not None:
                cursor.close()  # SQLAlchemy does not close it, and psycopg warns of a cursor that is not closed
            raise Killed

    if statements is None:
        yield
        return
    events = ("before_cursor_execute", "commit")
    for name in events:
        event.listen(engine, name, strike)
    try:
        with suppress(Killed):
            yield
    finally:
        for name in events:
            event.remove(engine, name, strike)


class HonestHistories:
    """A player of honest histories in one database. Each history begins with a Moment of `support.pasts`."""

    def __init__(self, engine, simulator):
        self.engine, self.simulator = engine, simulator
        with database.reading(engine) as connection:
            self.rows = read_rows(connection)
        self.fleet = simulator.fleet

    def play(self, past, random, *, length):
        """Play one history of at most `length` steps, from a random moment of `past` on.

        Return a list of texts: the breaches, and what differs from the checkpoints. Each is a false alarm.
        """
        self.random = random
        moment = random.choice(past.moments)
        restore(self.engine, self.rows, moment.rows)
        self.fleet.clear()
        for instance in moment.fleet:
            self.fleet.put(instance)
        self.now, self.last = moment.now + timedelta(days=30), moment.now
        self.checkpoints, self.steps = list(moment.checkpoints), [f"{past.name} after {moment.runs} runs"]
        self.prune_was_killed = False
        found = []
        for _ in range(random.randint(1, length)):
            self._step()
            if random.random() < 0.5:
                with database.reading(self.engine) as connection:
                    self.checkpoints += take_checkpoints(connection)
            if random.random() < 0.15:
                found += self._check()
        found += self._check()
        with database.reading(self.engine) as connection:
            self.rows = read_rows(connection)
        return [f"{each} ({'; '.join(self.steps)})" for each in found]

    def _check(self):
        with database.reading(self.engine) as connection:
            checked = (
                check if self.random.random() < 0.1 else check_rows
            )  # `check` takes longer, and only an upgrade writes what `check_rows` leaves out
            verdict = checked(
                connection, set(self.checkpoints), allow_pruned=True, allow_unfinished=self.prune_was_killed
            )
        return [*verdict.breaches, *verdict.differences]

    def _step(self):
        random = self.random
        names = self._names()
        account = random.choice(names)
        steps = (self._sync, self._accept, self._prune, self._rename, self._retire, self._upgrade)
        what = random.choices(steps, (12, 2, 2, 1, 1, 1))[0]
        self.now += timedelta(hours=random.choice((1, 1, 1, 1, 24, -1, -30)))
        statements = int(random.expovariate(1 / 12)) if random.random() < 0.35 else None
        self.steps.append(f"{what.__name__[1:]} {account}" + ("" if statements is None else f" killed at {statements}"))
        self.prune_was_killed |= what == self._prune and statements is not None
        with killed(self.engine, statements), suppress(*HARMLESS):
            what(account)

    def _names(self):
        with database.reading(self.engine) as connection:
            return [*sorted(connection.scalars(sa.select(accounts_table.c.account))), "new"]

    # -- steps

    def _sync(self, account):
        random, faults = self.random, self.simulator.faults
        for _ in range(random.choice((0, 0, 1, 2))):
            self._change_the_fleet()
        faults.clear()
        fault = random.random()
        if fault < 0.08:
            faults.add(Status(503), times=None)
        elif fault < 0.2:
            faults.add(Status(500), when=on_page(2), times=None)
        elif fault < 0.4:
            faults.add(Status(500), when=on_get, times=None)
            faults.add(Status(503), when=on_page(1), after=1)
        flags = {"ignore_changes": random.choice(("", "", "", "price", "status,region"))}
        outcome = sync(
            self.engine,
            Account(account, ApiKey(random.choice(("a:x", "a:x", "b:y")))),
            load(
                api_url=self.simulator.url, retry_attempts=1, retry_max_wait=0.01, lease_seconds=LEASE,
                page_size=random.choice((2, 50)), **flags,
            ),
            SyncOptions(clock=lambda: self.now, expected_seconds=random.choice((None, 3600))),
        )  # fmt: skip
        if outcome.run_id is None and isinstance(outcome.error, InventoryError):
            raise outcome.error

    def _change_the_fleet(self):
        random, listed = self.random, self.fleet.listing()
        what = random.random()
        some = random.choice(listed)["id"] if listed else None
        if some is None or what < 0.25:
            self.fleet.put(machine(f"i{random.randrange(12)}", creator_user_nickname=random.choice(PEOPLE)))
        elif what < 0.4:
            self.fleet.remove(some)
        elif what < 0.5:
            self.fleet.hide(some)
        elif what < 0.55:
            for each in listed[len(listed) // 3 :]:
                self.fleet.remove(each["id"])
        else:
            fields = {
                "instance_type": random.choice(TYPES), "region": random.choice(REGIONS), "price": random.randrange(5),
                "creator_user_nickname": random.choice(PEOPLE), "status": random.choice(("ready", "stopped")),
            }  # fmt: skip
            name = random.choice(list(fields))
            self.fleet.put((self.fleet.get(some) or machine(some)) | {name: fields[name]})

    def _accept(self, account):
        only = None
        if self.random.random() < 0.4:
            with database.reading(self.engine) as connection:
                ids = connection.scalars(
                    sa.select(instance_state.c.instance_id)
                    .where(instance_state.c.account == account, instance_state.c.presence == "missing")
                    .order_by(instance_state.c.instance_id)
                )
                only = [id_ for id_ in ids if self.random.random() < 0.5]
        missing.accept_missing(
            self.engine, account, only=only, reason=self._reason(), lease_seconds=LEASE, clock=lambda: self.now
        )

    def _prune(self, account):
        with database.reading(self.engine) as connection:
            times = list(connection.scalars(sa.select(sync_runs.c.started_at).where(sync_runs.c.account == account)))
        if not times:
            return
        before = self.random.choice(sorted(times)) + timedelta(seconds=self.random.choice((-1, 0, 1)))
        request = PruneRequest(account, before, self._reason())
        prune(self.engine, request, lease_seconds=LEASE, clock=lambda: max(self.now, before))

    def _rename(self, account):
        new = self.random.choice(("default", "other", f"n{self.random.randrange(9)}"))
        accounts.rename(self.engine, account, new, reason=self._reason(), lease_seconds=LEASE, clock=lambda: self.now)

    def _retire(self, account):
        accounts.retire(self.engine, account, reason=self._reason(), lease_seconds=LEASE, clock=lambda: self.now)

    def _upgrade(self, _account):
        """Give the database the schema of an earlier revision, then migrate it like an upgrade of the program.

        If the migration is killed, another connection migrates. The revisions before 0004 have no log. So after a
        downgrade to such a revision no earlier checkpoint is valid.
        """
        if not can_downgrade(self.engine):
            return
        other_process = database.connect_beside(self.engine)
        revision = self.random.choice(older_revisions())
        downgrade(other_process, revision)
        if revision < "0004":
            self.checkpoints.clear()
        try:
            schema.upgrade(self.engine)
        finally:
            schema.upgrade(other_process)
            other_process.dispose()

    def _reason(self):
        return self.random.choice((None, "the ticket 12", "gewiß 🦀"))
