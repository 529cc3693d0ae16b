"""Deliver a checkpoint of each log once a day (UTC), to a folder and to the alert channels.

The checkpoint of an account is due after the first run of the day. Its file is written in the transaction that records
the delivery. If the file cannot be written, no delivery is recorded. If the process dies before the commit, the next
run writes the file again.

The channels get the checkpoint after the commit. If none of them accepts it before the process ends, the record of the
delivery is undone, and the next run tries again. If the process is killed after the commit, but
before a channel accepts the checkpoint, the delivery stays recorded: the checkpoint of this day is in the folder only.
"""

from collections.abc import Callable

from sqlalchemy.engine import Engine

from inventory import log
from inventory.checkpoints.folder import write_checkpoint
from inventory.checkpoints.signed_note import Note
from inventory.config.settings import Settings
from inventory.config.signing import read_signer
from inventory.errors import DatabaseError, InventoryError
from inventory.history.delivery import Claim, claim, hand_back, is_due
from inventory.history.log_heads import LogHead, read_heads
from inventory.outcome import Outcome
from inventory.store import database
from inventory.store.database import Clock

logger = log.get(__name__)


SendCheckpoint = Callable[[LogHead, Note, Callable[[bool], None]], None]
"""A function that queues a checkpoint for all channels.

It calls its third argument once: with True when a channel has accepted the checkpoint, with False if none does.
"""


class CheckpointDelivery:
    """An observer of runs that delivers the checkpoints that are due.

    Without `send`, the checkpoints go to the folder only. The constructor raises UsageError if the key that signs
    checkpoints cannot be used.
    """

    def __init__(
        self, engine: Engine, settings: Settings, send: SendCheckpoint | None = None, *, clock: Clock | None = None
    ) -> None:
        read_signer(settings)
        self._engine = engine
        self._settings = settings
        self._send = send
        self._clock = clock
        self._failing: set[str] = set()

    def observe(self, outcome: Outcome) -> None:
        """Deliver the account's checkpoint if it is due. Log a failure.

        After an attempt that began no run, do nothing.
        """
        if outcome.run_id is None:
            return
        try:
            self._deliver(outcome.account)
        except InventoryError as error:
            self._warn(outcome.account, str(error))

    def _deliver(self, account: str) -> None:
        with database.reading(self._engine) as connection:
            if not is_due(connection, account, database.now(connection, self._clock)):
                return
        signer = read_signer(self._settings)  # read again, because the file of the key may have changed
        with database.writing(self._engine, idle_limit=self._settings.lease_seconds) as connection:
            claimed = claim(connection, account, database.now(connection, self._clock))
            if claimed is None:
                return
            (head,) = read_heads(connection, account)
            checkpoint, note = signer.checkpoint(head.log_id, head.size, head.root)
            if self._settings.checkpoint_dir is not None:
                # this is in a transaction, so it must not wait for long; if it fails, the next run tries again
                write_checkpoint(self._settings.checkpoint_dir, account, checkpoint, note, wait_seconds=1)
        if self._send is None:
            self._succeeded(head)
        else:
            self._send(head, note, lambda accepted: self._succeeded(head) if accepted else self._hand_back(claimed))

    def _succeeded(self, head: LogHead) -> None:
        self._failing.discard(head.account)
        logger.info("checkpoint delivered", account=head.account, entries=head.size)

    def _hand_back(self, claimed: Claim) -> None:
        try:
            with database.writing(self._engine, idle_limit=self._settings.lease_seconds) as connection:
                hand_back(connection, claimed)
        except DatabaseError as error:
            logger.warning(
                "a checkpoint that no channel accepted stays recorded as delivered",
                account=claimed.account,
                reason=str(error),
            )
        else:
            self._warn(claimed.account, "no alert channel accepted it")

    def _warn(self, account: str, reason: str) -> None:
        """Log a failed delivery: the first as a warning, further ones at `debug` until a delivery succeeds."""
        write = logger.debug if account in self._failing else logger.warning
        self._failing.add(account)
        write("the checkpoint was not delivered; the next run tries again", account=account, reason=reason)
