"""The settings: their model, their text for people, and reloading."""
