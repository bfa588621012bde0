-- SPDX-License-Identifier: Apache-2.0
-- What a VM's host said last of its addresses, as JSON ('' = nothing), so that a record with nothing new looks up nothing; and two more
-- sources of spans. A check cannot be changed, so the table is made anew.

alter table vms add column host_addresses text not null default '';

create table address_spans_anew (
    network @key@ not null,
    length @integer@ not null,
    from_at @integer@ not null,
    first_port @integer@ not null,
    last_port @integer@ not null,
    source @key@ not null check (source in ('inventory', 'import', 'cmdb', 'enforced', 'lease')),
    until_at @integer@,
    earlier @integer@ not null,
    vm @key@ not null,
    vm_name text not null,
    customer @key@ not null,
    learned_at @integer@ not null,
    primary key (network, length, from_at, first_port, last_port, source)
) @strict@;
insert into address_spans_anew (network, length, from_at, first_port, last_port, source, until_at, earlier, vm, vm_name, customer, learned_at)
    select network, length, from_at, first_port, last_port, source, until_at, earlier, vm, vm_name, customer, learned_at from address_spans;
drop table address_spans;
alter table address_spans_anew rename to address_spans;
