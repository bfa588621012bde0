-- SPDX-License-Identifier: Apache-2.0
-- What each recipient has had from us lately, which further reports wait to be told of in one mail, and the addresses to
-- which notices are to be answered.
create table postings (
    number @integer@ primary key,
    recipient @key@ not null,
    at @integer@ not null,
    reports @integer@ not null check (reports in (0, 1))
) @strict@;
create index postings_by_recipient on postings (recipient, at, number);

create table waiting_reports (
    mail @integer@ primary key,
    case_id @key@ not null,
    recipient @key@ not null
) @strict@;
create index waiting_reports_by_recipient on waiting_reports (recipient, mail);

create table told_together (
    lead_case @key@ not null,
    other_case @key@ not null,
    primary key (lead_case, other_case)
) @strict@;

create table reply_tokens (
    number @integer@ primary key,
    sha256 @key@ not null unique,
    case_id @key@ not null,
    notice @key@ not null,
    made_at @integer@ not null
) @strict@;
create index reply_tokens_by_notice on reply_tokens (case_id, notice, number);
