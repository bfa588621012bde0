-- SPDX-License-Identifier: Apache-2.0
-- Support tokens: entries are added and never changed. What was charged before this stands in the histories of its cases and
-- enters here when it is refunded.
create table ledger (
    customer @key@ not null,
    number @integer@ not null,
    key @key@ not null unique,
    kind text not null check (kind in ('charge', 'refund', 'grant', 'adjustment')),
    amount @integer@ not null,
    balance @integer@ not null,
    reason text not null,
    actor text not null,
    case_id @key@ not null,
    at @integer@ not null,
    primary key (customer, number)
) @strict@;
