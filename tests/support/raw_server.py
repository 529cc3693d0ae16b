"""A server that answers with exactly the given bytes."""

from contextlib import contextmanager

from support.listening import listening


@contextmanager
def raw(answer):
    """Start a server that answers each request with the bytes `answer` and then closes the connection.

    Yield the URL of an API on this server, and the growing list of the requests, as bytes.
    """
    requests = []

    def serve(client):
        if received := client.recv(65_536):
            requests.append(received)
            client.sendall(answer)

    with listening(serve) as port:
        yield f"http://127.0.0.1:{port}/v1", requests
