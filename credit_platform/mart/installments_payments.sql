-- Instalments of earlier loans, one row per client.
--
-- A split payment repeats its instalment on every row. Payments are therefore first brought together per instalment
-- (loan, version of the schedule, number): the amount due once, the amount paid in sum, the day of the last payment.
-- An instalment nobody paid has no payment date: nothing was paid on it, and it is past due up to the application.
with

instalments as (
    select
        SK_ID_CURR,
        SK_ID_PREV,
        NUM_INSTALMENT_VERSION,
        count(*) as PAYMENTS,
        max(DAYS_INSTALMENT) as DAYS_INSTALMENT,
        max(DAYS_ENTRY_PAYMENT) as DAYS_ENTRY_PAYMENT,
        max(AMT_INSTALMENT) as AMT_INSTALMENT,
        coalesce(sum(AMT_PAYMENT), 0) as AMT_PAYMENT
    from installments_payments
    group by SK_ID_CURR, SK_ID_PREV, NUM_INSTALMENT_VERSION, NUM_INSTALMENT_NUMBER
),

measured as (
    select
        *,
        AMT_PAYMENT / nullif(AMT_INSTALMENT, 0) as PAYMENT_PERC,
        AMT_INSTALMENT - AMT_PAYMENT as PAYMENT_DIFF,
        greatest(coalesce(DAYS_ENTRY_PAYMENT, 0) - DAYS_INSTALMENT, 0) as DPD,
        case when DAYS_ENTRY_PAYMENT is null then 0 else greatest(DAYS_INSTALMENT - DAYS_ENTRY_PAYMENT, 0) end as DBD,
        DAYS_INSTALMENT >= -365 as IS_LAST_YEAR
    from instalments
)

select
    SK_ID_CURR,
    -- @columns
from measured
group by SK_ID_CURR
