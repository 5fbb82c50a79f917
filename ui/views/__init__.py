"""The pages of the desk, a module for each; `show` puts a page together for a visit.

The folder is not called pages, because Streamlit would run what lies in a folder of that name by itself.
"""
