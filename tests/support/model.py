"""A model of the history in plain objects: written from docs/meanings.md, without any code of the program."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

MICROSECOND = timedelta(microseconds=1)
KNOWN = ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname")


@dataclass
class Observed:
    """The API's answers during one run.

    `second` has the pages of the second walk, `second_code` its error code. `second_code` is None if that walk was
    complete. If there was no second walk, `second` is empty, and `second_code` is None.
    """

    first: list[list[dict[str, Any]]]
    """The pages of the first walk."""
    code: str | None
    """The error code of the first walk; None if it was complete."""
    by_id: dict[str, dict[str, Any] | None]
    """The answers to requests by id. None means 404. A request for an id that is not in the dict gets a 500."""
    second: list[list[dict[str, Any]]]
    second_code: str | None


@dataclass
class Run:
    time: datetime
    key: str
    previous: "Run | None"
    status: str = "failed"
    complete: bool = False
    code: str | None = None
    pages: int = 0
    seen: int = 0
    duplicates: int = 0
    missing: int = 0
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("appeared", "changed", "reappeared", "vanished"), 0)
    )
    digest: str | None = None
    fleet: dict[str, tuple] = field(default_factory=dict)
    """A dict from an instance id to the columns (`columns_of`) of the version that is valid at the time of this run."""


@dataclass
class Version:
    opened: Run
    opened_as: str
    episode: int
    fields: dict[str, Any]
    closed: Run | None = None
    closed_as: str | None = None
    last_seen: Run | None = None


@dataclass
class Instance:
    fields: dict[str, Any]
    ignored: frozenset
    recorded: Run
    """The last run that saw the instance and recorded something of it."""
    presence: str = "live"
    held: bool = False
    last_seen: Run | None = None
    """The run that last saw the instance before it went missing or vanished. Not valid while the instance is live."""
    missing_since: Run | None = None
    vanished: Run | None = None
    unlisted: int = 0
    versions: list[Version] = field(default_factory=list)


class Model:
    """The expected runs and instances of one account, as plain objects."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.instances: dict[str, Instance] = {}

    def sync(self, at: datetime, seen: Observed, *, ignored: frozenset, key: str, max_vanish: float = 0.5) -> Run:
        """Add the run at the time `at` that got the answers `seen`, and return it.

        `ignored` are the fields whose changes this run does not record. `key` stands for the API key. `max_vanish` is
        the setting.
        """
        last = self.runs[-1] if self.runs else None
        run = Run(self._time_of(at), key, self.last_complete())
        self._abandon()
        brake_before = self._compared_by_the_brake()
        self.runs.append(run)
        if not seen.first:
            run.code = seen.code
            run.fleet = dict(last.fleet) if last else {}
            return run
        run.complete = seen.code is None
        listed = {item["id"]: item for page in seen.first for item in page}
        found = {id_: (fields_of(item), True) for id_, item in listed.items()}
        run.duplicates = sum(map(len, seen.first)) - len(listed)
        run.pages = len(seen.first)
        gone: set[str] = set()
        second_code = None
        if run.complete:
            second_code = self._confirm(run, seen, found, gone)
        run.seen = len(found)
        absent = {id_ for id_ in self._asked() if id_ not in found} if run.complete else set()
        live_before = sum(each.presence == "live" for each in self.instances.values())
        lost = gone | {id_ for id_ in absent if self.instances[id_].presence == "live"}
        losses = [(len(lost), live_before, brake_before)] if gone else []
        losses += self._earlier_losses(gone, self.instances.keys() - found.keys())
        brake = max_vanish < 1 and any(
            lost > max_vanish * before and (lost >= 10 or key_before not in (None, key))
            for lost, before, key_before in losses
        )
        for id_, (fields, on_a_list) in found.items():
            self._see(run, id_, fields, ignored, listed=on_a_list)
        for id_ in absent:
            if id_ in gone and not brake:
                self._vanish(run, self.instances[id_], id_)
            else:
                self._lose(run, self.instances[id_], held=id_ in gone)
        return self._judge(run, seen.code, second_code)

    def begin_and_die(self, at: datetime, key: str) -> Run:
        """Add a run whose process is killed, and return it. It stays `running` until the next run or acceptance."""
        last = self.runs[-1] if self.runs else None
        run = Run(
            self._time_of(at), key, self.last_complete(), status="running", fleet=dict(last.fleet) if last else {}
        )
        self._abandon()
        self.runs.append(run)
        return run

    def _time_of(self, at: datetime) -> datetime:
        last = self.runs[-1] if self.runs else None
        return at if last is None or at > last.time else last.time + timedelta(microseconds=1)

    def _abandon(self) -> None:
        """Mark runs that are still `running` as `abandoned`: their processes have died."""
        for run in self.runs:
            if run.status == "running":
                run.status, run.code = "abandoned", "lease_lost"

    def accept(self) -> int:
        """Let all missing instances vanish, as when a person accepts the loss. Return their number."""
        self._abandon()
        missing = [(id_, each) for id_, each in self.instances.items() if each.presence == "missing"]
        for id_, each in missing:
            self._vanish(self.runs[-1], each, id_)
        return len(missing)

    def last_complete(self) -> Run | None:
        return next((run for run in reversed(self.runs) if run.complete), None)

    def last_seen(self, each: Instance) -> Run:
        if each.presence != "live":
            return each.last_seen
        complete = self.last_complete()
        return each.recorded if complete is None else max(each.recorded, complete, key=lambda run: run.time)

    def episodes(self) -> dict[tuple[str, int], list[tuple[Version, datetime]]]:
        """Return a dict from (instance id, number of the episode) to the versions of the episode, in the order of time.

        Each version is in a pair. The second value of the pair is the time until which the hours of the version count.
        """
        found: dict[tuple[str, int], list[tuple[Version, datetime]]] = {}
        for id_, each in self.instances.items():
            for version in each.versions:
                end = version.closed if version.closed_as == "changed" else version.last_seen or self.last_seen(each)
                found.setdefault((id_, version.episode), []).append((version, end.time))
        return found

    def hours(self) -> dict[tuple[str, int], tuple[int, int | None, int | None]]:
        """Return a dict from (instance id, number of the episode) to a tuple of three expected values, in microseconds.

        1. `hours_low`
        2. `gpu_hours_low`; None if the GPU count of a version is unknown
        3. `gpu_hours_high`; None also if no complete run preceded the episode, or if the episode has not ended
        """
        found = {}
        for key, versions in self.episodes().items():
            (first, _), (last, seen) = versions[0], versions[-1]
            low = [times(end - version.opened.time, gpus_of(version.fields)) for version, end in versions]
            before = first.opened.previous and first.opened.time - first.opened.previous.time
            after = last.closed and last.closed.time - seen
            high = [*low, times(before, gpus_of(first.fields)), times(after, gpus_of(last.fields))]
            found[key] = (
                (seen - first.opened.time) // MICROSECOND,
                *(None if None in parts else sum(parts) for parts in (low, high)),
            )
        return found

    def days(self) -> dict[tuple[str, str | None, str | None], tuple[int, int, int | None]]:
        """Return a dict from (day as `YYYY-MM-DD`, type, region) to the expected row of `fleet_daily`.

        A row has three numbers: instances, microseconds, and GPU microseconds (None if the type has no GPU count).
        """
        ids: dict[tuple, set] = {}
        spent: dict[tuple, int] = {}
        for (id_, _), versions in self.episodes().items():
            for version, end in versions:
                midnight = version.opened.time.replace(hour=0, minute=0, second=0, microsecond=0)
                while midnight < end or (midnight == end and version.closed_as != "changed"):
                    key = f"{midnight:%Y-%m-%d}", version.fields.get("instance_type"), version.fields.get("region")
                    ids.setdefault(key, set()).add(id_)
                    until = min(end, midnight + timedelta(days=1))
                    spent[key] = spent.get(key, 0) + (until - max(version.opened.time, midnight)) // MICROSECOND
                    midnight += timedelta(days=1)
        return {
            key: (len(ids[key]), spent[key], times(spent[key] * MICROSECOND, gpus_of({"instance_type": key[1]})))
            for key in ids
        }

    def creators(self) -> dict[str | None, tuple[int, int, int, datetime | None, datetime | None, int, int | None]]:
        """Return a dict from a creator (None if unknown) to the expected row of `creators`.

        1. the number of instances that the creator created after the first complete run
        2. the number of instances of the creator that had appeared by the first complete run
        3. the number of instances of the creator that are live now
        4. and 5. the times at which the first and the last instance counted in 1 appeared; None if there is none
        6. `hours_low` of all episodes, in microseconds
        7. `gpu_hours_low` of the episodes whose GPU counts are all known, in microseconds; None if there is none
        """
        hours = self.hours()
        groups: dict[str | None, list[tuple[str, int]]] = {}
        for key, versions in self.episodes().items():
            groups.setdefault(creator_of([version for version, _ in versions]), []).append(key)
        found = {}
        for creator, keys in groups.items():
            opened = [self.instances[id_].versions[0].opened for id_, episode in keys if episode == 1]
            created = sorted(run.time for run in opened if run.previous)
            last = [self.instances[id_] for id_, episode in keys if episode == self.instances[id_].versions[-1].episode]
            known = [hours[key][1] for key in keys if hours[key][1] is not None]
            found[creator] = (
                len(created), len(opened) - len(created), sum(each.presence == "live" for each in last),
                created[0] if created else None, created[-1] if created else None,
                sum(hours[key][0] for key in keys), sum(known) if known else None,
            )  # fmt: skip
        return found

    def _asked(self) -> list[str]:
        return [id_ for id_, each in self.instances.items() if each.presence != "vanished" and not each.held]

    def _compared_by_the_brake(self) -> str | None:
        """Return the API key of the last `succeeded` run; if there is none, of the last `held` or `partial` one.

        Return None if there is no such run either.
        """
        for statuses in (("succeeded",), ("held", "partial")):
            for run in reversed(self.runs):
                if run.status in statuses:
                    return run.key
        return None

    def _earlier_losses(self, gone: set[str], unseen: set[str]) -> list[tuple[int, int, str]]:
        """Return the losses of earlier runs. A loss is all instances that are missing since the same run.

        `unseen` are the ids that the present run has not seen: only these instances count. Only losses with an instance
        in `gone` are returned. A tuple describes one loss:

        1. the number of its instances
        2. the number of all instances that the last run before the loss saw
        3. the API key of that run

        The last run before the loss is the last one that saw an instance of the loss. Here a complete run counts as
        later than every run that was not complete.
        """
        missing = {id_: self.instances[id_] for id_ in unseen if self.instances[id_].presence == "missing"}
        found = []
        for since in {
            id(each.missing_since): each.missing_since for id_, each in missing.items() if id_ in gone
        }.values():
            lost = [each for each in missing.values() if each.missing_since is since]
            last = max((each.last_seen for each in lost), key=lambda run: (run.complete, run.time))
            found.append((len(lost), last.seen, last.key))
        return found

    def _confirm(self, run: Run, seen: Observed, found: dict, gone: set) -> str | None:
        absent = {id_ for id_ in self._asked() if id_ not in found}
        unclear = len(absent) > 200
        for id_ in () if unclear else absent:
            if id_ not in seen.by_id:
                unclear = True
            elif seen.by_id[id_] is None:
                gone.add(id_)
            else:
                found[id_] = (fields_of(seen.by_id[id_]), False)
        if not unclear:
            assert seen.second == [], "a second walk that was not needed"
            assert seen.second_code is None
        else:
            items = [item for page in seen.second for item in page]
            found |= {item["id"]: (fields_of(item), True) for item in items}
            run.pages += len(seen.second)
            run.duplicates += len(items) - len({item["id"] for item in items})
            if seen.second_code is None:
                gone |= absent
        for id_, (_, listed) in list(found.items()):
            if not listed and self.instances[id_].unlisted == 2:
                del found[id_]
                gone.add(id_)
        gone -= found.keys()
        return seen.second_code

    def _see(self, run: Run, id_: str, fields: dict, ignored: frozenset, *, listed: bool) -> None:
        each = self.instances.get(id_)
        tracked = without(fields, ignored)
        if each is None or each.presence == "vanished":
            opened_as = "appeared" if each is None else "reappeared"
            versions = [] if each is None else each.versions
            episode = versions[-1].episode + 1 if versions else 1
            versions.append(Version(run, opened_as, episode, tracked))
            run.counts[opened_as] += 1
            self.instances[id_] = Instance(fields, ignored, run, versions=versions, unlisted=0 if listed else 1)
            return
        differs = tracked != without(each.fields, ignored)
        if each.presence == "live" and each.unlisted == 0 and listed and not differs and ignored == each.ignored:
            return  # nothing to record
        open_ = each.versions[-1]
        really = without(fields, ignored | each.ignored) != without(each.fields, ignored | each.ignored)
        if really and tracked != open_.fields:
            open_.closed, open_.closed_as = run, "changed"
            each.versions.append(Version(run, "changed", open_.episode, tracked))
            run.counts["changed"] += 1
        each.fields, each.ignored, each.recorded = fields, ignored, run
        each.presence, each.held, each.missing_since = "live", False, None
        each.unlisted = 0 if listed else each.unlisted + 1

    def _vanish(self, run: Run, each: Instance, id_: str) -> None:
        since = each.missing_since or run
        if each.presence == "live":
            each.last_seen = self._last_seen_before(run, each)
        each.presence, each.held, each.missing_since, each.vanished = "vanished", False, None, since
        each.unlisted = 0
        version = each.versions[-1]
        version.closed, version.closed_as, version.last_seen = since, "vanished", each.last_seen
        since.counts["vanished"] += 1
        for later in self.runs[self.runs.index(since) :]:
            later.fleet.pop(id_, None)

    def _lose(self, run: Run, each: Instance, *, held: bool) -> None:
        if each.presence == "live":
            each.last_seen = self._last_seen_before(run, each)
            each.missing_since = run
        each.presence, each.held, each.unlisted = "missing", held, 0

    def _last_seen_before(self, run: Run, each: Instance) -> Run:
        return each.recorded if run.previous is None else max(each.recorded, run.previous, key=lambda one: one.time)

    def _judge(self, run: Run, code: str | None, second_code: str | None) -> Run:
        missing = [each for each in self.instances.values() if each.presence == "missing"]
        run.missing = len(missing)
        run.code = code
        if not run.complete:
            run.status = "partial"
        elif any(each.held for each in missing):
            run.status, run.code = "held", "mass_vanish"
        else:
            run.status, run.code = "succeeded", second_code
        run.fleet = {
            id_: columns_of(each.versions[-1].fields)
            for id_, each in self.instances.items()
            if each.presence != "vanished"
        }
        if run.complete and not missing:
            run.digest = digest_of(run.fleet)
        return run


def gpus_of(fields: dict[str, Any]) -> int | None:
    """Return the number n if the type is `gpu_<n>x_...`, else None."""
    found = re.match("gpu_([0-9]+)x_", fields.get("instance_type") or "")
    return int(found[1]) if found else None


def creator_of(versions: list[Version]) -> str | None:
    """Return the creator of an episode with these versions: the first creator that fal sent; None if fal sent none."""
    return next(filter(None, (version.fields.get("creator_user_nickname") for version in versions)), None)


def times(duration: timedelta | None, count: int | None) -> int | None:
    """Return the microseconds of a duration, multiplied by a count; None if one of the two is None."""
    return None if duration is None or count is None else duration // MICROSECOND * count


def fields_of(item: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an item without `id`, and without those that are null or an empty text."""
    return {name: value for name, value in item.items() if name != "id" and value is not None and value != ""}


def without(fields: dict[str, Any], names: frozenset) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def columns_of(fields: dict[str, Any]) -> tuple:
    """Return the columns of a version: the fields of KNOWN in their order, and `extra` as text. None is null."""
    extra = {name: value for name, value in fields.items() if name not in KNOWN}
    text = json.dumps(extra, sort_keys=True, ensure_ascii=False, separators=(",", ":")) if extra else None
    return (*(fields.get(name) for name in KNOWN), text)


def digest_of(fleet: dict[str, tuple]) -> str:
    """Return the fleet digest (hex) that docs/meanings.md defines. `fleet` has the form of `Run.fleet`."""
    parts = [
        id_.encode() + b"\0" + hashlib.sha256("\0".join(value or "" for value in columns).encode()).digest()
        for id_, columns in sorted(fleet.items())
    ]
    return hashlib.sha256(b"".join(parts)).hexdigest()
