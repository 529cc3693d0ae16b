"""The sync that SQLAlchemy's tutorial leads to: `Session.merge` of each instance, then a delete of the absent ones.

python orm_merge.py API_URL PAGE_SIZE DATABASE. DATABASE is the path of a SQLite file, or a postgresql:// URL.
"""

import sys

from sqlalchemy import create_engine, delete, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from pages import COLUMNS, walk


class Base(DeclarativeBase):
    """The base class of the tables."""


class Instance(Base):
    """A row of the table `fleet`: one instance."""

    __tablename__ = "fleet"
    id: Mapped[str] = mapped_column(primary_key=True)
    instance_type: Mapped[str | None]
    region: Mapped[str | None]
    sector: Mapped[str | None]
    ip: Mapped[str | None]
    status: Mapped[str | None]
    creator_user_nickname: Mapped[str | None]


def main(url: str, page: str, target: str) -> None:
    """Make the table `fleet` equal to the list."""
    pg = target.startswith("postgresql")
    engine = create_engine(target.replace("postgresql:", "postgresql+psycopg:", 1) if pg else f"sqlite:///{target}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        listed = set()
        for items in walk(url, int(page)):
            for item in items:
                session.merge(Instance(**{name: item.get(name) for name in COLUMNS}))
                listed.add(item["id"])
        for id_ in set(session.scalars(select(Instance.id))) - listed:
            session.execute(delete(Instance).where(Instance.id == id_))
        session.commit()


if __name__ == "__main__":
    main(*sys.argv[1:])
