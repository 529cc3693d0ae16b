"""A fleet in memory that changes only by calls of its methods."""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from inventory.errors import UsageError
from inventory.simulator.exchange import dump


class Fleet:
    """A fleet: instances in the order in which the API lists them. Thread-safe. `revision` grows with each change."""

    def __init__(self, instances: Iterable[Mapping[str, Any]] = ()) -> None:
        self.revision = 0
        self._lock = threading.RLock()
        self._encoded: dict[str, bytes] = {}
        self._hidden: set[str] = set()
        self._listed: list[bytes] | None = None
        for instance in instances:
            self.put(instance)

    def put(self, instance: Mapping[str, Any]) -> None:
        """Add an instance at the end of the list, or replace the instance with the same id, at the same position.

        Raise UsageError if the id is not a text.
        """
        if not isinstance(instance.get("id"), str):
            raise UsageError("The id of an instance of the simulator must be a text. Rewrite sends items without one.")
        with self._changing():
            self._encoded[instance["id"]] = dump(dict(instance))

    def remove(self, instance_id: str) -> None:
        """Remove an instance from the list; a request by its id gets a 404. Raise KeyError if it does not exist."""
        with self._changing():
            del self._encoded[instance_id]
            self._hidden.discard(instance_id)

    def hide(self, instance_id: str) -> None:
        """Leave an instance out of the list; requests by its id still find it. Raise KeyError if it does not exist."""
        with self._changing():
            self._encoded[instance_id]
            self._hidden.add(instance_id)

    def unhide(self, instance_id: str) -> None:
        """List a hidden instance again."""
        with self._changing():
            self._hidden.discard(instance_id)

    def clear(self) -> None:
        """Remove every instance."""
        with self._changing():
            self._encoded.clear()
            self._hidden.clear()

    def listing(self) -> list[dict[str, Any]]:
        """Return copies of the instances that the API lists, in order; hidden ones are left out."""
        with self._lock:
            listed = self._list()
        return [json.loads(item) for item in listed]

    def get(self, instance_id: str) -> dict[str, Any] | None:
        """Return a copy of the instance with this id, hidden or not; None if there is none."""
        item = self.encoded(instance_id)
        return None if item is None else json.loads(item)

    def encoded(self, instance_id: str) -> bytes | None:
        """Return the instance with this id, hidden or not, as JSON; None if there is none."""
        with self._lock:
            return self._encoded.get(instance_id)

    def page(self, number: int, size: int) -> tuple[list[bytes], bool]:
        """Return the instances on page `number` of the list, each as JSON, and whether another page follows.

        Pages count from 1.
        """
        with self._lock:
            listed = self._list()
            return listed[(number - 1) * size : number * size], len(listed) > number * size

    def __len__(self) -> int:
        # hidden instances count too
        return len(self._encoded)

    def _list(self) -> list[bytes]:
        # cached until the next change, so that a page of a fleet of 100,000 instances costs little
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
