"""Alerts that are worth reading: one incident for each cause, told once to whoever should know, and closed.

`incidents.py` knows when a cause becomes an incident and when somebody is told, `store.py` keeps incidents, messages
and their history, `outbox.py` sees to it that messages arrive, `channels.py` how each channel wants them. `watch.py`
puts these together. Not here: what is found wrong (`monitoring`, `quality`), and when anything runs (`automation`).
"""
