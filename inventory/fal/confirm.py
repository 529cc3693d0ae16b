"""Find out which absent instances are gone, and which the list only skipped.

fal's cursors encode page numbers. An instance that is created or deleted during a walk shifts the pages, so that a live
instance may be on none of them. So each absent instance is fetched by its id. If that does not settle every one, a
second walk does.
"""

from functools import partial

from inventory import background, log
from inventory.errors import ApiError, Interrupted, NetworkError
from inventory.fal.expected import ExpectedList
from inventory.fal.walk import WalkContext, WalkResult, walk
from inventory.spool import BY_ID

MOST_QUESTIONS = 200
"""Above this number of absent instances none is fetched by id: a second walk takes fewer requests."""

MOST_UNANSWERED = 3
"""After this number of requests in a row that fail, no further one is sent."""

UNLISTED_RUNS = 3
"""An instance that answers by id is gone in the third complete run in a row whose list lacks it."""

logger = log.get(__name__)


def confirm(context: WalkContext, expected: ExpectedList | None = None) -> WalkResult | None:
    """Find out which of the absent instances are gone, and mark these in the spool.

    The first walk was complete; `expected` is its list, which a second walk usually finds again. Returns the second
    walk if one was needed. An absent instance that is not marked as gone is missing.
    """
    spool = context.spool
    absent = spool.absent(limit=MOST_QUESTIONS + 1)
    second = None
    if len(absent) > MOST_QUESTIONS or not _fetch_each(context, absent):
        logger.info("walking a second time", absent=spool.count_absent())
        second = walk(context, 2, expected)
        if second.complete:
            spool.mark_absent_gone()
    spool.expire_unlisted(UNLISTED_RUNS)
    return second


def _fetch_each(context: WalkContext, absent: list[str]) -> bool:
    """Fetch each instance by its id; return whether every request was answered.

    After the first failure each request is made once, without retries.
    """
    settled, unanswered = True, 0
    for instance_id in absent:
        if unanswered == MOST_UNANSWERED:
            logger.warning("requests by id get no answers; no more are sent", absent=len(absent))
            break
        try:
            answer = background.start(partial(context.api.fetch_instance, instance_id, retry=settled))
            record = background.wait_or_stop(answer, context.stop)
        except Interrupted:
            return False
        except ApiError as error:
            logger.warning("the request by id settled nothing", instance_id=instance_id, reason=str(error))
            settled = False
            unanswered = unanswered + 1 if isinstance(error, NetworkError) else 0
            continue
        unanswered = 0
        if record is None:
            context.spool.mark_gone(instance_id)
        else:
            context.spool.add(BY_ID, [record])
    return settled
