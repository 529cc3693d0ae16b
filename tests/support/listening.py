"""A server on loopback that serves each of its clients in a thread, by a function of the caller."""

import socket
import threading
from contextlib import closing, contextmanager, suppress


@contextmanager
def listening(serve):
    """Listen on a port of loopback, and yield its number. Call `serve(client)` in a thread for each client."""

    def run(client):
        with client, suppress(OSError):
            serve(client)

    def listen(listener):
        with suppress(OSError):
            while True:
                threading.Thread(target=run, args=(listener.accept()[0],), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
