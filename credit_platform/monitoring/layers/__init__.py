"""What monitoring judges, a module for each layer: a function from an observed cohort to findings, good and bad.

`LAYERS` in `findings.py` has their order, `judging.py` what explains what.
"""
