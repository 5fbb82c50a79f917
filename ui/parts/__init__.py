"""Pieces of the client pages, each given a visit and what it shows."""
