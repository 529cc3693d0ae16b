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
"""Shares of instances, from 0 to 1.

NAMELESS is the share that has no creator. SECTORED is the share of the instances with 8 GPUs that has a sector.
SLOW_STARTS is the share that begins with the status `init`. LONG_WAIT is the share that is `pending` for one to eight
hours. RETURNS is the share that comes back after its end.
"""
SETTLED = ("ready", "stopped", "unknown")
START = (0.875, 0.06, 0.03, 0.02, 0.01, 0.005)
"""Shares of the statuses in a new fleet: ready, stopped, unknown, provisioning, pending, init."""
MIN_LIFE = timedelta(minutes=12)


@dataclass(slots=True)
class Life:
    """One life of an instance, from `born` until just before `died` (None: it is alive). A return is another Life.

    `changes` are pairs of a time and the item that the API returns from that time on. The first time is `born`. If
    an instance is older than the fleet, its first pair combines the time `born` with the item that the API returns at
    the start of the fleet.
    """

    id: str
    born: datetime
    died: datetime | None
    instance_type: str
    creator: str | None
    changes: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)


@dataclass(slots=True)
class _Machine:
    """The present state of an instance, and its creator."""

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
    """A fleet whose instances appear, change and vanish when `advance` is called.

    Two fleets with the same arguments are equal whenever they have the same `now`: the UTC time up to which a fleet was
    advanced. `instances` is roughly the number of instances that are alive at any one time. With 60, about 700
    different instances are alive at some time in a month. `churn` is the speed at which instances come, end and stop:
    with 2, all of this is twice as fast; with 0, nothing changes. Some shorter times do not depend on `churn`, such as
    the time until an instance is ready. `truth` holds every Life so far, in the order of `born`.

    Raise UsageError if `start` has no time zone, if `instances` is negative, or if `churn` is negative or not finite.
    """

    def __init__(self, *, seed: int = 0, start: datetime, instances: int = 60, churn: float = 1.0) -> None:
        super().__init__()
        if start.utcoffset() is None or instances < 0 or not 0 <= churn < math.inf:
            raise UsageError("A lively fleet needs a start with a time zone, and finite numbers that are not negative.")
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
        """Make all changes up to and including the time `to`; do nothing if `to` is earlier than `now`."""
        with self._lock:
            while self._events and self._events[0][0] <= to:
                at, _, action, arguments = heapq.heappop(self._events)
                action(at, *arguments)
            self.now = max(self.now, to.astimezone(UTC))

    def _populate(self, instances: int) -> None:
        rng, now = self._rng, self.now
        owners = rng.choices(CREATORS, [each.habit.share * each.part for each in CREATORS], k=instances)
        statuses = rng.choices(("ready", "stopped", "unknown", "provisioning", "pending", "init"), START, k=instances)
        machines = []
        for owner, status in zip(owners, statuses, strict=True):
            days = owner.habit.days(rng, standing=True)
            met = rng.random() * days if status in SETTLED else rng.random() * min(days, 1 / 24)
            machine = self._make(now - self._days(met, churn=1), owner, rng.choice(owner.regions), status)
            if status in ("ready", "unknown"):
                machine.ip = self._free_ip()
            machines.append((machine, days - met))
        for machine, left in sorted(machines, key=lambda each: each[0].life.born):
            self._add(machine)
            if self._churn:
                self._schedule(now + self._days(left), self._die, machine)
                self._schedule_next_status(now, machine)

    def _wait_for_arrival(self, at: datetime, creator: Creator, peak: float) -> None:
        # Arrivals are drawn at the rate of the busiest hour. In less busy hours `_arrive` drops a part of them.
        self._schedule(at + timedelta(days=self._rng.expovariate(peak)), self._arrive, creator, peak)

    def _arrive(self, at: datetime, creator: Creator, peak: float) -> None:
        rng, habit = self._rng, creator.habit
        if rng.random() * habit.busiest < habit.busy(creator.local(at)):
            region = rng.choice(creator.regions)
            size = rng.randint(self._burst // 2, self._burst + self._burst // 2) if habit.burst else 1
            for _ in range(size):
                self._schedule(at + self._minutes(0, 4 if habit.burst else 0), self._create, creator, region)
        self._wait_for_arrival(at, creator, peak)

    def _create(self, at: datetime, creator: Creator, region: str) -> None:
        self._begin(at, self._make(at, creator, region, self._first_status()))

    def _return(self, at: datetime, before: _Machine) -> None:
        life = replace(before.life, born=at, died=None, changes=[])
        self._begin(at, replace(before, life=life, status=self._first_status(), ip=None))

    def _first_status(self) -> str:
        return "init" if self._rng.random() < SLOW_STARTS else "pending"

    def _make(self, born: datetime, owner: Creator, region: str, status: str) -> _Machine:
        rng = self._rng
        large = rng.random() < owner.habit.large
        sector = rng.choice(SECTORS) if large and rng.random() < SECTORED else None
        creator = None if rng.random() < NAMELESS else owner.nickname
        life = Life(f"inst_{rng.getrandbits(48):012x}", born, None, LARGE if large else SMALL, creator)
        return _Machine(life, owner, region, sector, status)

    def _begin(self, at: datetime, machine: _Machine) -> None:
        self._add(machine)
        self._schedule(at + max(self._days(machine.owner.habit.days(self._rng)), MIN_LIFE), self._die, machine)
        self._schedule_next_status(at, machine)

    def _add(self, machine: _Machine) -> None:
        self.truth.append(machine.life)
        self._publish(machine.life.born, machine)

    def _change_status(self, at: datetime, machine: _Machine, status: str) -> None:
        if machine.life.died is not None:
            return
        machine.status = status
        if status == "ready" and machine.ip is None:
            machine.ip = self._free_ip()
        elif status == "stopped" and machine.ip is not None:
            self._ips.discard(machine.ip)
            machine.ip = None
        self._publish(at, machine)
        self._schedule_next_status(at, machine)

    def _publish(self, at: datetime, machine: _Machine) -> None:
        item = machine.as_listed()
        machine.life.changes.append((at, item))
        self.put(item)

    def _schedule_next_status(self, at: datetime, machine: _Machine) -> None:
        """Schedule the change from the present status to the next."""
        rng, habit = self._rng, machine.owner.habit
        match machine.status:
            case "init":
                after, status = self._minutes(0.5, 12), "pending"
            case "pending":
                after = self._minutes(60, 480) if rng.random() < LONG_WAIT else self._minutes(0.5, 6)
                status = "provisioning"
            case "provisioning":
                after, status = self._minutes(3, 25 if machine.life.instance_type == LARGE else 10), "ready"
            case "ready":
                after = self._days(rng.expovariate(1 / habit.trouble))
                status = "stopped" if rng.random() < habit.stops else "unknown"
            case "stopped":
                after, status = self._days(habit.rest * rng.uniform(0.5, 1.5) / 24), "ready"
            case _:
                after, status = self._minutes(5, 150), "ready"
        self._schedule(at + after, self._change_status, machine, status)

    def _die(self, at: datetime, machine: _Machine) -> None:
        machine.life.died = at
        self.remove(machine.life.id)
        if machine.ip is not None:
            self._ips.discard(machine.ip)
        if self._rng.random() < RETURNS:
            hours = self._rng.choice(((1.2, 3), (20, 28)))
            self._schedule(at + self._minutes(60 * hours[0], 60 * hours[1]), self._return, machine)

    def _schedule(self, at: datetime, action: Callable[..., None], *arguments: Any) -> None:
        heapq.heappush(self._events, (at, next(self._order), action, arguments))

    def _days(self, days: float, churn: float | None = None) -> timedelta:
        return timedelta(days=days / (self._churn if churn is None else churn))

    def _minutes(self, low: float, high: float) -> timedelta:
        return timedelta(minutes=self._rng.uniform(low, high))

    def _free_ip(self) -> str:
        for _ in range(20):
            ip = f"{self._rng.choice(NETWORKS)}.{self._rng.randint(1, 254)}"
            if ip not in self._ips:
                break
        # A fleet of many hundreds has more instances than NETWORKS have addresses: then some share an address.
        self._ips.add(ip)
        return ip
