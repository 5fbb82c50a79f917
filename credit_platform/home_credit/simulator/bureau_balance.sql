-- The monthly status of the credits whose balances the bureau reports.
with month as (
    select credit, opened, ended, activity, late, least(96, floor(-opened / 30.4) + 1)::integer as months
    from credit
    where has_balances
),

row as (select *, unnest(range(months)) as ago from month),

draw as (
    select
        *,
        u(credit, 'unknown') as p_unknown,
        phi(0.45 * late + 0.893 * z(credit * 128 + ago, 'arrears')) as p_arrears
    from row
    -- Reporting of a credit starts late or stops early now and then.
    where ago >= floor(months * greatest(0, u(credit, 'reported until') - 0.55) * 1.6)
)

select
    5000000 + credit as SK_ID_BUREAU,
    -ago as MONTHS_BALANCE,
    case
        when activity = 'Closed' and -ago * 30.4 > ended and p_unknown >= 0.12 then 'C'
        when p_unknown < 0.30 or u(credit * 128 + ago, 'unreported') < 0.12 then 'X'
        when p_arrears < 0.969 then '0'
        when p_arrears < 0.9935 then '1'
        when p_arrears < 0.9955 then '2'
        when p_arrears < 0.9961 then '3'
        when p_arrears < 0.9967 then '4'
        else '5'
    end as STATUS
from draw
