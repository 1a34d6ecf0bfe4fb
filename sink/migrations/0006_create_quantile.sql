-- Quantiles from the latency histogram.
-- +goose Up
-- bins are the sums of latency_h00 … latency_h59. Bin i holds latencies from 16·2^(i/4) ms to 16·2^((i+1)/4) ms; bin 0 also
-- everything shorter, bin 59 (from 7.3 minutes) also everything longer. Inside a bin values are taken to be spread evenly
-- on the logarithm, in bin 0 evenly from 0. For bin 59 the answer is its lower edge: the quantile is at least that.
-- +goose StatementBegin
create function tracetally.quantile(q double precision, bins numeric[])
returns double precision
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    with bin as (
        select ord - 1 as i, coalesce(n, 0)::double precision as n,
               sum(coalesce(n, 0)::double precision) over (order by ord) as upto,
               sum(coalesce(n, 0)::double precision) over () as total
        from unnest(bins) with ordinality as b (n, ord)
    ), hit as (
        select i, greatest(0, least(1, (least(1, greatest(0, q)) * total - (upto - n)) / n)) as part
        from bin
        where n > 0 and upto >= least(1, greatest(0, q)) * total
        order by i
        limit 1
    )
    select case
        when i = 0 then part * 16 * power(2, 0.25)
        when i = 59 then 16 * power(2, 14.75)
        else 16 * power(2, (i + part) / 4)
    end
    from hit
$$;
-- +goose StatementEnd
comment on function tracetally.quantile is
    'quantile q (0 to 1) in milliseconds of latencies counted in 60 bins; null when there are none';
revoke all on function tracetally.quantile from public;
