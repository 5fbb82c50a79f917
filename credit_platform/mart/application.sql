-- The application itself, one row per client: every column of the contract, and ratios between them.
--
-- No present job is written as 365243 days of employment and becomes NULL, as does a gender not recorded. Flags
-- written as words become 0 and 1. Other words stay words: the model reads categories as they are.
with

cleaned as (
    select
        * replace (
            nullif(CODE_GENDER, 'XNA') as CODE_GENDER,
            nullif(DAYS_EMPLOYED, 365243) as DAYS_EMPLOYED,
            case FLAG_OWN_CAR when 'Y' then 1 when 'N' then 0 end as FLAG_OWN_CAR,
            case FLAG_OWN_REALTY when 'Y' then 1 when 'N' then 0 end as FLAG_OWN_REALTY,
            case EMERGENCYSTATE_MODE when 'Yes' then 1 when 'No' then 0 end as EMERGENCYSTATE_MODE
        ),
        case when EXT_SOURCE_1 is null then 0 else 1 end
        + case when EXT_SOURCE_2 is null then 0 else 1 end
        + case when EXT_SOURCE_3 is null then 0 else 1 end as EXT_SOURCES
    from application
)

select
    SK_ID_CURR,
    -- @columns
from cleaned
