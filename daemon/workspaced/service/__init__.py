"""The operations: what each method of the table does."""
