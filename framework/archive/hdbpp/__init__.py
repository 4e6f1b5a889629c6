"""The facility's store: PostgreSQL in the HDB++ schema, behind the SQLite buffer; docs/explanation/decisions/0019."""
