"""Made-up certificate authorities, and an HTTP proxy: what a company's network puts between `inventory` and the API."""

import ipaddress
import socket
import threading
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

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
        """Return the path of a PEM file with a new private key and the certificate of an IP address.

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

    It connects each client to port `to` on loopback, whatever address the client's CONNECT names.
    """
    asked = []

    def copy(source, target):
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve(client):
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (data := client.recv(65_536)):
                head += data
            asked.append(head.partition(b"\r\n")[0].decode())
            with socket.create_connection(("127.0.0.1", to)) as server:
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                back = threading.Thread(target=copy, args=(server, client), daemon=True)
                back.start()
                copy(client, server)
                back.join(30)

    def listen(listener):
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1], asked
        listener.shutdown(socket.SHUT_RDWR)
