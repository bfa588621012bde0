-- SPDX-License-Identifier: Apache-2.0
-- What hosts said of disks, signed: the envelope as it came, and what could be told of its signature then. The digest
-- stands in the history too, which is hash-chained.

create table scan_reports (
    job @key@ primary key,
    case_id @key@ not null,
    host @key@ not null,
    at @integer@ not null,
    verdict text not null check (verdict in ('clean', 'infected', 'incomplete')),
    sha256 text not null,
    whole @integer@ not null,
    signature text not null check (signature in ('valid', 'unknown', 'bad')),
    key_id text not null,
    envelope text not null
) @strict@;
create index scan_reports_by_case on scan_reports (case_id, at, job);

alter table hosts add column host_key text not null default '';
