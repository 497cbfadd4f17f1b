"""The settings: their model, their text for people, and how a running daemon takes changes over."""
