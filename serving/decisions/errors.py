"""What can go wrong with the decision log, as its callers tell it apart."""


class DecisionLogError(Exception):
    """The log can't be opened, written or read. Without a record there is no decision. Holds no personal data."""


class DecisionLogBusyError(DecisionLogError):
    """More records wait than the log can write soon; nothing was recorded, trying again in a moment is right."""


class UnknownDecisionError(LookupError):
    """The log holds no such decision."""


class ErasedError(LookupError):
    """The decision is on record, but what it was made from was erased."""
