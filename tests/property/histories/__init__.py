"""Random histories: events, policies, campaigns, crashes."""
