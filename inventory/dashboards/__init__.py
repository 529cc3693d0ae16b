"""Dashboards to import into BI tools: what their charts ask, and the form of each tool."""
