"""What must not decide is kept from the model wherever the mart tells it."""

from credit_platform.explain.reason_table import families, family_of
from credit_platform.features.protected import protected_columns
from credit_platform.mart.build import CLIENT_KEY, mart_columns
from credit_platform.settings import Settings

DEFAULT = Settings.model_fields["protected_attributes"].default


def test_what_may_never_be_a_reason_does_not_decide_either() -> None:
    silent = {family.code for family in families() if family.protected}
    never_told = {column.name for column in mart_columns() if column.name != CLIENT_KEY and family_of(column) in silent}
    assert never_told == protected_columns(DEFAULT)


def test_an_attribute_is_protected_in_every_table_that_tells_it() -> None:
    found = protected_columns(["NAME_TYPE_SUITE"])
    assert {"NAME_TYPE_SUITE", "PREV_NAME_TYPE_SUITE_SPOUSE_PARTNER_SHARE"} <= found
    assert protected_columns([]) == frozenset()
