-- SPDX-License-Identifier: Apache-2.0
-- Calls of which a dialler is told, each once: what it has taken, and what it is to forget again.

create table dials (
    number @integer@ primary key,
    id @key@ not null unique,
    case_id @key@ not null,
    what text not null,
    state text not null check (state in ('to_tell', 'told', 'to_cancel', 'over')),
    attempts @integer@ not null,
    next_try @integer@ not null,
    last_answer text not null
) @strict@;
create index dials_of_case on dials (case_id, number) where state = 'to_tell' or state = 'told';
create index dials_to_send on dials (next_try, number) where state = 'to_tell' or state = 'to_cancel';
