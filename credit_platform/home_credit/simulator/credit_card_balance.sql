-- The monthly balances of earlier credit cards. How much of the limit is used moves between random levels half a
-- year apart, so that the balance of any month, and of the one before it, follows without walking through the months.
with card as (
    select
        loan, SK_ID_CURR, late, card,
        least(96, floor(-decided / 30.4))::integer as months,
        phi(0.7 * card + 0.714 * z(loan, 'card in use')) >= 0.20 as in_use,
        u(loan, 'limit') as p_limit,
        u(loan, 'trifle') < 0.02 as trifle
    from loan
    where has_card
),

line as (
    select
        *,
        rounded(credit_card_balance__AMT_CREDIT_LIMIT_ACTUAL(0.12 + 0.88 * p_limit), 22500) as highest_limit,
        phi(0.88 * card + 0.475 * z(loan, 'utilisation')) as habit,
        case
            when u(loan, 'closed') < 0.07 then floor(months * (0.3 + 0.5 * u(loan, 'closed month')))
            else 1000
        end as closed,
        -- A card is first used some months after it was issued.
        floor(-ln(u(loan, 'first use')) * 2)::integer as first_use,
        phi(0.25 * card + 0.968 * z(loan, 'machine')) as machine_share
    from card
),

row as (select *, unnest(range(1, 1 + months)) as month from line),

level as (
    select
        *,
        loan * 128 + month as row_no,
        month >= closed as completed,
        -- Cards that are closed, or were never used, may have lost their limit.
        case
            when month >= closed or not in_use and u(loan, 'no limit') < 0.4 then 0
            else highest_limit
        end as credit_limit,
        case
            when in_use and month > first_use and month < closed then
                least(1.05, greatest(0, 1.6 * habit - 0.54 + 0.5 * (wander(loan, month / 6.0, 'level') - 0.5)))
            else 0
        end as used,
        case
            when in_use and month - 1 > first_use and month - 1 < closed then
                least(1.05, greatest(0, 1.6 * habit - 0.54 + 0.5 * (wander(loan, (month - 1) / 6.0, 'level') - 0.5)))
            else 0
        end as used_before
    from row
),

balance as (
    select
        *,
        round(highest_limit * used, 3) as balance,
        round(highest_limit * used_before, 3) as balance_before,
        month - 1 > first_use and in_use as due,
        u(row_no, 'payment') as p_payment,
        z(row_no, 'arrears') as arrears_draw,
        used > 0 and u(row_no, 'drawn') < 0.03 + 0.52 * habit as draws,
        -- The dealings of cards that were never used are unknown rather than nothing.
        not in_use as unknown
    from level
),

flow as (
    select
        *,
        case
            when due and balance_before > 0 then greatest(1125, round(0.05 * balance_before / 1125) * 1125)
            else 0
        end as minimum,
        case
            when due and balance_before > 0 then balance_before * case
                    when p_payment < 0.06 then 0
                    when p_payment < 0.72 then 0.05
                    when p_payment < 0.94 then 0.09
                    else 0.5
                end
            else 0
        end as paid_at_least
    from balance
),

moved as (
    select
        *,
        case
            when draws then
                money(
                    greatest(0, balance - balance_before + paid_at_least)
                    + highest_limit * exp(-2.9 + 1.2 * z(row_no, 'turnover'))
                )
            else 0
        end as drawn
    from flow
),

settled as (
    select
        *,
        round(greatest(case when due then paid_at_least else 0 end, balance_before + drawn - balance), 3) as paid,
        case
            when drawn > 0 then 1 + floor(-ln(u(row_no, 'purchases')) * (0.8 + 6.5 * habit) * (1.2 - machine_share))
            else 0
        end as drawings
    from moved
),

split as (
    select
        *,
        case
            when u(row_no, 'machine') < machine_share then drawn
            when u(row_no, 'machine') < 0.5 * machine_share + 0.5 then 0
            else money(0.3 * drawn)
        end as from_machine
    from settled
),

final as (
    select
        *,
        case
            when from_machine > 0 then least(drawings, 1 + floor(-ln(u(row_no, 'machine visits')) * 1.6))
            else 0
        end as machine_drawings,
        case
            when trifle and due then 30 * (month - first_use)
            when due and phi(0.3 * late + 0.954 * arrears_draw) > 0.985 then 1 + floor(exp(1.2 + 0.5 * arrears_draw))
            else 0
        end as days_past_due
    from split
)

select
    1000000 + loan as SK_ID_PREV,
    SK_ID_CURR,
    month - months - 1 as MONTHS_BALANCE,
    balance as AMT_BALANCE,
    credit_limit as AMT_CREDIT_LIMIT_ACTUAL,
    case when not unknown then from_machine end as AMT_DRAWINGS_ATM_CURRENT,
    drawn as AMT_DRAWINGS_CURRENT,
    case
        when not unknown then
            case
                when drawn > from_machine and u(row_no, 'other') < 0.006 then drawn - from_machine
                else 0
            end
    end as AMT_DRAWINGS_OTHER_CURRENT,
    case
        when not unknown then case when u(row_no, 'other') >= 0.006 then drawn - from_machine else 0 end
    end as AMT_DRAWINGS_POS_CURRENT,
    case when u(row_no, 'minimum known') >= 0.07 then minimum end as AMT_INST_MIN_REGULARITY,
    case when not unknown then paid end as AMT_PAYMENT_CURRENT,
    paid as AMT_PAYMENT_TOTAL_CURRENT,
    round(0.965 * balance, 3) as AMT_RECEIVABLE_PRINCIPAL,
    balance as AMT_RECIVABLE,
    balance as AMT_TOTAL_RECEIVABLE,
    case when not unknown then machine_drawings end as CNT_DRAWINGS_ATM_CURRENT,
    drawings as CNT_DRAWINGS_CURRENT,
    case
        when not unknown then (drawn > from_machine and u(row_no, 'other') < 0.006)::integer
    end as CNT_DRAWINGS_OTHER_CURRENT,
    case when not unknown then drawings - machine_drawings end as CNT_DRAWINGS_POS_CURRENT,
    case
        when u(row_no, 'minimum known') >= 0.07 then case when in_use then greatest(0, month - 1 - first_use) else 0 end
    end as CNT_INSTALMENT_MATURE_CUM,
    case
        when completed then 'Completed'
        when month = 1 and u(loan, 'signed') < 0.10 then 'Signed'
        else 'Active'
    end as NAME_CONTRACT_STATUS,
    days_past_due as SK_DPD,
    case when not trifle then days_past_due else 0 end as SK_DPD_DEF
from final
