"""The settings, the API keys and the schedules, and where the value of each setting came from."""
