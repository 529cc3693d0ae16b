"""A proxy in front of PostgreSQL that loses the answer to one COMMIT, as can happen at a failover."""

import select
import socket
from contextlib import contextmanager

from sqlalchemy.engine import make_url

from support.listening import listening


class Proxy:
    """A proxy for sessions with the server at `address`, a path or a pair of host and port.

    While `armed` is true, the proxy waits for a session that sends the bytes `after` and then COMMIT. It drops the
    server's answer to this COMMIT, closes the session and sets `armed` to false. If `stays_down` is true, the proxy
    closes each later session at once.
    """

    def __init__(self, address, after):
        self.address = address
        self.after = after
        self.armed = self.stays_down = self.down = False

    def serve(self, client):
        """Forward the bytes of one session in both directions."""
        if self.down:
            return
        sent = losing = False
        with socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET) as server:
            server.connect(self.address)
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is client:
                        sent = self.armed and (sent or self.after in data)
                        losing = sent and b"COMMIT\0" in data
                        server.sendall(data)
                    elif losing:
                        self.armed, self.down = False, self.stays_down
                        return
                    else:
                        client.sendall(data)


@contextmanager
def lost_answer(url, after):
    """Yield a Proxy in front of the server of `url`, and the URL of the database for clients that go through the Proxy.

    `after` is described at Proxy.
    """
    given = make_url(url)
    host = given.host or given.query["host"]
    behind = given.port or int(given.query.get("port", 5432))
    proxy = Proxy(f"{host}/.s.PGSQL.{behind}" if host.startswith("/") else (host, behind), after)
    query = {name: value for name, value in given.query.items() if name not in {"host", "port"}}
    with listening(proxy.serve) as port:
        yield proxy, given.set(host="127.0.0.1", port=port, query=query).render_as_string(hide_password=False)
