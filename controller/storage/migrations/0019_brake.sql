-- SPDX-License-Identifier: Apache-2.0
-- Sanctions by the clock alone, for a day: what the brake counts.

create table sanctions (
    at @integer@ not null,
    case_id @key@ not null,
    primary key (at, case_id)
) @strict@;
