"""Export the history as Parquet or CSV files, update an export, and check one in Parquet without the database."""
