-- Every draw is a pure function of what it is drawn for (a number), what it is for (a salt) and the seed. Nothing
-- depends on the order of rows or on the number of threads.

create or replace macro u(id, salt) as (
    ((hash(xor(id::ubigint, hash(salt || ' ' || getvariable('seed')))) >> 11)::double + 0.5) / 9007199254740992.0
);

-- The normal distribution function, to about 0.0001, and its exact inverse: the logit of phi is a cubic in x.
create or replace macro phi(x) as (
    1.0::double / (1.0::double + exp(-(1.5976::double * x + 0.070565::double * x * x * x)))
);

create or replace macro probit(p) as (
    5.494254::double * sinh(asinh(0.341775::double * ln(p / (1.0::double - p))) / 3.0::double)
);

create or replace macro z(id, salt) as probit(u(id, salt));

-- Amounts in the source are multiples of 4.5.
create or replace macro money(x) as round(x / 4.5::double) * 4.5::double;

-- The nearest multiple of a step, the way people name round sums.
create or replace macro rounded(x, step) as greatest(round(x / step::double), 1.0::double) * step::double;

-- A level that wanders: random at whole x, a straight line between.
create or replace macro wander(id, x, salt) as (
    u(id * 64 + floor(x), salt) * (1 - (x - floor(x))) + u(id * 64 + floor(x) + 1, salt) * (x - floor(x))
);
