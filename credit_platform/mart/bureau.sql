-- Credits at other lenders, one row per client.
--
-- AMT_CREDIT_SUM_DEBT is missing for one credit in seven, so ratios of debt to credit leave those credits out of both
-- sides. Open-ended lines carry an end date decades ahead; it is kept, trees split it off by themselves.
with

credits as (
    select
        bureau.*,
        balance.* exclude (SK_ID_BUREAU),
        CREDIT_ACTIVE = 'Active' as IS_ACTIVE,
        CREDIT_ACTIVE = 'Closed' as IS_CLOSED,
        DAYS_CREDIT >= -365 as IS_LAST_YEAR,
        DAYS_CREDIT_ENDDATE - DAYS_CREDIT as CREDIT_DURATION,
        DAYS_CREDIT_ENDDATE - DAYS_ENDDATE_FACT as DAYS_ENDED_EARLY,
        AMT_CREDIT_SUM_DEBT / nullif(AMT_CREDIT_SUM, 0) as DEBT_TO_CREDIT,
        -- @codes
    from bureau
    left join bureau_balance_by_credit as balance using (SK_ID_BUREAU)
)

select
    SK_ID_CURR,
    -- @columns
from credits
group by SK_ID_CURR
