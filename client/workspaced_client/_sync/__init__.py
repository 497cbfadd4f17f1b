"""The blocking client; `client/unasync.py` makes most of it from `_async`."""
