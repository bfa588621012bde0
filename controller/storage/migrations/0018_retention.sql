-- SPDX-License-Identifier: Apache-2.0
-- What is kept ends. An erased item of the history keeps its hash; `erased` names the revision of the item that vouches for it.

alter table history add column erased @integer@ not null default 0;

alter table cases add column closed_at @integer@;
alter table cases add column erased @integer@ not null default 0;
update cases set closed_at = @body_closed_at@ where phase = 'closed';
create index cases_to_erase on cases (closed_at, number) where closed_at is not null and erased = 0;

create index courses_to_forget on cases (closed_at, number) where closed_at is not null and erased = 1;

create index vms_by_customer on vms (customer) where gone = 0;

create index deliveries_with_raw on deliveries (received_at, number) where raw <> '';
create index reports_with_raw on reports (received_at, number) where raw <> '';
create index statement_files_with_content on statement_files (at) where content <> '';
