"""A receiver of alerts: a server on loopback that keeps what is posted."""

import json
import queue
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """A server that puts each posted alert, parsed from JSON, into the queue `posts`.

    It takes the first status out of `statuses` and answers with it. If `statuses` is empty, it answers with 200. While
    `answering` is not set, it delays the answer, for 60 seconds at most.
    """

    def __init__(self):
        self.posts = queue.Queue()
        self.statuses = []
        self.answering = threading.Event()
        self.answering.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.posts.put(body)
                receiver.answering.wait(60)
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a client may have closed the connection
        self.url = f"json://127.0.0.1:{self.server.server_port}/very-secret-token"

    def take_posts(self):
        """Return a list of (type, title, list of the lines of the message), one for each post since the last call."""
        found = []
        while not self.posts.empty():
            post = self.posts.get()
            found.append((post["type"], post["title"], post["message"].splitlines()))
        return found


@contextmanager
def receiving():
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.answering.set()
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()
