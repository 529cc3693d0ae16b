"""`inventory run`: the schedule, and the metrics and alerts that report each run."""
