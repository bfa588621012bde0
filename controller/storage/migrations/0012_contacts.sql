-- SPDX-License-Identifier: Apache-2.0
-- Further contacts of customers, what is known of their addresses and numbers, wishes to change them that came by mail, and
-- promises to phone. Number 0 is the authorised contact, who stands with the customer: its row says what is known of him.

create table contacts (
    customer @key@ not null,
    number @integer@ not null,
    role text not null check (role in ('authorised', 'technical', 'billing', 'security')),
    name text not null,
    email text not null,
    phone text not null,
    language text not null,
    zone text not null,
    preference @integer@ not null,
    mail text not null check (mail in ('unverified', 'verified', 'bouncing')),
    phone_state text not null check (phone_state in ('unknown', 'ok', 'wrong')),
    mail_note text not null,
    changed_by text not null,
    changed_at @integer@ not null,
    primary key (customer, number)
) @strict@;
create index contacts_by_mail on contacts (lower(email));
create index customers_by_mail on customers (lower(email));

create table contact_changes (
    number @integer@ primary key,
    id @key@ not null unique,
    state text not null check (state in ('waiting', 'approved', 'rejected')),
    customer @key@ not null,
    sender @key@ not null,
    subject text not null,
    words text not null,
    proven @integer@ not null,
    delivery @key@ not null unique,
    at @integer@ not null,
    decided_by text not null,
    reason text not null,
    decided_at @integer@ not null,
    applied text not null
) @strict@;
create index contact_changes_by_state on contact_changes (state, number);
create index contact_changes_waiting on contact_changes (sender) where state = 'waiting';

alter table cases add column call_back_at @integer@;
create index cases_by_call_back on cases (call_back_at, number) where call_back_at is not null;
