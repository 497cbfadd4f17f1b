"""The async client, under trio and asyncio (by anyio); `client/unasync.py` makes most of `_sync` from it."""
