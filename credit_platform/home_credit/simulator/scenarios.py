"""What happens to the lender and its clients: the conditions under which a month's applications are drawn.

A scenario turns "months since the change" into `Conditions`. Here belongs what differs between months; what all
months share is in the SQL files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from credit_platform.home_credit.contracts import table


@dataclass(frozen=True)
class Conditions:
    """What a month's applications are drawn under; the defaults are those of the public training data.

    Shifts are in standard deviations of the client's trait. `income_unit` divides the delivered amounts only, and
    `ext_source_3_delivered` and `new_category_share` likewise change what is delivered but not what comes true.
    """

    age_shift: float = 0.0
    debt_shift: float = 0.0
    income_factor: float = 1.0
    log_odds_shift: float = 0.0
    amount_shift: float = 0.0
    revolving_share: float = table("application").columns["NAME_CONTRACT_TYPE"].categories["Revolving loans"]
    email_share: float = table("application").columns["FLAG_EMAIL"].mean or 0.0
    phone_shift: float = 0.0
    enquiries_month_shift: float = 0.0
    enquiries_quarter_shift: float = 0.0
    ext_source_3_shift: float = 0.0
    history_factor: float = 1.0
    balance_coverage: float = 0.365
    income_unit: float = 1.0
    ext_source_3_delivered: float = 1.0
    new_category_share: float = 0.0


STABLE = Conditions()


KAGGLE_TEST = replace(
    STABLE,
    amount_shift=-0.34,
    revolving_share=0.0085,
    email_share=0.154,
    phone_shift=0.105,
    enquiries_month_shift=-1.8,
    enquiries_quarter_shift=0.42,
    ext_source_3_shift=-0.07,
    history_factor=1.1,
    balance_coverage=1.0,
)
"""How the public test data differ from the training data: in effect, a later time."""

_SUDDEN: Mapping[str, Conditions] = {
    "stable": STABLE,
    "shock": replace(STABLE, income_factor=0.8, log_odds_shift=0.7),
    "broken-feed": replace(STABLE, income_unit=1000.0, ext_source_3_delivered=0.0),
    "new-category": replace(STABLE, new_category_share=0.03),
}

SCENARIOS: Mapping[str, str] = {
    "stable": "every month like the one before",
    "gradual": "clients grow older and deeper in debt, more each month, and defaults rise with it",
    "shock": "a recession: from one month to the next incomes fall and defaults rise",
    "broken-feed": "EXT_SOURCE_3 stops arriving and AMT_INCOME_TOTAL comes in thousands; the clients are the same",
    "new-category": "3 % of the clients have a NAME_INCOME_TYPE and ORGANIZATION_TYPE never seen before",
    "kaggle": "one folder in Kaggle's own layout, with the public data's differences between train and test",
}
"""The scenarios by name, each described in a line."""


def conditions(scenario: str, months_since_change: int) -> Conditions:
    """The conditions of a month; those before the change, whose months are negative, are the stable ones."""
    if months_since_change < 0:
        return STABLE
    if scenario == "gradual":
        months = months_since_change + 1
        return replace(STABLE, age_shift=0.12 * months, debt_shift=0.28 * months, log_odds_shift=0.06 * months)
    return _SUDDEN[scenario]
