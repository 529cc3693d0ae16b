"""The database: engines, transactions, tables, the catalogue of their meanings, bulk statements, migrations, grants."""
