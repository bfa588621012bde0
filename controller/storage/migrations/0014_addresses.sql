-- SPDX-License-Identifier: Apache-2.0
-- Whose an address was, and when. `network` is 32 hex digits (IPv4 in its mapped form), so that it sorts as addresses do, and `length`
-- counts in the same form. `until_at` null: still.

create table address_spans (
    network @key@ not null,
    length @integer@ not null,
    from_at @integer@ not null,
    first_port @integer@ not null,
    last_port @integer@ not null,
    source @key@ not null check (source in ('inventory', 'import', 'cmdb')),
    until_at @integer@,
    earlier @integer@ not null,
    vm @key@ not null,
    vm_name text not null,
    customer @key@ not null,
    learned_at @integer@ not null,
    primary key (network, length, from_at, first_port, last_port, source)
) @strict@;

-- The lengths that occur: what the longest prefix is looked for among.
create table address_lengths (
    length @integer@ primary key
) @strict@;

-- `address_key` is set while a report waits for somebody's history, so that news of an address finds its reports.
alter table reports add column port @integer@ not null default 0;
alter table reports add column wait @key@ not null default '' check (wait in ('', 'history', 'cmdb', 'again'));
alter table reports add column address_key @key@ not null default '';
alter table reports add column who text not null default '';
create index reports_by_address on reports (address_key, observed_at) where address_key <> '';
create index reports_waiting on reports (wait, number) where wait <> '';
