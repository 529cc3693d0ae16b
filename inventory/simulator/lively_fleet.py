"""A fleet that changes by itself as its clock advances."""

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from inventory.errors import UsageError
from inventory.simulator.fleet import Fleet
from inventory.simulator.habits import CREATORS, LARGE, NETWORKS, SECTORS, SMALL, Creator

NAMELESS, SECTORED, SLOW_STARTS, LONG_WAIT, RETURNS = 0.03, 0.7, 0.25, 0.06, 0.05
"""Which part has no creator, has a sector (of the 8x), begins as init, waits for hours for a machine, comes back."""
SETTLED = ("ready", "stopped", "unknown")
START = (0.875, 0.06, 0.03, 0.02, 0.01, 0.005)
"""How the fleet is spread over ready, stopped, unknown, provisioning, pending, init at the start."""
SHORTEST = timedelta(minutes=12)
"""The shortest life of an instance."""


@dataclass(slots=True)
class Life:
    """One presence of an instance, from `born` until just before `died` (None: it lives). A return is another Life.

    `told` is every change: since when the API tells what of it, the first time being `born`. (Of those that a fleet
    begins with, what they were before its start is not known.)
    """

    id: str
    born: datetime
    died: datetime | None
    instance_type: str
    creator: str | None
    told: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)


@dataclass(slots=True)
class _Being:
    life: Life
    owner: Creator
    region: str
    sector: str | None
    status: str
    ip: str | None = None

    def as_listed(self) -> dict[str, Any]:
        fields = {
            "id": self.life.id,
            "instance_type": self.life.instance_type,
            "region": self.region,
            "sector": self.sector,
            "ip": self.ip,
            "status": self.status,
            "creator_user_nickname": self.life.creator,
        }
        return {name: value for name, value in fields.items() if value is not None}


class LivelyFleet(Fleet):
    """A fleet with a life of its own, the same for the same arguments however often it is advanced.

    About `instances` are alive on average; a month of 60 sees some 700 lives. `churn` speeds up everything but the
    minutes until an instance is ready; with 0 nothing ever happens. `truth` is every life so far, by birth; `now` is
    the moment, in UTC, up to which it was advanced.
    """

    def __init__(self, *, seed: int = 0, start: datetime, instances: int = 60, churn: float = 1.0) -> None:
        """It is `start`, and the fleet is some weeks old. UsageError for a time without a zone or a number < 0."""
        super().__init__()
        if start.utcoffset() is None or instances < 0 or not 0 <= churn < math.inf:
            raise UsageError("A lively fleet needs a start with a time zone, and numbers that are not negative.")
        self.now = start.astimezone(UTC)
        self.truth: list[Life] = []
        self._rng = Random(seed)  # noqa: S311 - a made-up fleet is no secret
        self._churn = churn
        self._events: list[tuple[datetime, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self._ips: set[str] = set()
        self._burst = max(2, min(10, instances // 6))
        self._populate(instances)
        for creator in CREATORS:
            habit = creator.habit
            a_day = churn * instances * habit.share * creator.part / habit.life / (self._burst if habit.burst else 1)
            if a_day:
                self._wait_for_arrival(self.now, creator, a_day * habit.busiest / habit.average)

    def advance(self, to: datetime) -> None:
        """Everything up to and with `to` has happened; an earlier time than before changes nothing."""
        with self._lock:
            while self._events and self._events[0][0] <= to:
                at, _, happen, arguments = heapq.heappop(self._events)
                happen(at, *arguments)
            self.now = max(self.now, to.astimezone(UTC))

    def _populate(self, instances: int) -> None:
        rng, now = self._rng, self.now
        owners = rng.choices(CREATORS, [each.habit.share * each.part for each in CREATORS], k=instances)
        statuses = rng.choices(("ready", "stopped", "unknown", "provisioning", "pending", "init"), START, k=instances)
        beings = []
        for owner, status in zip(owners, statuses, strict=True):
            days = owner.habit.days(rng, standing=True)
            met = rng.random() * days if status in SETTLED else rng.random() * min(days, 1 / 24)
            being = self._make(now - self._days(met, churn=1), owner, rng.choice(owner.regions), status)
            if status in ("ready", "unknown"):
                being.ip = self._free_ip()
            beings.append((being, days - met))
        for being, left in sorted(beings, key=lambda each: each[0].life.born):
            self._welcome(being)
            if self._churn:
                self._later(now + self._days(left), self._die, being)
                self._go_on(now, being)

    def _wait_for_arrival(self, at: datetime, creator: Creator, peak: float) -> None:
        # Arrivals at the busiest hour's rate, of which `_arrive` takes as many as this hour deserves.
        self._later(at + timedelta(days=self._rng.expovariate(peak)), self._arrive, creator, peak)

    def _arrive(self, at: datetime, creator: Creator, peak: float) -> None:
        rng, habit = self._rng, creator.habit
        if rng.random() * habit.busiest < habit.busy(creator.local(at)):
            region = rng.choice(creator.regions)
            size = rng.randint(self._burst // 2, self._burst + self._burst // 2) if habit.burst else 1
            for _ in range(size):
                self._later(at + self._minutes(0, 4 if habit.burst else 0), self._create, creator, region)
        self._wait_for_arrival(at, creator, peak)

    def _create(self, at: datetime, creator: Creator, region: str) -> None:
        self._begin(at, self._make(at, creator, region, self._first_status()))

    def _return(self, at: datetime, before: _Being) -> None:
        life = replace(before.life, born=at, died=None, told=[])
        self._begin(at, replace(before, life=life, status=self._first_status(), ip=None))

    def _first_status(self) -> str:
        return "init" if self._rng.random() < SLOW_STARTS else "pending"

    def _make(self, born: datetime, owner: Creator, region: str, status: str) -> _Being:
        rng = self._rng
        large = rng.random() < owner.habit.large
        sector = rng.choice(SECTORS) if large and rng.random() < SECTORED else None
        creator = None if rng.random() < NAMELESS else owner.nickname
        life = Life(f"inst_{rng.getrandbits(48):012x}", born, None, LARGE if large else SMALL, creator)
        return _Being(life, owner, region, sector, status)

    def _begin(self, at: datetime, being: _Being) -> None:
        self._welcome(being)
        self._later(at + max(self._days(being.owner.habit.days(self._rng)), SHORTEST), self._die, being)
        self._go_on(at, being)

    def _welcome(self, being: _Being) -> None:
        self.truth.append(being.life)
        self._tell(being.life.born, being)

    def _become(self, at: datetime, being: _Being, status: str) -> None:
        if being.life.died is not None:
            return
        being.status = status
        if status == "ready" and being.ip is None:
            being.ip = self._free_ip()
        elif status == "stopped" and being.ip is not None:
            self._ips.discard(being.ip)
            being.ip = None
        self._tell(at, being)
        self._go_on(at, being)

    def _tell(self, at: datetime, being: _Being) -> None:
        item = being.as_listed()
        being.life.told.append((at, item))
        self.put(item)

    def _go_on(self, at: datetime, being: _Being) -> None:
        """What follows the present status is on its way."""
        rng, habit = self._rng, being.owner.habit
        match being.status:
            case "init":
                after, status = self._minutes(0.5, 12), "pending"
            case "pending":
                after = self._minutes(60, 480) if rng.random() < LONG_WAIT else self._minutes(0.5, 6)
                status = "provisioning"
            case "provisioning":
                after, status = self._minutes(3, 25 if being.life.instance_type == LARGE else 10), "ready"
            case "ready":
                after = self._days(rng.expovariate(1 / habit.trouble))
                status = "stopped" if rng.random() < habit.stops else "unknown"
            case "stopped":
                after, status = self._days(habit.rest * rng.uniform(0.5, 1.5) / 24), "ready"
            case _:
                after, status = self._minutes(5, 150), "ready"
        self._later(at + after, self._become, being, status)

    def _die(self, at: datetime, being: _Being) -> None:
        being.life.died = at
        self.remove(being.life.id)
        if being.ip is not None:
            self._ips.discard(being.ip)
        if self._rng.random() < RETURNS:
            hours = self._rng.choice(((1.2, 3), (20, 28)))
            self._later(at + self._minutes(60 * hours[0], 60 * hours[1]), self._return, being)

    def _later(self, at: datetime, happen: Callable[..., None], *arguments: Any) -> None:
        heapq.heappush(self._events, (at, next(self._order), happen, arguments))

    def _days(self, days: float, churn: float | None = None) -> timedelta:
        return timedelta(days=days / (self._churn if churn is None else churn))

    def _minutes(self, low: float, high: float) -> timedelta:
        return timedelta(minutes=self._rng.uniform(low, high))

    def _free_ip(self) -> str:
        for _ in range(20):
            ip = f"{self._rng.choice(NETWORKS)}.{self._rng.randint(1, 254)}"
            if ip not in self._ips:
                break
        # A fleet of many hundreds has more instances than there are such addresses: then some share one.
        self._ips.add(ip)
        return ip
