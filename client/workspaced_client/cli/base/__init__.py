"""The parts that commands share: options, arguments, the connection, output, failures. No commands."""
