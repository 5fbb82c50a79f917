-- What the client said and what was known on the day of the application, from the `client` table.
with rank as (
    select
        *,
        u(client, 'suite') as p_suite,
        u(client, 'weekday') as p_weekday,
        phi(0.25 * region + 0.97 * z(client, 'hour')) as p_hour,
        phi(-0.10 * ext_2 + z(client, 'circle')) as p_circle,
        phi(
            0.55 * z(client, 'circle') - 0.15 * ext_2 - 0.12 * ext_3
            + 0.82 * z(client, 'circle defaults')
        ) as p_circle_default,
        phi(0.25 * hunger + 0.97 * z(client, 'enquiries year')) as p_year,
        phi(enquiries_quarter_shift + 0.10 * hunger + z(client, 'enquiries quarter')) as p_quarter,
        phi(enquiries_month_shift + z(client, 'enquiries month')) as p_month,
        u(client, 'enquiries week') as p_week,
        u(client, 'document') as p_document,
        u(client, 'realty') as p_realty,
        u(client, 'other region') as p_other_region,
        u(client, 'work phone') as p_work_phone,
        u(client, 'area') as p_area,
        -- The known regions are few: their populations repeat.
        (floor(p_population * 81) + 0.5) / 81 as p_population_step,
        {building_ranks}
    from client
),

value as (
    select
        *,
        application__OBS_30_CNT_SOCIAL_CIRCLE(p_circle) as circle,
        application__DEF_30_CNT_SOCIAL_CIRCLE(p_circle_default) as circle_defaults,
        -- The bureau answers an enquiry for most clients it has a record of.
        not has_record and u(client, 'bureau answers') < 0.944 as no_enquiries,
        u(client, 'circle known') < application__OBS_30_CNT_SOCIAL_CIRCLE__missing() as no_circle
    from rank
)

select
    SK_ID_CURR,
    TARGET,
    part,
    case when revolving then 'Revolving loans' else 'Cash loans' end as NAME_CONTRACT_TYPE,
    case when u(client, 'gender known') < 1.3e-5 then 'XNA' when male then 'M' else 'F' end as CODE_GENDER,
    case when has_car then 'Y' else 'N' end as FLAG_OWN_CAR,
    application__FLAG_OWN_REALTY(p_realty) as FLAG_OWN_REALTY,
    children as CNT_CHILDREN,
    income / income_unit as AMT_INCOME_TOTAL,
    credit as AMT_CREDIT,
    case when u(client, 'annuity known') >= application__AMT_ANNUITY__missing()
        then case when revolving then 0.05 * credit else money(annuity) end
    end as AMT_ANNUITY,
    case when not revolving or u(client, 'price known') >= 0.009 then price end as AMT_GOODS_PRICE,
    case
        when u(client, 'suite known') >= application__NAME_TYPE_SUITE__missing() then
            application__NAME_TYPE_SUITE(p_suite)
    end as NAME_TYPE_SUITE,
    case
        when u(client, 'new category') < new_category_share then 'Platform worker'
        else income_type
    end as NAME_INCOME_TYPE,
    education as NAME_EDUCATION_TYPE,
    family_status as NAME_FAMILY_STATUS,
    housing as NAME_HOUSING_TYPE,
    application__REGION_POPULATION_RELATIVE(p_population_step) as REGION_POPULATION_RELATIVE,
    days_birth as DAYS_BIRTH,
    case
        when no_job then 365243
        else greatest(application__DAYS_EMPLOYED(p_employed), days_birth + 5800)
    end as DAYS_EMPLOYED,
    greatest(application__DAYS_REGISTRATION(p_registered), days_birth) as DAYS_REGISTRATION,
    greatest(application__DAYS_ID_PUBLISH(p_identity), days_birth + 5110) as DAYS_ID_PUBLISH,
    case when has_car then application__OWN_CAR_AGE(p_car_age) end as OWN_CAR_AGE,
    1 as FLAG_MOBIL,
    (not no_job)::integer as FLAG_EMP_PHONE,
    (not no_job and p_work_phone < 0.243)::integer as FLAG_WORK_PHONE,
    (u(client, 'mobile answers') >= 0.0015)::integer as FLAG_CONT_MOBILE,
    (u(client, 'home phone') < 0.279)::integer as FLAG_PHONE,
    (u(client, 'email') < email_share)::integer as FLAG_EMAIL,
    occupation as OCCUPATION_TYPE,
    1 + children + (family_status in ('Married', 'Civil marriage'))::integer as CNT_FAM_MEMBERS,
    region_rating as REGION_RATING_CLIENT,
    application__REGION_RATING_CLIENT_W_CITY(1 - p_city) as REGION_RATING_CLIENT_W_CITY,
    application__WEEKDAY_APPR_PROCESS_START(p_weekday) as WEEKDAY_APPR_PROCESS_START,
    application__HOUR_APPR_PROCESS_START(p_hour) as HOUR_APPR_PROCESS_START,
    (lives_elsewhere and p_other_region < 0.195)::integer as REG_REGION_NOT_LIVE_REGION,
    ((works_away or lives_elsewhere) and p_other_region < 0.20)::integer as REG_REGION_NOT_WORK_REGION,
    (works_away and p_other_region < 0.176)::integer as LIVE_REGION_NOT_WORK_REGION,
    lives_elsewhere::integer as REG_CITY_NOT_LIVE_CITY,
    works_away::integer as REG_CITY_NOT_WORK_CITY,
    (works_away and p_work_city < 0.776)::integer as LIVE_CITY_NOT_WORK_CITY,
    case
        when u(client, 'new category') < new_category_share then 'Delivery platform'
        else organization
    end as ORGANIZATION_TYPE,
    case when u(client, 'ext 1 known') >= case when occupation is null then 0.66 else 0.52 end
        then application__EXT_SOURCE_1(p_ext_1)
    end as EXT_SOURCE_1,
    case
        when u(client, 'ext 2 known') >= application__EXT_SOURCE_2__missing() then application__EXT_SOURCE_2(p_ext_2)
    end as EXT_SOURCE_2,
    case when has_record and u(client, 'ext 3 known') >= 0.0645 and ext_source_3_delivered > 0
        then application__EXT_SOURCE_3(p_ext_3)
    end as EXT_SOURCE_3,
    {building_columns},
    case
        when building >= application__TOTALAREA_MODE__missing() then application__TOTALAREA_MODE(p_livingarea)
    end as TOTALAREA_MODE,
    case when not no_circle then circle end as OBS_30_CNT_SOCIAL_CIRCLE,
    case when not no_circle then least(circle, circle_defaults) end as DEF_30_CNT_SOCIAL_CIRCLE,
    case
        when not no_circle then greatest(0, circle - (u(client, 'circle 60') < 0.02)::integer)
    end as OBS_60_CNT_SOCIAL_CIRCLE,
    case
        when not no_circle then least(circle, circle_defaults) * (u(client, 'default 60') < 0.7)::integer
    end as DEF_60_CNT_SOCIAL_CIRCLE,
    case
        when u(client, 'phone known') >= application__DAYS_LAST_PHONE_CHANGE__missing() then
            application__DAYS_LAST_PHONE_CHANGE(p_phone)
    end as DAYS_LAST_PHONE_CHANGE,
    -- Document 3 belongs to cash loans, document 6 to pensioners; hardly anyone hands in two of 3, 6 and 8.
    (not revolving and p_document < case when no_job then 0.5 else 0.851 end)::integer as FLAG_DOCUMENT_3,
    (no_job and p_document >= 0.5)::integer as FLAG_DOCUMENT_6,
    (not no_job and p_document >= 0.9)::integer as FLAG_DOCUMENT_8,
    {document_flags},
    case when not no_enquiries then (u(client, 'enquiry hour') < 0.006)::integer end as AMT_REQ_CREDIT_BUREAU_HOUR,
    case when not no_enquiries then (u(client, 'enquiry day') < 0.006)::integer end as AMT_REQ_CREDIT_BUREAU_DAY,
    case when not no_enquiries then (p_week < 0.032)::integer end as AMT_REQ_CREDIT_BUREAU_WEEK,
    case when not no_enquiries then application__AMT_REQ_CREDIT_BUREAU_MON(p_month) end as AMT_REQ_CREDIT_BUREAU_MON,
    case when not no_enquiries then application__AMT_REQ_CREDIT_BUREAU_QRT(p_quarter) end as AMT_REQ_CREDIT_BUREAU_QRT,
    case when not no_enquiries then application__AMT_REQ_CREDIT_BUREAU_YEAR(p_year) end as AMT_REQ_CREDIT_BUREAU_YEAR
from value
