"""Heat maps and how they are drawn over a crop."""
