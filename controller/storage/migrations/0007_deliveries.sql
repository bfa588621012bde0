-- SPDX-License-Identifier: Apache-2.0
-- What came through a door, whole and once; reports say what they were read out of. `raw` stands last, since lists pass
-- over it; it is text where it is text, else base64, and never changes.

create table deliveries (
    number @integer@ primary key,
    id @key@ not null unique,
    state text not null check (state in ('filing', 'filed', 'triage', 'not_abuse')),
    digest @key@ not null unique,
    likeness @key@ not null,
    sender text not null,
    recipient text not null,
    format text not null,
    subject text not null,
    reporter text not null,
    triage text not null,
    notes text not null,
    by_mail @integer@ not null,
    events @integer@ not null,
    times @integer@ not null,
    received_at @integer@ not null,
    last_at @integer@ not null,
    waiting text not null,
    raw_encoding text not null check (raw_encoding in ('text', 'base64')),
    raw text not null
) @strict@;
create index deliveries_by_likeness on deliveries (likeness, number) where likeness <> '';
create index deliveries_by_state on deliveries (state, number);

alter table reports add column delivery @key@ not null default '';
create index reports_by_delivery on reports (delivery, number) where delivery <> '';
