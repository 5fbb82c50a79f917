-- Monthly balances of earlier point-of-sale and cash loans, one row per client.
--
-- Loans that stay active with nothing left to pay collect days past due for years; SK_DPD_DEF, which forgives small
-- debts, is mostly 0 there, so lateness is measured by both. A loan's latest month tells what is left of it.
with

latest_months as (
    select SK_ID_PREV, SK_ID_CURR, max(MONTHS_BALANCE) as LATEST_MONTH
    from pos_cash_balance
    group by SK_ID_PREV, SK_ID_CURR
),

months as (
    select
        pos_cash_balance.*,
        SK_DPD > 0 as IS_LATE,
        SK_DPD_DEF > 0 as IS_LATE_DEF,
        MONTHS_BALANCE >= -12 as IS_LAST_YEAR,
        MONTHS_BALANCE = LATEST_MONTH as IS_LATEST,
        CNT_INSTALMENT_FUTURE / nullif(CNT_INSTALMENT, 0) as FUTURE_SHARE,
        -- @codes
    from pos_cash_balance
    join latest_months using (SK_ID_PREV, SK_ID_CURR)
)

select
    SK_ID_CURR,
    -- @columns
from months
group by SK_ID_CURR
