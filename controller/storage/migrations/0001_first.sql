-- SPDX-License-Identifier: Apache-2.0
-- What Bailiff keeps. The runner fills in the words between at signs, in which the two databases differ: @integer@ is
-- 64 bits wide, @key@ is a text that sorts by its bytes, @strict@ makes SQLite refuse wrong types.
-- Instants are seconds since 1970 in UTC; booleans are 0 and 1; words are those of the programs' own tables.

-- Counters that only grow: case and report numbers, mails, VM generations, the database's epoch.
create table sequences (
    name @key@ primary key,
    value @integer@ not null
) @strict@;
insert into sequences (name, value) values ('epoch', 1);

create table customers (
    id @key@ primary key,
    name text not null,
    contact_name text not null,
    email text not null,
    phone text not null,
    language text not null,
    zone text not null,
    tokens_charged @integer@ not null
) @strict@;

create table hosts (
    id @key@ primary key,
    banned @integer@ not null,
    gate_up @integer@ not null,
    seq @integer@ not null,
    version text not null,
    trouble text not null,
    seen_at @integer@ not null
) @strict@;

create table vms (
    id @key@ primary key,
    name text not null,
    host @key@ not null,
    customer @key@ not null,
    power text not null check (power in ('running', 'paused', 'off', 'crashed', 'unknown')),
    state text not null check (state in ('running', 'limited', 'isolated', 'off', 'quarantined')),
    locked @integer@ not null,
    gone @integer@ not null,
    seen_at @integer@ not null
) @strict@;
create index vms_by_name on vms (name);
create index vms_by_host on vms (host, id);

create table vm_addresses (
    vm @key@ not null references vms (id),
    place @integer@ not null,
    address text not null,
    primary key (vm, place)
) @strict@;
create index vm_addresses_by_address on vm_addresses (address);

-- A case is the fold of its history; `body` is all of it, the columns beside it are what lists ask for.
create table cases (
    number @integer@ primary key,
    id @key@ not null unique,
    revision @integer@ not null,
    phase text not null check (phase in ('open', 'answered', 'review', 'sanctioned', 'treatment', 'restoring', 'closed')),
    vm @key@ not null,
    customer @key@ not null,
    host @key@ not null,
    opened_at @integer@ not null,
    deadline_at @integer@,
    deadline text,
    body text not null
) @strict@;
create index cases_by_phase on cases (phase, number);
create index cases_by_vm on cases (vm, number);
create index cases_by_customer on cases (customer, number);
create index cases_still_open on cases (number) where phase <> 'closed';
create index cases_by_deadline on cases (deadline_at, number) where deadline_at is not null;

-- The audit log: nothing here is ever changed or deleted. `text` is exactly what was hashed.
create table history (
    position @integer@ primary key,
    case_id @key@ not null,
    revision @integer@ not null,
    text text not null,
    hash text not null,
    unique (case_id, revision)
) @strict@;

-- One row: where the chain ends. Every writer locks it first.
create table chain_head (
    id @integer@ primary key check (id = 1),
    position @integer@ not null,
    hash text not null
) @strict@;
insert into chain_head (id, position, hash) values (1, 0, '');

create table checkpoints (
    position @integer@ primary key,
    hash text not null,
    at @integer@ not null,
    envelope text not null
) @strict@;

-- `raw` is the report as it came: as text where it is text, else in base64.
create table reports (
    number @integer@ primary key,
    id @key@ not null unique,
    case_id @key@ not null,
    triage text not null,
    type text not null,
    reporter text not null,
    observed_at @integer@ not null,
    summary text not null,
    address text not null,
    vm_hint text not null,
    raw_encoding text not null check (raw_encoding in ('text', 'base64')),
    raw text not null,
    received_at @integer@ not null
) @strict@;
create index reports_in_triage on reports (number) where case_id = '';

create table outbox (
    id @integer@ primary key,
    case_id @key@ not null,
    key @key@ not null,
    notice text not null,
    audience text not null check (audience in ('customer', 'staff', 'supervisor')),
    message_id text not null,
    state text not null check (state in ('due', 'sent', 'failed', 'withdrawn')),
    attempts @integer@ not null,
    next_try @integer@ not null,
    last_reply text not null,
    unique (case_id, key)
) @strict@;
create index outbox_due on outbox (next_try, id) where state = 'due';

create table orders (
    id @key@ primary key,
    case_id @key@ not null,
    host @key@ not null,
    seq @integer@ not null,
    demand @integer@ not null,
    issued_at @integer@ not null,
    state text not null check (state in ('issued', 'accepted', 'finished', 'void')),
    body text not null,
    envelope text not null,
    answer text
) @strict@;
create index orders_by_case on orders (case_id, demand, issued_at, seq);
create index orders_open on orders (host, seq) where state in ('issued', 'accepted');

create table jobs (
    id @key@ primary key,
    case_id @key@ not null,
    host @key@ not null,
    seq @integer@ not null,
    key text not null,
    issued_at @integer@ not null,
    state text not null check (state in ('issued', 'accepted', 'finished', 'void')),
    body text not null,
    envelope text not null,
    answer text
) @strict@;
create index jobs_by_case on jobs (case_id, issued_at, seq);
create index jobs_open on jobs (host, seq) where state in ('issued', 'accepted');

-- Frames of agents that were handled: each is delivered at least once and acted on once.
create table handled_frames (
    host @key@ not null,
    id @key@ not null,
    at @integer@ not null,
    primary key (host, id)
) @strict@;

create table accounts (
    name @key@ primary key,
    role text not null check (role in ('analyst', 'approver', 'admin')),
    token_sha256 text not null,
    disabled @integer@ not null
) @strict@;
create index accounts_by_token on accounts (token_sha256);

-- Answers that the API gave, for requests that come twice with one idempotency key.
create table answers (
    account @key@ not null,
    key @key@ not null,
    answer text not null,
    at @integer@ not null,
    primary key (account, key)
) @strict@;

-- Every policy revision that ever was in force, as its file's text: open cases pin one.
create table policies (
    id @key@ not null,
    revision @integer@ not null,
    text text not null,
    primary key (id, revision)
) @strict@;
