"""The server: a Unix socket, its connections, and the way from a line to a method and back."""
