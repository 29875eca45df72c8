"""Where models come from. Each module imports its framework inside functions."""
