"""The operations: the handlers of the method table."""
