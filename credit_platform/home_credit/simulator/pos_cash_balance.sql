-- The monthly balances of earlier point-of-sale and cash loans, from the first month to the end or to now.
with span as (
    select
        loan, SK_ID_CURR, term, paid_terms, lingers, late,
        least(-1, floor(decided / 30.4))::integer as first_month,
        -- Two in five contracts are closed a month after its last instalment.
        paid_terms + (u(loan, 'closing') < 0.38)::integer as closing
    from loan
    where has_schedule
),

row as (
    select *, unnest(range(0, least(closing + 1 + lingers, -first_month))) as elapsed
    from span
),

draw as (
    select
        *,
        u(loan * 128 + elapsed, 'state') as p_state,
        z(loan * 128 + elapsed, 'arrears') as arrears_draw,
        u(loan, 'signed') as p_signed
    from row
    where first_month + elapsed >= -96
),

arrears as (
    select
        *,
        case
            when lingers > 0 and elapsed > paid_terms then 30 * (elapsed - paid_terms) - floor(20 * p_state)
            when elapsed > 0 and phi(0.5 * late + 0.866 * arrears_draw) > 0.988 then
                1 + floor(exp(2.0 + 1.1 * arrears_draw - 1.6))
            else 0
        end as days_past_due
    from draw
)

select
    1000000 + loan as SK_ID_PREV,
    SK_ID_CURR,
    (first_month + elapsed) as MONTHS_BALANCE,
    case
        when p_state >= 0.0028 then
            case
                when elapsed >= closing + lingers and p_state < 0.5 then paid_terms
                else term
            end
    end as CNT_INSTALMENT,
    case
        when p_state >= 0.0028 then case when elapsed >= paid_terms then 0 else term - elapsed end
    end as CNT_INSTALMENT_FUTURE,
    case
        when elapsed >= closing + lingers then
            case
                when p_state < 0.006 then 'Returned to the store'
                else 'Completed'
            end
        when elapsed = 0 and p_signed < 0.10 then case when p_signed < 0.005 then 'Approved' else 'Signed' end
        when days_past_due > 90 and p_state < 0.05 then
            case
                when p_state < 0.035 then 'Demand'
                else 'Amortized debt'
            end
        else 'Active'
    end as NAME_CONTRACT_STATUS,
    days_past_due as SK_DPD,
    case
        when days_past_due = 0 or lingers > 0 and u(loan, 'large debt') >= 0.06 then 0
        when lingers > 0 or p_state < 0.6 then days_past_due
        else 0
    end as SK_DPD_DEF
from arrears
