"""Keeping an installation alive: what is wrong with it, backups, logs. Not here: what the platform does."""
