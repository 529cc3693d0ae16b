"""A fleet in memory, arranged by hand."""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from inventory.errors import UsageError
from inventory.simulator.exchange import dump


class Fleet:
    """Instances in the order in which the API lists them. Every method may be called from any thread."""

    def __init__(self, instances: Iterable[Mapping[str, Any]] = ()) -> None:
        """The fleet holds these instances, in this order."""
        self.revision = 0
        self._lock = threading.RLock()
        self._encoded: dict[str, bytes] = {}
        self._hidden: set[str] = set()
        self._listed: list[bytes] | None = None
        for instance in instances:
            self.put(instance)

    def put(self, instance: Mapping[str, Any]) -> None:
        """The instance is there, in the place of the one with its id or at the end. UsageError without a text id."""
        if not isinstance(instance.get("id"), str):
            raise UsageError("An instance of the simulator needs an id; Rewrite sends items without one.")
        with self._changing():
            self._encoded[instance["id"]] = dump(dict(instance))

    def remove(self, instance_id: str) -> None:
        """The instance is gone: not listed, and 404 by its id. KeyError where it was not there."""
        with self._changing():
            del self._encoded[instance_id]
            self._hidden.discard(instance_id)

    def hide(self, instance_id: str) -> None:
        """The list lacks the instance, though it is there by its id. KeyError where it is not there."""
        with self._changing():
            self._encoded[instance_id]
            self._hidden.add(instance_id)

    def unhide(self, instance_id: str) -> None:
        """The list holds the instance again."""
        with self._changing():
            self._hidden.discard(instance_id)

    def clear(self) -> None:
        """The fleet is empty."""
        with self._changing():
            self._encoded.clear()
            self._hidden.clear()

    def listing(self) -> list[dict[str, Any]]:
        """The instances as the API lists them, in order, hidden ones left out; the caller's own copies."""
        with self._lock:
            listed = self._list()
        return [json.loads(item) for item in listed]

    def get(self, instance_id: str) -> dict[str, Any] | None:
        """The instance with this id, hidden or not, as a copy; None where there is none."""
        item = self.encoded(instance_id)
        return None if item is None else json.loads(item)

    def encoded(self, instance_id: str) -> bytes | None:
        """The same as JSON."""
        with self._lock:
            return self._encoded.get(instance_id)

    def page(self, number: int, size: int) -> tuple[list[bytes], bool]:
        """The instances of that page, from 1, each as JSON, and whether there are more after it."""
        with self._lock:
            listed = self._list()
            return listed[(number - 1) * size : number * size], len(listed) > number * size

    def __len__(self) -> int:
        """How many instances there are, hidden ones included."""
        return len(self._encoded)

    def _list(self) -> list[bytes]:
        # Every page of a walk comes from one such list while nothing changes: 100,000 instances in a millisecond.
        if self._listed is None:
            hidden = self._hidden
            self._listed = [item for id_, item in self._encoded.items() if id_ not in hidden]
        return self._listed

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            yield
            self.revision += 1
            self._listed = None
