-- SPDX-License-Identifier: Apache-2.0
-- The page on which customers answer: its addresses hold a token, of which only the SHA-256 is kept. Files that come with
-- a statement are kept in base64; the history names each with its SHA-256.

create table page_tokens (
    number @integer@ primary key,
    sha256 @key@ not null unique,
    case_id @key@ not null,
    notice @key@ not null,
    made_at @integer@ not null
) @strict@;
create index page_tokens_by_notice on page_tokens (case_id, notice, number);

create table statement_files (
    case_id @key@ not null,
    number @integer@ not null,
    name text not null,
    sha256 text not null,
    size @integer@ not null,
    at @integer@ not null,
    content text not null,
    primary key (case_id, number)
) @strict@;
