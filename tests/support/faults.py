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
