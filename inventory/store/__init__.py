"""The database: engines and transactions, tables and their catalogue, bulk statements, migrations, grants."""
