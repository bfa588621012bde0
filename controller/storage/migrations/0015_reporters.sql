-- SPDX-License-Identifier: Apache-2.0
-- Who reports, how often they were right, and the mails that they get. Counts are kept by day (since 1970), so that the last ninety
-- are a sum of few rows.

create table reporters (
    id @key@ primary key,
    first_at @integer@ not null,
    last_at @integer@ not null,
    standing text not null check (standing in ('counted', 'exempt', 'throttled')),
    reason text not null,
    judged_by text not null,
    standing_at @integer@ not null,
    hour @integer@ not null,
    in_hour @integer@ not null,
    day @integer@ not null,
    told_in_day @integer@ not null
) @strict@;

create table reporter_days (
    reporter @key@ not null,
    day @integer@ not null,
    reports @integer@ not null,
    opened @integer@ not null,
    duplicates @integer@ not null,
    right_ @integer@ not null,
    wrong @integer@ not null,
    not_ours @integer@ not null,
    unparseable @integer@ not null,
    primary key (reporter, day)
) @strict@;

create table reporters_in_cases (
    case_id @key@ not null,
    reporter @key@ not null,
    delivery @key@ not null,
    primary key (case_id, reporter, delivery)
) @strict@;

-- Beside the deliveries, whose rows end with their bytes: what stands behind those is slow to read.
create table delivery_reporters (
    delivery @key@ primary key,
    reporter @key@ not null,
    tell text not null
) @strict@;

create table reporter_mails (
    delivery @key@ not null,
    notice @key@ not null check (notice in ('received', 'forwarded', 'not_ours', 'closed')),
    reporter @key@ not null,
    recipient text not null,
    message_id text not null,
    state text not null check (state in ('due', 'sent', 'failed', 'withdrawn')),
    attempts @integer@ not null,
    next_try @integer@ not null,
    last_reply text not null,
    primary key (delivery, notice)
) @strict@;
create index reporter_mails_due on reporter_mails (next_try, delivery) where state = 'due';

alter table reports add column reporter_id @key@ not null default '';
alter table reports add column settled text not null default '';
-- What was settled without a case waits for nobody.
drop index reports_in_triage;
create index reports_in_triage on reports (number) where case_id = '' and settled = '';
