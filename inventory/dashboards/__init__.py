"""Dashboards for BI tools: the charts with their queries, and the files that Grafana and Superset import."""
