"""Export the history as Parquet or CSV files, keep them up to date, and prove them from the files alone."""
