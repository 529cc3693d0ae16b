"""Made-up certificate authorities, and proxies: what a company's network puts between `inventory` and the API."""

import ipaddress
import socket
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.listening import listening

DAY = timedelta(days=1)


class Authority:
    """A certificate authority. `file` is the path of the authority's own certificate (PEM), in `folder`."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, folder.name)])
        own = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None), 2 * DAY)
        self.file = folder / "authority.pem"
        self.file.write_bytes(own.public_bytes(Encoding.PEM))

    def issue(self, address, *, valid=DAY):
        """Write a new private key and a certificate for an IP address into a PEM file, and return its path.

        `valid` is the time from now until the certificate expires. If it is negative, the certificate has expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, address)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        file = self._folder / f"{address}-{valid.days}.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + self._signed(name, key, names, valid).public_bytes(Encoding.PEM)
        )
        return file

    def _signed(self, name, key, extension, valid):
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * DAY)
            .not_valid_after(now + valid)
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(self._key, hashes.SHA256())
        )


@contextmanager
def tunnel(to):
    """Run an HTTP proxy on loopback; yield its port and the growing list of the request lines that it received.

    The proxy connects each client to port `to` on loopback, whatever address the client's CONNECT names.
    """
    asked = []

    def serve(client):
        head = b""
        while b"\r\n\r\n" not in head and (data := client.recv(65_536)):
            head += data
        asked.append(head.partition(b"\r\n")[0].decode())
        _join(client, to, b"HTTP/1.1 200 Connected\r\n\r\n")

    with listening(serve) as port:
        yield port, asked


@contextmanager
def socks(to=None, *, login=None, reply=0):
    """Run a SOCKS5 proxy on loopback; yield its port and the growing list of the addresses that it was asked for.

    An address in the list is a text such as `example.com:443`. The proxy answers each request for a connection with the
    code `reply`. If the code is 0, which means success, the proxy connects the client to port `to` on loopback. `login`
    is a pair of bytes, a name and a password. If it is given, each client must send the same pair.
    """
    asked = []

    def serve(client):
        def read(length):
            return client.recv(length, socket.MSG_WAITALL)

        methods, method = read(read(2)[1]), 0 if login is None else 2
        client.sendall(bytes((5, method if method in methods else 0xFF)))
        if method not in methods:
            return
        if login is not None:
            read(1)
            is_right = (read(read(1)[0]), read(read(1)[0])) == login
            client.sendall(bytes((1, not is_right)))
            if not is_right:
                return
        is_name = read(4)[3] == 3
        host = read(read(1)[0]).decode() if is_name else socket.inet_ntoa(read(4))
        asked.append(f"{host}:{int.from_bytes(read(2))}")
        answer = bytes((5, reply, 0, 1)) + bytes(6)
        if reply:
            client.sendall(answer)
        else:
            _join(client, to, answer)

    with listening(serve) as port:
        yield port, asked


def _join(client, to, greeting):
    """Connect to port `to` on loopback, send `greeting` to the client, and then copy all bytes in both directions."""

    def copy(source, target):
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    with socket.create_connection(("127.0.0.1", to)) as server:
        client.sendall(greeting)
        back = threading.Thread(target=copy, args=(server, client), daemon=True)
        back.start()
        copy(client, server)
        back.join(30)
