"""One file a command: parse, call, echo."""
