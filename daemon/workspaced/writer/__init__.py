"""The writer: the actor that owns the store, and its pending writes."""
