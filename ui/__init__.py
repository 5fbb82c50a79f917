"""The desk: what analysts, risk managers and data scientists work with. It asks the API for everything.

Nothing of credit_platform or serving is imported from here, so that the desk runs wherever the API can be reached.
"""
