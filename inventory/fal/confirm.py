"""Which absent instances are gone, which were only skipped by the list, and which nobody can tell.

fal's cursors encode page numbers: an instance created or deleted during a walk shifts the pages, and one that exists
may be on none of them. So each absent one is asked for by id, and where that does not settle it, a second walk does.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Protocol

from inventory import background, log
from inventory.errors import ApiError, Interrupted, NetworkError
from inventory.fal.walk import Pages, Walk, walk
from inventory.record import Record
from inventory.spool import BY_ID, Spool

MOST_QUESTIONS = 200
"""More absent instances than this are not asked for one by one: a second walk is quicker and kinder."""

MOST_UNANSWERED = 3
"""After so many questions in a row without any answer, within the time limit, no more are asked."""

UNLISTED_RUNS = 3
"""In the so-manieth complete run in a row that finds it by id but on no list, an instance is gone."""

logger = log.get(__name__)


class Source(Pages, Protocol):
    """What a confirmation needs of the API."""

    def fetch_instance(self, instance_id: str, *, retry: bool = True) -> Record | None:
        """The instance, or None where it is gone."""


def confirm(
    api: Source, spool: Spool, stop: threading.Event, progress: Callable[[Walk], None] = lambda _: None
) -> Walk | None:
    """Settle in the spool what can be settled of the instances that the first, complete walk lacked.

    Returns the second walk, where one was needed. What stays absent and is not settled is missing.
    """
    absent = spool.absent(limit=MOST_QUESTIONS + 1)
    second = None
    if len(absent) > MOST_QUESTIONS or not _settle(api, spool, absent, stop):
        logger.info("walking a second time", absent=spool.count_absent())
        second = walk(api, spool, 2, stop, progress)
        if second.complete:
            spool.settle_absent()
    spool.expire_unlisted(UNLISTED_RUNS)
    return second


def _settle(api: Source, spool: Spool, absent: list[str], stop: threading.Event) -> bool:
    """Ask for each by id; whether every answer settled it. After a failure each gets one attempt only."""
    settled, unanswered = True, 0
    for instance_id in absent:
        if unanswered == MOST_UNANSWERED:
            logger.warning("asking by id brings no answers, asking no more", absent=len(absent))
            break
        try:
            answer = background.start(partial(api.fetch_instance, instance_id, retry=settled))
            found = background.wait_or_stop(answer, stop)
        except Interrupted:
            return False
        except ApiError as error:
            logger.warning("asking by id settled nothing", instance_id=instance_id, reason=str(error))
            settled = False
            unanswered = unanswered + 1 if isinstance(error, NetworkError) else 0
            continue
        unanswered = 0
        if found is None:
            spool.settle(instance_id)
        else:
            spool.add(BY_ID, [found])
    return settled
