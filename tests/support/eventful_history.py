"""Random histories of two accounts, with acts of persons, prunes, upgrades, killed runs, and takeovers of a lease."""

from datetime import timedelta

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from inventory.history import accounts
from inventory.history.prune import PruneRequest, prune, would_prune
from inventory.history.verify import verify_history
from inventory.store import database, schema
from inventory.store.tables import accounts as accounts_table
from support import tally
from support.catalogue import can_downgrade, downgrade, older_revisions
from support.checkpoints import check_rows, take_checkpoints
from support.honest import killed
from support.model import Model
from support.random_history import LEASE, History

NAMES = ("default", "research", "web")


class EventfulHistory(History):
    """A state machine with the steps of `History`, and further steps.

    The further steps are kills, prunes, renames, retirements, takeovers, upgrades, moves to the other account, and
    syncs of a fleet as it was earlier.

    After each write, the current account must agree with its model. Each log must agree with its checkpoint from before
    the write.
    """

    def __init__(self):
        super().__init__()
        self.other = ("neighbour", Model(), [])
        self.checkpoints = []
        self.earlier = []
        self.killed = False
        self.statement = None
        """The number of statements and commits after which the next run is killed. None: it is not killed."""

    # -- accounts

    @rule()
    def go_to_the_other_account(self):
        mine = (self.account, self.model, self.run_ids)
        (self.account, self.model, self.run_ids), self.other = self.other, mine
        self._sync()

    @rule(name=st.sampled_from(NAMES))
    @precondition(lambda self: self.model.runs and not self.killed)
    def rename(self, name):
        if name not in {self.account, self.other[0]}:
            accounts.rename(self.engine, self.account, name, lease_seconds=LEASE, clock=lambda: self.now)
            self.account = name
            self._compare()

    @rule()
    @precondition(lambda self: self.model.runs and not self.killed)
    def retire(self):
        accounts.retire(self.engine, self.account, lease_seconds=LEASE, clock=lambda: self.now)
        self._compare()

    # -- the fleet

    @rule()
    def remember_the_fleet(self):
        self.earlier.append(self.fleet.listing())

    @rule(number=st.integers(0, 3))
    @precondition(lambda self: self.earlier)
    def sync_an_earlier_fleet(self, number):
        self.fleet.clear()
        for instance in self.earlier[number % len(self.earlier)]:
            self.fleet.put(instance)
        self._sync()

    # -- other processes

    @rule(statements=st.lists(st.integers(3, 24), min_size=1, max_size=4))
    def kill_syncs(self, statements):
        """Make a run for each number in `statements`, and kill it after this number of statements and commits.

        If the run had already committed its row, the row stays `running`, until the next run or acceptance marks it
        `abandoned`.
        """
        for self.statement in statements:
            self._sync()

    @rule(page=st.integers(1, 3))
    def sync_while_another_run_takes_over(self, page):
        """Pause a run at a page until its lease has ended. Make a second run, then let the first one continue.

        No run is paused if `page` is 1, or if the list has fewer than `page` pages.
        """
        failures = []

        def freeze():
            try:
                self.run_ids.append(self._newest_run())
                self.model.begin_and_die(self.now, self.key)
                self._sync()
            except BaseException as error:  # noqa: BLE001 - in a thread of the simulator; raised again below
                failures.append(error)

        self._sync(shift_at=page, shift=freeze)
        if failures:
            raise failures[0]

    def _run_sync(self):
        if self.statement is None:
            return super()._run_sync()
        statement, self.statement = self.statement, None
        with killed(self.engine, statement):
            return super()._run_sync()
        return None

    def _record(self, outcome, observed):
        if outcome is None:
            self._record_the_killed()
        elif outcome.status == "abandoned":
            assert outcome.run_id in self.run_ids[:-1]
            self._compare()
        else:
            self.killed = False
            super()._record(outcome, observed)

    def _record_the_killed(self):
        newest = self._newest_run()
        if newest is None or newest in self.run_ids:
            return
        tally.count("kills")
        self.run_ids.append(newest)
        self.model.begin_and_die(self.now, self.key)
        self.killed = True
        self._compare()

    # -- prune

    @rule(back=st.integers(0, 6), minutes=st.sampled_from([-30, 0, 30]))
    @precondition(lambda self: self.model.runs and not self.killed)
    def prune(self, back, minutes):
        runs = self.model.runs
        time = min(runs[-1 - min(back, len(runs) - 1)].time + timedelta(minutes=minutes), self.now)
        with database.reading(self.engine) as connection:
            planned = would_prune(connection, PruneRequest(self.account, time))
        done = prune(self.engine, PruneRequest(self.account, time), lease_seconds=LEASE, clock=lambda: self.now)
        assert planned == done
        self._compare()

    # -- upgrades

    @rule(revision=st.sampled_from(older_revisions()))
    def upgrade(self, revision):
        """Give the database the schema of an earlier revision, then migrate it like an upgrade of the program.

        The revisions before 0004 have no logs. So a database that is upgraded from such a revision begins new logs.
        """
        if not can_downgrade(self.engine):
            return
        downgrade(self.engine, revision)
        schema.upgrade(self.engine)
        if revision < "0004":
            self.checkpoints = []
        self._compare()

    # -- the comparison

    def _compare(self):
        with database.reading(self.engine) as connection:
            pruned = sa.select(accounts_table.c.pruned_before).where(accounts_table.c.account == self.account)
            self.since = connection.scalar(pruned) or History.since
            assert verify_history(connection).breaches == []
            verdict = check_rows(connection, self.checkpoints, allow_pruned=True)
            assert not verdict, verdict
            self.checkpoints = take_checkpoints(connection)
        super()._compare()

    def _newest_run(self):
        with database.reading(self.engine) as connection:
            return connection.scalar(
                sa.text("SELECT max(run_id) FROM sync_runs WHERE account = :account"), {"account": self.account}
            )
