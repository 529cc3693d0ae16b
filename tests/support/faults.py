"""Faults of the simulator that only tests need."""

import threading


class Gate:
    """A fault that delays the response until the test sets `opened`. The fault sets `reached` when a request waits."""

    def __init__(self):
        self.reached = threading.Event()
        self.opened = threading.Event()

    def play(self, exchange, answer):
        self.reached.set()
        while not self.opened.is_set():
            exchange.wait(0.02)
        exchange.reply(answer())


class StopAtWait(threading.Event):
    """A fault that plays another fault, `fault`, but does not really wait.

    Each wait of `fault` ends at once. The wait with the number `number`, counted from 1, ends as if the simulator was
    stopped. `waits` is a list of the seconds that `fault` wanted to wait.
    """

    def __init__(self, fault, number):
        super().__init__()
        self.fault = fault
        self.number = number
        self.waits = []

    def play(self, exchange, answer):
        exchange.stopping = self
        self.fault.play(exchange, answer)

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return len(self.waits) == self.number
