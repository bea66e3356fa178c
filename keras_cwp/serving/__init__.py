"""SavedModel bundles, a server and a client."""
