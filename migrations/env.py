"""Runs the migrations on the connection it is handed, or, under the `alembic` command, on INVENTORY_DATABASE_URL.

No fileConfig here: it would silence the program's loggers.
"""

from alembic import context

from inventory.store import schema, schema_docs
from inventory.store.tables import METADATA


def run(connection):
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,
        include_object=schema.include_object,
        autogenerate_plugins=schema.AUTOGENERATE,
        render_item=schema.render_item,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        migrations = context.get_context()
        before = migrations.get_current_heads()
        context.run_migrations()
        after = migrations.get_current_heads()
        # only when something was migrated: a reader may not comment, and `alembic current` passes here too
        if connection.dialect.name == "postgresql" and before != after == (schema.HEAD,):
            connection.exec_driver_sql(";\n".join(schema_docs.comments()))


handed = context.config.attributes.get("connection")
if handed is not None:
    run(handed)
else:
    from inventory.config.settings import database_url
    from inventory.store.database import connect, parse_url

    with schema.migrating(connect(parse_url(database_url()), create=True)) as connection:
        run(connection)
