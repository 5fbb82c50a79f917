-- What was due and what was paid: the schedules of loans, and the monthly dues of cards in use.
with span as (
    select
        *,
        case when has_card then phi(0.7 * card + 0.714 * z(loan, 'card in use')) >= 0.20 end as in_use,
        -- The dues of cards come more often than once a month.
        case when has_card then 21 else 30 end as every,
        -- Few schedules are drawn up anew, fewer many times.
        1 + case
            when u(loan, 'rescheduled') < 0.10 then floor(-ln(u(loan, 'versions')) * 2)
            else 0
        end as schedule_version
    from loan
    where has_schedule or has_card
),

instalment as (
    select
        *,
        unnest(range(1, 1 + case
            when has_card and not in_use then 0
            else greatest(0, least(case
                    when has_card then 200
                    else paid_terms
                end, floor((-1 - first_due) / every)::integer + 1))
        end)) as number
    from span
),

draw as (
    select
        *,
        loan * 256 + number as instalment,
        first_due + every * (number - 1) as due,
        phi(0.36 * late + 0.933 * z(loan * 256 + number, 'delay')) as p_delay,
        u(loan * 256 + number, 'payment') as p_payment,
        not has_card and number = paid_terms and paid_terms < term as closes_early
    from instalment
),

payment as (
    -- A split instalment is paid in two rows, each repeating the whole amount due.
    select *, unnest(range(case when p_payment < 0.05 then 2 else 1 end)) as part_paid from draw
    where due < 0
),

amount as (
    select
        *,
        case
            when has_card then round(greatest(45, annuity * exp(-0.9 + 0.9 * z(instalment, 'card due'))), 3)
            -- What is left of the loan falls due when it is repaid early.
            when closes_early then round(annuity * (1 + 0.8 * (term - paid_terms)), 3)
            else round(annuity * 0.99999, 3)
        end as due_amount,
        case
            when p_delay < 0.05 then -31 - 60 * (0.05 - p_delay) / 0.05
            when p_delay < 0.25 then -14 - 17 * (0.25 - p_delay) / 0.20
            when p_delay < 0.50 then -6 - 8 * (0.50 - p_delay) / 0.25
            when p_delay < 0.75 then -6 * (0.75 - p_delay) / 0.25
            when p_delay < 0.917 then 0
            when p_delay < 0.95 then 1 + 2 * (p_delay - 0.917) / 0.033
            when p_delay < 0.99 then 3 + 14 * (p_delay - 0.95) / 0.04
            else 17 + 20 * (1 / (1.0003 - p_delay) - 100) / 100
        end as delay
    from payment
)

select
    1000000 + loan as SK_ID_PREV,
    SK_ID_CURR,
    case when has_card then 0 else schedule_version + closes_early::integer end as NUM_INSTALMENT_VERSION,
    number as NUM_INSTALMENT_NUMBER,
    due as DAYS_INSTALMENT,
    case when p_payment < 0.9998 then least(-1, due + floor(delay)) end as DAYS_ENTRY_PAYMENT,
    due_amount as AMT_INSTALMENT,
    case
        when p_payment >= 0.9998 then null
        when p_payment < 0.05 then round(due_amount * case
                when part_paid = 0 then p_payment / 0.05
                else 1 - p_payment / 0.05
            end, 3)
        when p_payment < 0.065 then round(due_amount * p_payment / 0.065, 3)
        when has_card and p_payment > 0.55 then round(due_amount * (1 + 4 * (p_payment - 0.55)), 3)
        else due_amount
    end as AMT_PAYMENT
from amount
