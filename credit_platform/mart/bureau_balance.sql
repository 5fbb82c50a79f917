-- The monthly statuses of each bureau credit, one row per SK_ID_BUREAU.
--
-- The table knows credits, not clients: bureau.sql joins the result to the credit and so to the client. A month
-- counts as late from status 1 on; X (unknown) is neither late nor on time.
with

months as (
    select
        *,
        STATUS in ('1', '2', '3', '4', '5') as IS_LATE,
        STATUS <> 'X' as IS_KNOWN,
        MONTHS_BALANCE > -12 as IS_LAST_YEAR,
        -- @codes
    from bureau_balance
)

select
    SK_ID_BUREAU,
    -- @columns
from months
group by SK_ID_BUREAU
