"""Stand-ins for the vendor package, for use with plait cs-python only."""
