"""What must not decide about a person: the protected attributes, and every mart column computed from one.

They stay in the splits, so that decisions can be audited by them, and out of the feature schema. Not here: the audit.
"""

from collections.abc import Collection

from credit_platform.mart.build import mart_columns


def protected_columns(attributes: Collection[str]) -> frozenset[str]:
    """The mart's columns that depend on a protected attribute, by lineage, whatever table tells it.

    An earlier application says of the same person who came along as well as the present one does.
    """
    return frozenset(
        column.name
        for column in mart_columns()
        if any(source.partition(".")[2] in attributes for source in column.sources)
    )
