-- One key for an e-mail address, however it is written: the local part without case and width (NFKC and case folding), the
-- domain in the letters that people read (RFC 5890, U-labels) and not as `xn--`.

comment on column users.email_key is
    'What makes two addresses the same: folded by the service, see `crates/kernel/src/email.rs`.';

-- A label as people read it: decodes Punycode (RFC 3492, section 6.2). What is none stays as it is. Dropped below.
create function u_label(label text) returns text language plpgsql immutable as $$
declare
    input text := substr(label, 5);
    hyphen integer := length(input) - position('-' in reverse(input)) + 1;
    output integer[] := '{}';
    rest text := input;
    n bigint := 128;
    i bigint := 0;
    bias integer := 72;
    old_i bigint;
    weight bigint;
    k integer;
    t integer;
    digit integer;
    count integer;
    delta bigint;
begin
    if label !~ '^xn--.' then
        return label;
    end if;
    if position('-' in input) > 0 then
        output := array(select ascii(letter) from unnest(string_to_array(left(input, hyphen - 1), null)) as letter);
        rest := substr(input, hyphen + 1);
    end if;
    while rest <> '' loop
        old_i := i;
        weight := 1;
        k := 36;
        loop
            digit := position(left(rest, 1) in 'abcdefghijklmnopqrstuvwxyz0123456789') - 1;
            if rest = '' or digit < 0 then
                return label;
            end if;
            rest := substr(rest, 2);
            i := i + digit * weight;
            t := case when k <= bias then 1 when k >= bias + 26 then 26 else k - bias end;
            exit when digit < t;
            weight := weight * (36 - t);
            k := k + 36;
        end loop;
        count := coalesce(cardinality(output), 0) + 1;
        delta := (i - old_i) / case when old_i = 0 then 700 else 2 end;
        delta := delta + delta / count;
        k := 0;
        while delta > 455 loop
            delta := delta / 35;
            k := k + 36;
        end loop;
        bias := k + (36 * delta / (delta + 38))::integer;
        n := n + i / count;
        i := i % count;
        output := output[:i] || n::integer || output[i + 1:];
        i := i + 1;
    end loop;
    return (select string_agg(chr(code), '' order by place) from unnest(output) with ordinality as o (code, place));
exception when others then
    return label;
end $$;

-- Only where it can differ. Where two living accounts have one address by now, that which has its key already or was opened first
-- has it from now on; the other keeps its key, by which it is not found any more, and an admin can give it another
-- address (UpdateUser).
with folded as (
    select id, email_key as old,
           normalize(replace(replace(
               lower(normalize(split_part(email_key, '@', 1), NFKC)), 'ß', 'ss'), 'ς', 'σ'), NFKC)
           || '@' || (select string_agg(u_label(label), '.' order by place)
                      from unnest(string_to_array(lower(normalize(split_part(email_key, '@', 2), NFKC)), '.'))
                          with ordinality as l (label, place)) as key
    from users where not is_deleted and (email_key ~ '[^ -~]' or email_key ~ '[@.]xn--')),
first as (select distinct on (key) id, key from folded where key <> old order by key, id)
update users set email_key = first.key from first
where users.id = first.id and char_length(first.key) <= 510 and first.key !~ '[\u0001-\u0020\u007F-\u00A0]'
    and not exists (select from users other where other.email_key = first.key and not other.is_deleted);

drop function u_label(text);
