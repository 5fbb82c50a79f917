-- The clients' earlier applications with this lender, as a table for balances and instalments to build on.
create or replace table loan as
with draw as (
    select
        client, SK_ID_CURR, hunger, late, card, age, ext_2, region, loans, client * 40 + k as loan,
        -- A client's history begins with a loan that was granted; the second is the card, if there is one.
        k = 0 as is_first,
        k = 1 and card_holder as is_card
    from (
        select client, SK_ID_CURR, hunger, late, card, age, ext_2, region, loans, card_holder, unnest(range(loans)) as k
        from client
    )
),

kind as (
    select
        *,
        case
            when is_card then 'Revolving loans'
            when u(loan, 'kind known') < 0.0004 then 'XNA'
            when is_first then case when u(loan, 'kind') < 0.12 then 'Cash loans' else 'Consumer loans' end
            when u(loan, 'kind') < 0.598 then 'Cash loans'
            when u(loan, 'kind') < 0.918 then 'Consumer loans'
            else 'Revolving loans'
        end as kind,
        phi(0.55 * hunger + 0.835 * z(loan, 'cancelled')) as p_cancelled,
        phi(0.60 * hunger - 0.20 * ext_2 + 0.78 * z(loan, 'refused')) as p_refused
    from draw
),

status as (
    select
        *,
        case
            when is_card or is_first and kind <> 'XNA' and p_refused < 0.985 then 'Approved'
            when kind = 'Cash loans' then
                case
                    when p_refused >= 0.775 then 'Refused'
                    when p_cancelled >= 0.455 then 'Canceled'
                    when u(loan, 'unused') < 0.002 then 'Unused offer'
                    else 'Approved'
                end
            when kind = 'Consumer loans' then
                case
                    when p_refused >= 0.83 then 'Refused'
                    when p_cancelled >= 0.995 then 'Canceled'
                    when u(loan, 'unused') < 0.084 then 'Unused offer'
                    else 'Approved'
                end
            when kind = 'Revolving loans' then case when p_refused >= 0.53 then 'Refused' else 'Canceled' end
            else 'Canceled'
        end as status
    from kind
),

decision as (
    select
        *,
        phi(
            0.36 * hunger - 0.12 * age
            + case when is_first then 0.03 - 0.08 * least(loans, 6) when is_card then -0.10 else 0.09 end
            + case status when 'Canceled' then 0.38 when 'Refused' then 0.22 else -0.11 end
            + case kind when 'Consumer loans' then -0.30 when 'Cash loans' then 0.22 else 0.05 end
            + 0.82 * z(loan, 'decision')
        ) as p_decision,
        -- Cancelled applications carry no offer, and a few refused ones neither.
        status = 'Canceled' or status = 'Refused' and u(loan, 'offer') < 0.19 as no_offer,
        u(loan, 'cross-sell') < 0.726 as cross_sell,
        phi(0.30 * hunger - 0.15 * ext_2 + 0.94 * z(loan, 'yield')) as p_yield,
        u(loan, 'goods') as p_goods,
        -- Longer terms are asked for than granted.
        phi(
            case when status <> 'Approved' then 0.45 when kind = 'Cash loans' then -0.45 else 0 end
            + 0.10 * hunger + 0.35 * z(loan, 'amount') + 0.93 * z(loan, 'term')
        ) as p_term,
        z(loan, 'amount') + 0.12 * ext_2 + 0.12 * region - 0.12 * hunger as amount_draw,
        -- Some contracts have balances although their application is not delivered: old cards above all.
        u(loan, 'listed') >= case when is_card then 0.115 else 0.034 end as is_listed
    from status
),

offer as (
    select
        *,
        case when is_card and not is_listed then -2922 + floor(500 * u(loan, 'old card'))
            else previous_application__DAYS_DECISION(p_decision)
        end::integer as decided,
        case kind
            when 'Consumer loans' then
                case
                    when p_term < 0.05 then 4
                    when p_term < 0.28 then 6
                    when p_term < 0.36 then 8
                    when p_term < 0.60 then 10
                    when p_term < 0.88 then 12
                    when p_term < 0.91 then 18
                    when p_term < 0.98 then 24
                    else 36
                end
            when 'Cash loans' then
                case
                    when p_term < 0.05 then 6
                    when p_term < 0.28 then 12
                    when p_term < 0.38 then 18
                    when p_term < 0.60 then 24
                    when p_term < 0.76 then 36
                    when p_term < 0.90 then 48
                    when p_term < 0.987 then 60
                    else 72
                end
            else 0
        end as term,
        case kind
            when 'Consumer loans' then rounded(exp(11.12 + 0.75 * amount_draw), 45)
            when 'Cash loans' then rounded(exp(12.62 + 0.80 * amount_draw), 22500)
            else rounded(exp(12.0 + 0.5 * amount_draw), 45000)
        end as price,
        case
            when kind = 'Consumer loans' then
                case
                    when p_yield < 0.11 then 'low_action'
                    when p_yield < 0.36 then 'low_normal'
                    when p_yield < 0.67 then 'middle'
                    else 'high'
                end
            when cross_sell then
                case
                    when p_yield < 0.03 then 'low_action'
                    when p_yield < 0.385 then 'low_normal'
                    when p_yield < 0.815 then 'middle'
                    else 'high'
                end
            else
                case
                    when p_yield < 0.02 then 'low_action'
                    when p_yield < 0.27 then 'low_normal'
                    when p_yield < 0.535 then 'middle'
                    else 'high'
                end
        end as yield_group,
        kind = 'Consumer loans'
        and phi(-0.30 * hunger + 0.15 * ext_2 + 0.93 * z(loan, 'down payment')) >= 0.50 as pays_down
    from decision
),

deal as (
    select
        *,
        case
            when pays_down then
                least(0.84, exp(-2.20 + 0.70 * z(loan, 'down payment rate') - 0.20 * hunger + 0.10 * ext_2))
            else 0
        end as down_rate,
        case yield_group
            when 'low_action' then 0.08
            when 'low_normal' then 0.18
            when 'middle' then 0.28
            else 0.42
        end as interest,
        kind in ('Cash loans', 'Consumer loans') as has_schedule,
        u(loan, 'insured') < case
            when kind = 'Revolving loans' then 0
            when kind = 'Cash loans' then 0.52
            else 0.30
        end as insured
    from offer
),

amount as (
    select
        *,
        least(3150000, case
            when kind = 'Consumer loans' then money(price * (1 - down_rate))
            else price
        end * case when insured then 1.12 else 1 end) as credit
    from deal
),

schedule as (
    select
        *,
        money(case
            when has_schedule then credit / term * (1 + interest * (term + 1) / 24)
            else 0.05 * credit
        end) as annuity,
        status = 'Approved' and u(loan, 'taken up') >= case when is_first then 0.005 else 0.045 end as taken_up,
        decided + 30 + floor(6 * u(loan, 'first due')) as first_due,
        -- Many schedules end early, long ones the earlier.
        case
            when u(loan, 'early') < 0.43 then
                greatest(3, least(term, ceil(term ** 0.88 * (0.20 + 0.80 * u(loan, 'early share')))))
            else term
        end::integer as paid_terms,
        -- A few contracts stay open over a trifle, some for years.
        case
            when has_schedule and phi(0.4 * late + 0.917 * z(loan, 'trifle')) > 0.9915 then
                3 + floor(-ln(u(loan, 'trifle months')) * 18)
            else 0
        end::integer as lingers
    from amount
),

ending as (
    select *, first_due + 30 * (paid_terms - 1) as last_due, first_due + 30 * (term - 1) as last_due_1st from schedule
)

select
    client, SK_ID_CURR, loan, is_first, hunger, late, card, kind, status, no_offer, cross_sell, yield_group, p_goods,
    p_term, decided, term, price, down_rate, pays_down, credit, annuity, insured, taken_up, lingers, first_due,
    last_due, last_due_1st, paid_terms,
    taken_up and has_schedule as has_schedule,
    taken_up and kind = 'Revolving loans' as has_card,
    is_listed or not taken_up as listed
from ending
order by loan;

create or replace view previous_application as
with rank as (
    select
        *,
        case
            when kind = 'Consumer loans' then
                case
                    when p_goods < 0.338 then 'mobile'
                    when p_goods < 0.802 then 'household'
                    when p_goods < 0.963 then 'industry'
                    else 'other'
                end
        end as shop,
        u(loan, 'weekday') as p_weekday,
        u(loan, 'hour') as p_hour,
        u(loan, 'suite') as p_suite,
        u(loan, 'goods category') as p_category,
        u(loan, 'industry') as p_industry,
        u(loan, 'purpose') as p_purpose,
        u(loan, 'channel') as p_channel,
        u(loan, 'area') as p_area,
        u(loan, 'reject') as p_reject,
        u(loan, 'rate') as p_rate,
        u(loan, 'client type') as p_client_type,
        u(loan, 'payment type') as p_payment_type,
        u(loan, 'drawing') as p_drawing
    from loan
    where listed
)

select
    1000000 + loan as SK_ID_PREV,
    SK_ID_CURR,
    kind as NAME_CONTRACT_TYPE,
    case when not no_offer then annuity end as AMT_ANNUITY,
    -- A cancelled cash loan was never asked for in a sum; a card is offered rather than asked for.
    case
        when no_offer and kind <> 'Consumer loans' or kind = 'Revolving loans' and p_rate < 0.6 then 0
        else price
    end as AMT_APPLICATION,
    case when no_offer and kind <> 'Consumer loans' then 0 else credit end as AMT_CREDIT,
    case
        when (kind = 'Consumer loans' or kind = 'Cash loans' and p_category < 0.14) and not no_offer then
            money(price * down_rate)
    end as AMT_DOWN_PAYMENT,
    case when not no_offer then price end as AMT_GOODS_PRICE,
    previous_application__WEEKDAY_APPR_PROCESS_START(p_weekday) as WEEKDAY_APPR_PROCESS_START,
    previous_application__HOUR_APPR_PROCESS_START(p_hour) as HOUR_APPR_PROCESS_START,
    case when u(loan, 'last') < 0.0042 then 'N' else 'Y' end as FLAG_LAST_APPL_PER_CONTRACT,
    (u(loan, 'last in day') >= 0.0033)::integer as NFLAG_LAST_APPL_IN_DAY,
    case
        when (kind = 'Consumer loans' or kind = 'Cash loans' and p_category < 0.14) and not no_offer then down_rate
    end as RATE_DOWN_PAYMENT,
    case
        when kind = 'Consumer loans' and u(loan, 'rates known') < 0.010 then
            previous_application__RATE_INTEREST_PRIMARY(p_rate)
    end as RATE_INTEREST_PRIMARY,
    case
        when kind = 'Consumer loans' and u(loan, 'rates known') < 0.010 then
            previous_application__RATE_INTEREST_PRIVILEGED(p_rate)
    end as RATE_INTEREST_PRIVILEGED,
    case when kind <> 'Cash loans' then 'XAP' when cross_sell or no_offer or p_drawing < 0.4 then 'XNA'
        else previous_application__NAME_CASH_LOAN_PURPOSE(p_purpose)
    end as NAME_CASH_LOAN_PURPOSE,
    status as NAME_CONTRACT_STATUS,
    decided as DAYS_DECISION,
    case
        when no_offer or kind = 'Revolving loans' or p_payment_type < 0.12 then 'XNA'
        when p_payment_type < 0.9935 then 'Cash through the bank'
        when p_payment_type < 0.9995 then 'Non-cash from your account'
        else 'Cashless from the account of the employer'
    end as NAME_PAYMENT_TYPE,
    case
        when status = 'Refused' then
            case
                when p_reject < 0.625 then 'HC'
                when p_reject < 0.815 then 'LIMIT'
                when p_reject < 0.926 then 'SCO'
                when p_reject < 0.969 then 'SCOFR'
                when p_reject < 0.985 then 'XNA'
                when p_reject < 0.998 then 'VERIF'
                else 'SYSTEM'
            end
        when status = 'Unused offer' then 'CLIENT'
        else 'XAP'
    end as CODE_REJECT_REASON,
    case
        when kind = 'Revolving loans' or p_payment_type < 0.43 then null
        else previous_application__NAME_TYPE_SUITE(p_suite)
    end as NAME_TYPE_SUITE,
    case when u(loan, 'client type known') < 0.0011 then 'XNA' when is_first and p_client_type < 0.83 then 'New'
        when p_client_type < 0.10 then 'Refreshed' else 'Repeater'
    end as NAME_CLIENT_TYPE,
    case
        when kind = 'Consumer loans' then
            case
                when shop = 'mobile' and p_category < 0.9 then 'Mobile'
                else previous_application__NAME_GOODS_CATEGORY(0.31 + 0.69 * p_category)
            end
        else 'XNA'
    end as NAME_GOODS_CATEGORY,
    case when no_offer then 'XNA' when kind = 'Consumer loans' then case when p_rate < 0.0005 then 'Cars' else 'POS' end
        when kind = 'Revolving loans' then 'Cards' else 'Cash'
    end as NAME_PORTFOLIO,
    case
        when no_offer or kind = 'Consumer loans' then 'XNA'
        when cross_sell then 'x-sell'
        else 'walk-in'
    end as NAME_PRODUCT_TYPE,
    case
        when kind = 'Consumer loans' then
            case
                when p_channel < 0.62 then 'Country-wide'
                when p_channel < 0.86 then 'Stone'
                when p_channel < 0.99 then 'Regional / Local'
                else 'Car dealer'
            end
        else
            case
                when p_channel < 0.775 then 'Credit and cash offices'
                when p_channel < 0.855 then 'Contact center'
                when p_channel < 0.91 then 'AP+ (Cash loan)'
                when p_channel < 0.915 then 'Channel of corporate sales'
                when p_channel < 0.95 then 'Stone'
                else 'Country-wide'
            end
    end as CHANNEL_TYPE,
    case
        when kind = 'Consumer loans' then previous_application__SELLERPLACE_AREA(0.52 + 0.48 * p_area)
        when p_area < 0.14 then 0
        else -1
    end as SELLERPLACE_AREA,
    case
        when kind = 'Consumer loans' then
            case shop
                when 'mobile' then 'Connectivity'
                when 'household' then 'Consumer electronics'
                else previous_application__NAME_SELLER_INDUSTRY(0.82 + 0.18 * p_industry)
            end
        when p_industry < 0.07 then case when p_category < 0.55 then 'Consumer electronics' else 'Connectivity' end
        else 'XNA'
    end as NAME_SELLER_INDUSTRY,
    case when not no_offer then term end as CNT_PAYMENT,
    case when no_offer or kind = 'Revolving loans' then 'XNA' else yield_group end as NAME_YIELD_GROUP,
    case
        when kind = 'XNA' then null
        when kind = 'Consumer loans' then
            case
                when yield_group in ('middle', 'high') or p_rate >= case
                        when shop = 'household' then 0.65
                        else 0.3
                    end
                then 'POS ' || shop || ' with interest'
                when shop = 'other' then 'POS others without interest'
                else 'POS ' || shop || ' without interest'
            end
        when kind = 'Revolving loans' then case when p_rate < 0.43 then 'Card X-Sell' else 'Card Street' end
        when no_offer then 'Cash'
        else 'Cash ' || case when cross_sell then 'X-Sell: ' else 'Street: ' end
            || case yield_group when 'middle' then 'middle' when 'high' then 'high' else 'low' end
    end as PRODUCT_COMBINATION,
    case
        when taken_up then
            case
                when has_card and p_drawing < 0.55 then least(-2, floor(decided * (1 - 0.25 * p_rate)))
                else 365243
            end
    end as DAYS_FIRST_DRAWING,
    case
        when taken_up then case when has_card and p_drawing >= 0.55 or first_due >= -2 then 365243 else first_due end
    end as DAYS_FIRST_DUE,
    case when taken_up then case when has_card then 365243 else last_due_1st end end as DAYS_LAST_DUE_1ST_VERSION,
    case when taken_up then case when has_card or last_due >= -1 then 365243 else last_due end end as DAYS_LAST_DUE,
    case
        when taken_up then case when has_card or last_due >= -9 then 365243 else last_due + 2 + floor(6 * p_rate) end
    end as DAYS_TERMINATION,
    case when taken_up then insured::integer end as NFLAG_INSURED_ON_APPROVAL
from rank
