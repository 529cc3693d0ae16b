"""The database: engine, tables, catalogue of relations, bulk statements, schema."""
