"""A bundle of evidence about a period, which an auditor can read and check without this program."""
