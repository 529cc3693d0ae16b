"""A server on loopback that calls a function of the test for each client, in a thread."""

import socket
import threading
from contextlib import closing, contextmanager, suppress


@contextmanager
def listening(serve):
    """Listen on a port of loopback, and yield the number of the port. Call `serve(client)` in a thread for each client.

    `client` is the connected socket. An OSError of `serve` is ignored: the client may close the connection at any time.
    """

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
