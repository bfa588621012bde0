-- SPDX-License-Identifier: Apache-2.0
-- The tokens in the pages' addresses and those in the addresses for replies live alike: one table, which says what each is for.
-- Their numbers only say which of one notice is older, so that the replies' go behind the pages'.

create table case_tokens (
    number @integer@ primary key,
    use @key@ not null check (use in ('page', 'reply')),
    sha256 @key@ not null,
    case_id @key@ not null,
    notice @key@ not null,
    made_at @integer@ not null,
    unique (use, sha256)
) @strict@;
create index case_tokens_by_notice on case_tokens (case_id, notice, use, number);

insert into case_tokens (number, use, sha256, case_id, notice, made_at)
    select number, 'page', sha256, case_id, notice, made_at from page_tokens;
insert into case_tokens (number, use, sha256, case_id, notice, made_at)
    select number + (select coalesce(max(number), 0) from page_tokens), 'reply', sha256, case_id, notice, made_at from reply_tokens;
delete from sequences where name in ('page_token', 'reply_token');
insert into sequences (name, value) select 'case_token', coalesce(max(number), 0) from case_tokens;

drop table page_tokens;
drop table reply_tokens;
