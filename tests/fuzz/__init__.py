"""Coverage-guided fuzzing of what reads bytes from others: `make fuzz`."""
