"""Random histories of two accounts, with acts of persons, prunes, upgrades, and several processes.

A process may be killed (SIGKILL) before a statement, be refused because another process is at work, or take over the
lease of another process.
"""

from datetime import timedelta
from typing import NamedTuple

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from inventory.errors import AccountBusy
from inventory.history import accounts, missing
from inventory.history.prune import PruneRequest, prune, would_prune
from inventory.history.verify import verify_history
from inventory.store import database, schema
from inventory.store.tables import accounts as accounts_table
from inventory.store.tables import operator_actions
from support import tally
from support.catalogue import can_downgrade, downgrade, older_revisions
from support.checkpoints import check_rows, take_checkpoints
from support.in_child import KILLED, in_child
from support.model import Model
from support.random_history import LEASE, History

NAMES = ("default", "research", "web")
ACTS = ("accept", "retire", "rename", "prune")


class Ended(NamedTuple):
    """The id and the status of a run that another process made."""

    run_id: int
    status: str


class EventfulHistory(History):
    """A state machine with the steps of `History`, and further steps.

    The further steps are kills, prunes, renames, retirements, refusals, takeovers, upgrades, moves to the other
    account, and syncs of a fleet as it was earlier.

    After each write, the current account must agree with its model. Each log must agree with its checkpoint from before
    the write.
    """

    def __init__(self):
        super().__init__()
        self.other = ("neighbour", Model(), [])
        self.checkpoints = []
        self.earlier = []
        self.killed = False
        self.fatal = None
        """The number of the statement or commit before which the process of the next run is killed (`in_child`).

        0: the next run has a process of its own, which is not killed. None: the next run is made in this process.
        """

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
        self._call_of("retire")()
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

    @rule(statements=st.lists(st.integers(1, 45), min_size=3, max_size=6))
    def kill_syncs(self, statements):
        """Make one run for each number in `statements`, and kill its process.

        The process is killed before the statement or commit with this number. If the run had already committed its row,
        the row stays `running`, until the next run or acceptance marks it `abandoned`.
        """
        for self.fatal in statements:
            self._sync()

    @rule(act=st.sampled_from(ACTS), statement=st.integers(1, 24))
    @precondition(lambda self: self.model.runs and not self.killed)
    def kill_an_act(self, act, statement):
        """Kill the process of an act before a statement or commit. If the act was not committed, do it again.

        `statement` is the number of the statement or commit. For a prune it is multiplied by three, because a prune has
        about three times as many statements. A prune commits several times, so a killed prune is always done again.
        """
        call, acts = self._call_of(act), self._count_acts()
        if in_child(self.engine, call, fatal=statement * 3 if act == "prune" else statement) == KILLED:
            if act == "prune":
                call()
            elif self._count_acts() == acts:
                self._compare()
                call()
        if act == "accept":
            self.model.accept()
        elif act == "rename":
            self.account = self._free_name()
        self._compare()

    @rule(page=st.integers(2, 3), act=st.sampled_from([*ACTS, "sync"]))
    @precondition(lambda self: self.model.runs)
    def try_to_act_while_another_process_walks(self, page, act):
        """Pause a run of another process at a page, and try an act or a run in this process.

        The act or run in this process must be refused. Nothing is tried if the list has fewer than `page` pages.
        """
        refused = []

        def try_to_act():
            try:
                refused.append(self._run_sync().error if act == "sync" else self._call_of(act)())
            except BaseException as error:  # noqa: BLE001 - in a thread of the simulator; looked at below
                refused.append(error)

        self.fatal = 0
        self._sync(shift_at=page, shift=try_to_act)
        tally.count("refusals", len(refused))
        for error in refused:
            assert isinstance(error, AccountBusy), error

    @rule(page=st.integers(1, 3))
    def sync_while_another_process_takes_over(self, page):
        """Pause a run of another process at a page, let its lease end, and make a second run in this process.

        Then let the first run continue. No run is paused if `page` is 1, or if the list has fewer than `page` pages.
        """
        failures = []

        def freeze():
            try:
                self.run_ids.append(self._newest_run())
                self.model.begin_and_die(self.now, self.key)
                self._sync()
            except BaseException as error:  # noqa: BLE001 - in a thread of the simulator; raised again below
                failures.append(error)

        self.fatal = 0
        self._sync(shift_at=page, shift=freeze)
        if failures:
            raise failures[0]

    def _run_sync(self):
        if self.fatal is None:
            return super()._run_sync()
        fatal, self.fatal = self.fatal, None
        ended = in_child(self.engine, self._run_and_report, fatal=fatal)
        return ended if ended == KILLED else Ended(*ended)

    def _run_and_report(self):
        outcome = super()._run_sync()
        return outcome.run_id, outcome.status

    def _record(self, outcome, observed):
        if outcome == KILLED:
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
        self.run_ids.append(newest)
        self.model.begin_and_die(self.now, self.key)
        self.killed = True
        self._compare()

    def _call_of(self, act):
        """Return a function without arguments that does `act`, one of ACTS. A rename takes the name `_free_name()`."""
        options = {"lease_seconds": LEASE, "clock": lambda: self.now}
        before = min(self.model.runs[-1].time, self.now)
        return {
            "accept": lambda: missing.accept_missing(self.engine, self.account, **options),
            "retire": lambda: accounts.retire(self.engine, self.account, **options),
            "rename": lambda: accounts.rename(self.engine, self.account, self._free_name(), **options),
            "prune": lambda: prune(self.engine, PruneRequest(self.account, before), **options),
        }[act]

    def _free_name(self):
        return next(name for name in NAMES if name not in {self.account, self.other[0]})

    def _count_acts(self):
        with database.reading(self.engine) as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(operator_actions))

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

        Do nothing if `can_downgrade` is false. The revisions before 0004 have no logs. So a database that is upgraded
        from such a revision begins new logs, and the earlier checkpoints are dropped.
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
