"""`inventory run`: the schedule, and the observers of runs: metrics, alerts, checkpoints and daily files."""
