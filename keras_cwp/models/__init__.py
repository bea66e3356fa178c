"""The network family: a table of architectures and the builders that read it."""
