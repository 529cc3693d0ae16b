"""Faults of the simulator that only tests need."""

import threading


class Gate:
    """A fault that delays the response until the test sets `opened`. It sets `reached` when a request waits."""

    def __init__(self):
        self.reached = threading.Event()
        self.opened = threading.Event()

    def play(self, exchange, answer):
        self.reached.set()
        while not self.opened.is_set():
            exchange.wait(0.02)
        exchange.reply(answer())


class StopAtWait(threading.Event):
    """A fault that plays another one, without its waits, and breaks off at a wait as if the simulator stopped there.

    `number` is the number of that wait, from 1. `waits` are the seconds of all waits up to it.
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
