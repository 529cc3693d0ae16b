"""Find out which absent instances are gone, and which the list only skipped.

fal's cursors encode page numbers. An instance that is created or deleted during a walk shifts the pages. Then a live
instance may be on no page. Therefore absent instances are fetched by their ids. If more than MOST_QUESTIONS are absent,
or if a request settles nothing, the whole list is walked a second time.
"""

from functools import partial

from inventory import background, log
from inventory.errors import ApiError, Forbidden, Interrupted, NetworkError, RateLimited, Unauthorized
from inventory.fal.expected import ExpectedList
from inventory.fal.walk import WalkContext, WalkResult, walk
from inventory.spool import BY_ID

MOST_QUESTIONS = 200
"""If more instances than this are absent, no instance is fetched by id, because a second walk takes fewer requests."""

MOST_UNANSWERED = 3
"""After this many requests by id in a row without any answer, no further request by id is sent."""

UNLISTED_RUNS = 3
"""If this many complete runs in a row find an instance by its id but on no list, the last one marks it as gone."""

logger = log.get(__name__)


def confirm(context: WalkContext, expected: ExpectedList | None = None) -> WalkResult | None:
    """Find out which absent instances are gone, and mark them as gone in the spool. Leave held instances out.

    The first walk must be complete. `expected` is the list that the first walk found; a second walk usually finds the
    same list. If this is the third complete run in a row that finds an instance by its id but on no list, mark that
    instance as gone too.

    Return the result of the second walk, or None if no second walk was needed. An instance that is still absent
    afterwards, and is not marked as gone, is missing.
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
    """Fetch the absent instances by their ids; return whether all of them were settled.

    An instance for which fal answers 404 is marked as gone, and one that fal returns is added to the spool. Once
    a request has settled nothing, each later request is tried only once. No further request is sent in three cases:

    - MOST_UNANSWERED requests in a row got no answer.
    - The API refused a request (401, 403, 429).
    - `stop` is set.
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
            if isinstance(error, Unauthorized | Forbidden | RateLimited):  # the next request would get the same
                break
            unanswered = unanswered + 1 if isinstance(error, NetworkError) else 0
            continue
        unanswered = 0
        if record is None:
            context.spool.mark_gone(instance_id)
        else:
            context.spool.add(BY_ID, [record])
    return settled
