"""A server that answers with exactly the given bytes."""

import socket
import threading
from contextlib import closing, contextmanager, suppress


@contextmanager
def raw(answer):
    """Start a server that answers each request with the bytes `answer` and then closes the connection.

    Yield its URL, and the growing list of the requests, as bytes.
    """
    requests = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):  # the client may reset the connection before it has read all
                    if received := connection.recv(65_536):
                        requests.append(received)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", requests
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(30)
