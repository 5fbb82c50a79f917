-- Monthly balances of earlier credit cards, one row per client.
--
-- Drawings are missing, not 0, in months without any: averages over them speak of the months with a record. A card's
-- latest month tells how far it is used now.
with

latest_months as (
    select SK_ID_PREV, SK_ID_CURR, max(MONTHS_BALANCE) as LATEST_MONTH
    from credit_card_balance
    group by SK_ID_PREV, SK_ID_CURR
),

months as (
    select
        credit_card_balance.*,
        SK_DPD > 0 as IS_LATE,
        SK_DPD_DEF > 0 as IS_LATE_DEF,
        MONTHS_BALANCE >= -12 as IS_LAST_YEAR,
        MONTHS_BALANCE = LATEST_MONTH as IS_LATEST,
        AMT_BALANCE / nullif(AMT_CREDIT_LIMIT_ACTUAL, 0) as UTILISATION,
        AMT_PAYMENT_CURRENT / nullif(AMT_INST_MIN_REGULARITY, 0) as PAYMENT_TO_MINIMUM,
        AMT_DRAWINGS_CURRENT / nullif(AMT_CREDIT_LIMIT_ACTUAL, 0) as DRAWINGS_TO_LIMIT,
        -- @codes
    from credit_card_balance
    join latest_months using (SK_ID_PREV, SK_ID_CURR)
)

select
    SK_ID_CURR,
    -- @columns
from months
group by SK_ID_CURR
