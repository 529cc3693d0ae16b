"""A proxy before PostgreSQL that loses the answer to one COMMIT, as a failover or the restart of a pooler may."""

import select
import socket
import threading
from contextlib import closing, contextmanager

from sqlalchemy.engine import make_url


class Proxy:
    """A proxy for sessions with the server at `address`, a path or a pair of host and port.

    While `armed`, it drops the server's answer to the next COMMIT of a session that has sent `after`, and closes that
    session. Then `armed` is false. If `stays_down`, it accepts no session after that.
    """

    def __init__(self, address, after):
        self.address = address
        self.after = after
        self.armed = self.stays_down = self.down = False
        self.server = socket.create_server(("127.0.0.1", 0))

    def serve(self):
        """Accept sessions until the server's socket is closed. Each is served in a thread of its own."""
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            if self.down:
                client.close()
                continue
            family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
            server = socket.socket(family)
            server.connect(self.address)
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client, server):
        sent = losing = False
        with closing(client), closing(server):
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
    """Yield a Proxy before the server of `url`, and the URL by which clients reach the database through it."""
    given = make_url(url)
    host = given.host or given.query["host"]
    port = given.port or int(given.query.get("port", 5432))
    proxy = Proxy(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port), after)
    query = {name: value for name, value in given.query.items() if name not in {"host", "port"}}
    through = given.set(host="127.0.0.1", port=proxy.server.getsockname()[1], query=query)
    threading.Thread(target=proxy.serve, daemon=True).start()
    with closing(proxy.server):
        yield proxy, through.render_as_string(hide_password=False)
