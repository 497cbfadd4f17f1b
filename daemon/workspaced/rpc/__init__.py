"""The JSON-RPC server: the Unix socket, its connections, and the dispatch of requests."""
