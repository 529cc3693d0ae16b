"""Name the person who acts, as far as the operating system and the database know."""

import os
import pwd
import socket

from sqlalchemy.engine import Connection

from inventory.store import database


def describe_actor(connection: Connection) -> str:
    """Return a text with the user, uid and host of this process, and on PostgreSQL also the user of the session.

    The user is the name of the effective uid in the password database. No environment variable changes it. The text is
    a claim, not a proof: an administrator of the host can forge it.
    """
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run as a uid without a name
        name = "unknown"
    actor = f"{name} (uid {uid}) on {socket.gethostname()}"
    if database.is_sqlite(connection):
        return actor
    return f"{actor}, PostgreSQL user {connection.exec_driver_sql('SELECT session_user').scalar_one()}"
