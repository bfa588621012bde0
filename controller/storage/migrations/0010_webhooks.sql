-- SPDX-License-Identifier: Apache-2.0
-- How far each of the provider's other systems has been told what the history says: the audit chain is their queue.

create table webhooks (
    id @key@ primary key,
    position @integer@ not null,
    failures @integer@ not null,
    next_try @integer@ not null,
    last_answer text not null
) @strict@;
