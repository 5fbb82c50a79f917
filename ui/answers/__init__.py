"""What the API answers, as far as the desk reads it, and the calls that ask for it: a module for each group of pages.

Fields that a page does not use are left out. Not here: how requests travel (`ui/api.py`), and anything that is shown.
"""
