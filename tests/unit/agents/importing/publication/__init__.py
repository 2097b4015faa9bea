"""What an import publishes and reports, and what the ledger knows already."""
