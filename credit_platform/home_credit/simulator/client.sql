-- The clients of one delivery: who they are, what they ask for, and whether they will default.
--
-- Traits are standard normal. Four of them no column shows; they tie the outcome to the histories:
--   debt    indebted lately, at other lenders      hunger  asks for credit often and is refused
--   late    pays late                              card    lives on the credit card
-- Coefficients between traits follow the rank correlations of the public data, those of the log-odds its default
-- rates by value. `population` says which clients there are and under which conditions.
create or replace table client as
with trait as (
    select
        *,
        z(client, 'age') + age_shift as age,
        z(client, 'region') as region,
        z(client, 'debt') + debt_shift as debt,
        z(client, 'gender') as gender_draw
    from population
),

habit as (
    select
        *,
        (gender_draw - 0.15 * age) / 1.0112 as masculinity,

        0.30 * debt + 0.954 * z(client, 'hunger') as hunger,
        0.15 * debt + 0.989 * z(client, 'late') as late,
        0.30 * debt + 0.954 * z(client, 'card') as card,
        0.37 * region + 0.09 * age + 0.92 * z(client, 'ext 2') as ext_2
    from trait
),

score as (
    select
        *,
        0.62 * age + 0.12 * ext_2 + 0.06 * region - 0.10 * masculinity - 0.10 * hunger
        + 0.74 * z(client, 'ext 1') as ext_1
    from habit
),

score_3 as (
    select
        *,
        0.15 * age + 0.09 * ext_1 + 0.05 * ext_2 - 0.50 * debt - 0.12 * hunger + 0.80 * z(client, 'ext 3')
        + ext_source_3_shift as ext_3
    from score
),

standing as (
    select
        *,
        0.24 * age + 0.09 * ext_1 + 0.05 * ext_2 + 0.08 * ext_3 - 0.05 * debt + 0.94 * z(client, 'employed') as tenure,
        -0.08 * age + 0.14 * ext_2 - 0.10 * ext_3 + 0.14 * region + 0.28 * masculinity + 0.10 * ext_1
        + 0.92 * z(client, 'income') as wealth
    from score_3
),

wish as (
    select
        *,
        0.44 * wealth + 0.12 * ext_1 + 0.04 * ext_2 + 0.12 * tenure + 0.84 * z(client, 'amount')
        + amount_shift as amount,
        phi(0.79 * age - 0.23 * masculinity + 0.51 * z(client, 'retired')) as p_retired
    from standing
),

rank as (
    -- What the contracts' distributions are read at: each trait as a probability.
    select
        *,
        phi(-age) as p_birth,
        phi(-tenure) as p_employed,
        phi(-(0.30 * age + 0.06 * tenure + 0.06 * region + 0.94 * z(client, 'registered'))) as p_registered,
        phi(-(0.24 * age + 0.09 * ext_3 + 0.96 * z(client, 'identity card'))) as p_identity,
        phi(-(0.20 * ext_2 + 0.13 * tenure + 0.05 * ext_1 + 0.95 * z(client, 'phone') + phone_shift)) as p_phone,
        phi(wealth) as p_income,
        phi(amount) as p_goods,
        phi(0.74 * amount + 0.17 * wealth - 0.07 * age + 0.05 * debt + 0.53 * z(client, 'annuity')) as p_annuity,
        z(client, 'insurance') as insurance,
        phi(region) as p_region,
        phi(0.97 * region + 0.243 * z(client, 'city')) as p_city,
        phi(0.47 * region + 0.883 * z(client, 'population')) as p_population,
        phi(0.30 * wealth + 0.12 * region + 0.10 * ext_2 + 0.93 * z(client, 'education')) as p_education,
        phi(0.45 * age + 0.893 * z(client, 'family')) as p_family,
        phi(0.28 * age + 0.96 * z(client, 'housing')) as p_housing,
        phi(-0.42 * age + 0.908 * z(client, 'children')) as p_children,
        phi(-0.55 * masculinity + 0.835 * z(client, 'occupation')) as p_occupation,
        u(client, 'income type') as p_income_type,
        u(client, 'organization') as p_organization,
        phi(0.38 * masculinity + 0.25 * wealth + 0.85 * z(client, 'car')) as p_car,
        phi(masculinity) as p_gender,
        phi(-0.20 * wealth - 0.15 * region - 0.04 * ext_2 - 0.10 * ext_1 + 0.96 * z(client, 'car age')) as p_car_age,
        u(client, 'product') as p_product,
        u(client, 'bureau record') as p_record,
        u(client, 'work city') as p_work_city,
        u(client, 'live city') as p_live_city,
        0.25 * region + 0.968 * z(client, 'building size') as building_size,
        phi(ext_1) as p_ext_1,
        phi(ext_2) as p_ext_2,
        phi(ext_3) as p_ext_3
    from wish
),

value as (
    select
        *,
        1 - p_retired < application__DAYS_EMPLOYED__sentinel() as no_job,
        application__CODE_GENDER(p_gender) = 'M' as male,
        application__DAYS_BIRTH(p_birth) as days_birth,
        application__AMT_INCOME_TOTAL(p_income) as income_exact,
        application__AMT_GOODS_PRICE(p_goods) as price_exact,
        application__AMT_ANNUITY(p_annuity) as annuity_exact,
        application__REGION_RATING_CLIENT(1 - p_region) as region_rating,
        application__NAME_EDUCATION_TYPE(p_education) as education,
        application__NAME_FAMILY_STATUS(p_family) as family_status,
        application__NAME_HOUSING_TYPE(p_housing) as housing,
        case when p_children < 0.6989 then 0 when p_children < 0.9 then 1 when p_children < 0.9861 then 2
            when p_children < 0.9982 then 3 when p_children < 0.9997 then 4 else 5
        end as children,
        application__FLAG_OWN_CAR(p_car) = 'Y' as has_car,
        p_product < revolving_share as revolving,
        p_record >= 0.143 as has_record,
        p_live_city < 0.0775 as lives_elsewhere,
        u(client, 'building known') as building
    from rank
),

deal as (
    select
        *,
        -- How many credits elsewhere and loans here the histories tell of.
        case
            when has_record then least(60, 1 + floor(-ln(u(client, 'credits')) * 5.1 * history_factor))
            else 0
        end::integer as credits,
        case when u(client, 'loans here') < 0.9535
            then least(40, 1 + floor(-ln(u(client, 'loans')) * 4.45 * history_factor)) else 0
        end::integer as loans,
        loans > 1 and u(client, 'card holder') < 0.395 as card_holder,
        case when no_job then 'Pensioner' else application__NAME_INCOME_TYPE(p_income_type) end as income_type,
        case when no_job then 'XNA' else application__ORGANIZATION_TYPE(p_organization) end as organization,
        -- A job goes with an occupation in five of six cases.
        case when not no_job and u(client, 'occupation known') < 0.8385
            then application__OCCUPATION_TYPE(p_occupation)
        end as occupation,
        not no_job and u(client, 'works away') < case when lives_elsewhere then 0.75 else 0.24 end as works_away,
        case
            when u(client, 'income digits') < 0.024 then money(income_exact)
            when income_exact >= 90000 and u(client, 'income digits') < 0.62 then rounded(income_exact, 22500)
            else rounded(income_exact, 4500)
        end * income_factor as income,
        case
            when revolving then
                case
                    when u(client, 'limit') < 0.22 then 180000 when u(client, 'limit') < 0.41 then 270000
                    when u(client, 'limit') < 0.53 then 135000 when u(client, 'limit') < 0.64 then 202500
                    else rounded(0.55 * price_exact, 45000)
                end
            when price_exact >= 180000 and u(client, 'price digits') < 0.3 then rounded(price_exact, 225000)
            when u(client, 'price digits') < 0.65 then rounded(price_exact, 22500)
            else rounded(price_exact, 4500)
        end as price,
        phi(insurance) as p_insurance
    from value
),

loan as (
    select
        *,
        -- Insurance is added to the price, with large loans less than in proportion; some clients take none.
        case
            when revolving or p_insurance < 0.278 then price
            else money(price + least(price, 900000) * case
                    when p_insurance < 0.444 then 0.040 + (p_insurance - 0.278) * 0.480
                    when p_insurance < 0.722 then 0.119 + (p_insurance - 0.444) * 0.285
                    when p_insurance < 0.944 then 0.198 + (p_insurance - 0.722) * 0.892
                    else 0.396 + (p_insurance - 0.944) * 1.7
                end)
        end as credit
    from deal
),

risk as (
    select
        *,
        log_odds_shift - 3.345
        - 0.55 * ext_1 - 0.46 * ext_2 - 0.38 * ext_3
        + 0.265 * age - 0.15 * tenure
        + 0.30 * (p_registered - 0.5) + 0.18 * (p_identity - 0.5) + 0.18 * (p_phone - 0.5)
        + 0.15 * (p_car_age - 0.5) * has_car::integer
        - 0.06 * wealth + 0.30 * debt + 0.20 * hunger + 0.22 * late
        + case when card_holder then 0.75 * card else 0 end
        + 0.28 * insurance + 0.80 * (p_annuity - 0.5) - 0.65 * (p_goods - 0.5)
        + case when male then 0.30 else 0 end
        + case when revolving then -0.35 else 0 end
        + case
            when no_job then 0.02
            when income_type = 'Working' then 0.15
            when income_type = 'State servant' then -0.30
            else -0.06
        end
        + case education
            when 'Higher education' then -0.28
            when 'Academic degree' then -0.80
            when 'Lower secondary' then 0.25
            else 0.05
        end
        + case family_status when 'Single / not married' then 0.05 when 'Civil marriage' then 0.15 else -0.03 end
        + case housing when 'With parents' then 0.15 when 'Rented apartment' then 0.30 else 0 end
        + case region_rating when 1 then -0.20 when 3 then 0.18 else 0 end
        + case
            when occupation in (
                    'Low-skill Laborers',
                    'Drivers',
                    'Laborers',
                    'Security staff',
                    'Waiters/barmen staff',
                    'Cooking staff'
                )
            then 0.15
            when occupation in (
                    'Accountants', 'Core staff', 'Managers', 'High skill tech staff', 'Medicine staff'
                )
            then -0.40
            else 0
        end
        + case
            when organization in (
                    'Construction', 'Restaurant', 'Industry: type 3', 'Transport: type 3', 'Trade: type 3'
                )
            then 0.30
            when organization in ('Self-employed', 'Business Entity Type 3', 'Trade: type 7') then 0.10
            when organization in (
                    'Military', 'Security Ministries', 'Bank', 'University', 'Industry: type 9'
                )
            then -0.45
            when organization in ('School', 'Government', 'Kindergarten', 'Police', 'Medicine') then -0.18
            else 0
        end
        + case when has_car then -0.22 else 0.10 end
        + case when works_away then 0.25 else 0 end + case when lives_elsewhere then 0.35 else 0 end
        + case when has_record then 0 else 0.25 end
        + case when building >= 0.48 then -0.12 - 0.10 * building_size else 0.12 end
            as log_odds
    from loan
)

select
    client,
    part,
    100001 + client as SK_ID_CURR,
    (u(client, 'outcome') < 1 / (1 + exp(-log_odds)))::integer as TARGET,
    -- Most bureau records lack the monthly balances.
    u(client, 'balances') < balance_coverage as has_balances,
    * exclude (client, part, gender_draw, income_exact, price_exact, annuity_exact),
    greatest(0.0262 * credit, least(0.124 * credit, annuity_exact)) as annuity
from risk
order by client
