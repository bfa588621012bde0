-- SPDX-License-Identifier: Apache-2.0
-- How hosts come in: one-time tokens (only their SHA-256), and which certificates were ever given out.
-- Bans are a column of hosts, so that staff, gateway and API see the same.

create table enrolments (
    token_hash @key@ primary key,
    host @key@ not null,
    expires @integer@ not null
) @strict@;

create table host_certificates (
    host @key@ not null,
    serial @key@ not null,
    expires @integer@ not null,
    primary key (host, serial)
) @strict@;

create index hosts_banned on hosts (id) where banned = 1;
