-- The client mart: one row per SK_ID_CURR of the application, whatever history there is.
--
-- Applications decide who has a row: histories of unknown clients find nothing to join. A client without a history has
-- 0 in its counts and NULL elsewhere. Numbers leave as doubles, so that every cohort's file has the same types.
with

joined as (
    select
        SK_ID_CURR,
        -- @joined
    from application_by_client
    left join bureau_by_client using (SK_ID_CURR)
    left join previous_application_by_client using (SK_ID_CURR)
    left join pos_cash_balance_by_client using (SK_ID_CURR)
    left join installments_payments_by_client using (SK_ID_CURR)
    left join credit_card_balance_by_client using (SK_ID_CURR)
)

select
    *,
    -- @columns
from joined
