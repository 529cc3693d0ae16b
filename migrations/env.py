"""Run the migrations on the connection that the program puts into Alembic's configuration.

The command `alembic` puts no connection there. Then the migrations run on the configured database
(INVENTORY_DATABASE_URL). In other projects this file calls `fileConfig`. Here it does not, because that would silence
the loggers of the program.
"""

from alembic import context

from inventory.store import schema, schema_docs
from inventory.store.tables import complete


def run(connection):
    context.configure(
        connection=connection,
        target_metadata=complete(),
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
        # Only after a migration, because `alembic current` runs this function too, and a role that may only read is not
        # allowed to set comments.
        if connection.dialect.name == "postgresql" and before != after == (schema.HEAD,):
            connection.exec_driver_sql(";\n".join(schema_docs.comments()))


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    from inventory.config.database_url import parse_url
    from inventory.config.settings import database_url
    from inventory.store.database import connect

    with schema.migrating(connect(parse_url(database_url()), create=True)) as connection:
        run(connection)
