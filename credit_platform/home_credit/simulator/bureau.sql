-- The clients' credits at other lenders, as a table for the monthly balances to build on.
create or replace table credit as
with draw as (
    select client, SK_ID_CURR, debt, late, age, has_balances, client * 64 + k as credit
    from (select client, SK_ID_CURR, debt, late, age, has_balances, unnest(range(credits)) as k from client)
),

start as (
    select
        *,
        phi(0.62 * debt - 0.12 * age + 0.77 * z(credit, 'day')) as p_day,
        u(credit, 'kind') as p_kind
    from draw
),

kind as (
    select *, bureau__CREDIT_TYPE(p_kind) as kind, bureau__DAYS_CREDIT(p_day)::integer as opened from start
),

term as (
    select
        *,
        case kind
            when 'Credit card' then exp(7.2 + 0.6 * z(credit, 'term'))
            when 'Mortgage' then exp(8.5 + 0.4 * z(credit, 'term'))
            when 'Car loan' then exp(7.3 + 0.4 * z(credit, 'term'))
            when 'Microloan' then exp(3.5 + 0.5 * z(credit, 'term'))
            else exp(6.15 + 0.75 * z(credit, 'term') + 0.25 * debt)
        end as term,
        -- Cards are often open-ended: their agreed end lies most of a century ahead.
        kind = 'Credit card' and u(credit, 'open-ended') < 0.17 as open_ended,
        -- Repaid early, after this share of the term.
        case
            when u(credit, 'early') < 0.40 - 0.15 * debt then 0.25 + 0.75 * u(credit, 'early share')
            else 1
        end as used_share
    from kind
),

state as (
    select
        *,
        case
            when open_ended then 31000 + opened + floor(200 * u(credit, 'far end'))
            else opened + floor(term)
        end as ends,
        opened + floor(used_share * term) as ended
    from term
),

size as (
    select
        *,
        case
            when ended < -1 and u(credit, 'stays open') >= 0.03 then 'Closed'
            when u(credit, 'sold') < 0.0095 then 'Sold'
            when u(credit, 'bad') < 2e-5 then 'Bad debt'
            else 'Active'
        end as activity,
        phi(case kind
            when 'Mortgage' then 2.0
            when 'Car loan' then 1.3
            when 'Credit card' then -0.20
            when 'Microloan' then -1.3
            else 0
        end + 0.95 * z(credit, 'sum')) as p_sum,
        -- The share of the amount that is still owed.
        phi(0.30 + 0.80 * debt + 0.70 * z(credit, 'debt share')) as p_debt
    from state
)

select
    *,
    money(bureau__AMT_CREDIT_SUM(p_sum)) as amount,
    -- Records without monthly balances are the rule; some balances belong to credits that the table leaves out.
    u(credit, 'listed') >= case when has_balances then 0.045 else 0 end as listed
from size
order by credit;

create or replace view bureau as
select
    SK_ID_CURR,
    5000000 + credit as SK_ID_BUREAU,
    activity as CREDIT_ACTIVE,
    bureau__CREDIT_CURRENCY(u(credit, 'currency')) as CREDIT_CURRENCY,
    opened as DAYS_CREDIT,
    case when activity <> 'Closed' and phi(0.5 * late + 0.866 * z(credit, 'overdue')) > 0.995
        then 1 + floor(exp(2.2 + 1.6 * z(credit, 'overdue days'))) else 0
    end as CREDIT_DAY_OVERDUE,
    case
        when u(credit, 'end known') >= case when kind = 'Credit card' then 0.20 else 0.02 end then ends
    end as DAYS_CREDIT_ENDDATE,
    case when activity = 'Closed' and u(credit, 'fact known') >= 0.003 then ended end as DAYS_ENDDATE_FACT,
    case when u(credit, 'overdue known') >= 0.6736
        then case when phi(0.4 * late + 0.917 * z(credit, 'max overdue')) > 0.82
                then money(exp(8.6 + 1.4 * z(credit, 'max overdue amount'))) else 0
            end
    end as AMT_CREDIT_MAX_OVERDUE,
    case
        when u(credit, 'prolonged') < 0.0036 then 1 + floor(-ln(u(credit, 'prolongations')) * 0.7)
        else 0
    end as CNT_CREDIT_PROLONG,
    amount as AMT_CREDIT_SUM,
    case
        when u(credit, 'debt known') < case when activity = 'Closed' then 0.175 else 0.09 end then null
        when activity = 'Closed' then 0
        when kind = 'Credit card' and u(credit, 'card used') < 0.35 then 0
        when u(credit, 'overpaid') < 0.004 then -money(0.02 * amount)
        else money(amount * p_debt)
    end as AMT_CREDIT_SUM_DEBT,
    case
        when u(credit, 'limit known') < 0.3718 then null
        when kind = 'Credit card' and activity = 'Active' and u(credit, 'limit') < 0.45 then
            money(amount * (1 - p_debt))
        else 0
    end as AMT_CREDIT_SUM_LIMIT,
    case when activity <> 'Closed' and phi(0.5 * late + 0.866 * z(credit, 'overdue')) > 0.995
        then money(exp(6.5 + 2 * z(credit, 'overdue amount'))) else 0
    end as AMT_CREDIT_SUM_OVERDUE,
    kind as CREDIT_TYPE,
    -- Open credits are reported on until now, closed ones until some time after their end.
    case when activity = 'Closed' then least(-1, floor(ended * u(credit, 'update') ** 0.16))
        else greatest(opened, -floor(exp(3.0 + 1.2 * z(credit, 'update'))))
    end as DAYS_CREDIT_UPDATE,
    case when u(client, 'annuities') >= 0.52 and u(credit, 'annuity known') >= 0.10
        then case when u(credit, 'annuity') < 0.62 and activity = 'Closed' or u(credit, 'annuity') < 0.3
                then 0 else money(3.2 * amount ** 0.7 * exp(0.5 * z(credit, 'annuity amount')))
            end
    end as AMT_ANNUITY
from credit
where listed
