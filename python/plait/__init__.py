"""Plait: models to machines that ordinary compilers do not reach."""
