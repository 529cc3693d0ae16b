"""Settings, schedules and where a value came from."""
