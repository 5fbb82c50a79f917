-- Earlier applications with this lender, one row per client.
--
-- The source writes 365243 for a date that lies ahead or never came, and -1 for a shop without an area: both become
-- NULL. XNA and XAP stay categories, for "not recorded" says something here. CREDIT_COST is what the instalments cost
-- beyond the credit, a rough measure of price where the contract's rate is not delivered.
with

applications as (
    select
        * replace (
            nullif(SELLERPLACE_AREA, -1) as SELLERPLACE_AREA,
            nullif(DAYS_FIRST_DRAWING, 365243) as DAYS_FIRST_DRAWING,
            nullif(DAYS_FIRST_DUE, 365243) as DAYS_FIRST_DUE,
            nullif(DAYS_LAST_DUE_1ST_VERSION, 365243) as DAYS_LAST_DUE_1ST_VERSION,
            nullif(DAYS_LAST_DUE, 365243) as DAYS_LAST_DUE,
            nullif(DAYS_TERMINATION, 365243) as DAYS_TERMINATION
        ),
        NAME_CONTRACT_STATUS = 'Approved' as IS_APPROVED,
        NAME_CONTRACT_STATUS = 'Refused' as IS_REFUSED,
        DAYS_DECISION >= -365 as IS_LAST_YEAR,
        NAME_CONTRACT_STATUS = 'Approved' and DAYS_TERMINATION = 365243 as IS_RUNNING,
        AMT_APPLICATION / nullif(AMT_CREDIT, 0) as APPLICATION_TO_CREDIT,
        AMT_DOWN_PAYMENT / nullif(AMT_GOODS_PRICE, 0) as DOWN_PAYMENT_TO_GOODS,
        AMT_ANNUITY * CNT_PAYMENT / nullif(AMT_CREDIT, 0) - 1 as CREDIT_COST,
        nullif(DAYS_LAST_DUE_1ST_VERSION, 365243) - nullif(DAYS_LAST_DUE, 365243) as DAYS_ENDED_EARLY,
        -- @codes
    from previous_application
)

select
    SK_ID_CURR,
    -- @columns
from applications
group by SK_ID_CURR
