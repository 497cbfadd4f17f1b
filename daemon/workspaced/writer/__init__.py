"""The writer: the actor that owns the store, and a write on its way through it."""
