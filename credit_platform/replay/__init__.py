"""The whole loop on simulated time: months land one after another, are scored and watched, and the model is renewed.

`lender.py` is one month's work by the platform's own functions, in this process and without an orchestrator; `play.py`
lets the months pass and keeps what happened; `page.py` draws it. Not here: what a month is like
(`home_credit/simulator`), and every decision, which is the platform's own.
"""
