"""The database: engines, transactions, tables, the meanings of their columns, bulk statements, grants, migrations."""
