"""The schedule of `inventory run`, and the observers of runs: metrics, alerts, checkpoints and daily files."""
